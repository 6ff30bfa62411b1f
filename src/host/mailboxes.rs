//! The mailboxes of a program's lists: as they are written, and as they are sent.

use super::idn;
use super::no_server::NoServer;
use crate::buffer::Window;
use crate::client::wrong::{Place, Wrong, of_fault};
use crate::code::Code;
use crate::limits::{ADDRESS_BYTES, Count, DOMAIN_BYTES, MANY_RECIPIENTS, NAME_BYTES};
use crate::octets::{Bounded, copy};
use crate::wire::mailbox::{self, Fault, Mailbox, Mailboxes};

/// The lists of recipients, each with the name of its field.
pub type Lists<'a> = [(&'static str, &'a [u8]); 3];

/// An entry of a list, and its text.
#[derive(Clone, Copy)]
pub struct Listed<'a> {
    /// What was written.
    pub text: &'a [u8],
    /// What it is.
    pub mailbox: Mailbox<'a>,
}

/// The entries of a list, or which one is wrong.
pub fn entries<'a>(
    field: &'static str,
    code: Code,
    list: &'a [u8],
) -> impl Iterator<Item = Result<Listed<'a>, Wrong<'a>>> {
    Mailboxes::new(list).enumerate().map(move |(number, (text, mailbox))| {
        let mailbox = mailbox.map_err(|fault| Problem::Form(fault).of(field, code, number, text))?;
        Ok(Listed { text, mailbox })
    })
}

/// Writes the recipients as a list of addresses; how many they are.
pub fn write_recipients<'a>(lists: &Lists<'a>, utf8: &mut bool, out: &mut Window<'_>) -> Result<Count, Wrong<'a>> {
    let code = Code::RecipientRefused;
    let (mut count, mut all) = (0 as Count, 0usize);
    for (field, list) in lists.iter().copied() {
        let mut address = Path::NONE;
        for (number, listed) in entries(field, code, list).enumerate() {
            let listed = listed?;
            address
                .read(&listed)
                .map_err(|why| why.of(field, code, number, listed.text))?;
            all = all.saturating_add(1);
            if all > MANY_RECIPIENTS {
                return Err(Wrong::new(code, field, "too many recipients: more than 100000"));
            }
            *utf8 |= address.is_utf8();
            if count > 0 {
                out.put(b',');
            }
            out.put_all(address.octets.octets());
            count = count.saturating_add(1);
        }
    }
    if count == 0 {
        return Err(Wrong::new(code, "to", "no recipient"));
    }
    Ok(count)
}

/// A display name as it is meant; None where it is too long.
pub fn name_of(mailbox: &Mailbox<'_>) -> Option<Bounded<NAME_BYTES>> {
    let mut fits = true;
    let name = Bounded::written(|room| {
        let mut length = 0usize;
        fits = mailbox::write_name(mailbox.name, |octet| match room.get_mut(length) {
            Some(place) => {
                *place = octet;
                length = length.saturating_add(1);
                true
            }
            None => false,
        });
        length
    });
    fits.then_some(name)
}

/// Why an entry is no address.
pub enum Problem {
    /// Its form.
    Form(Fault),
    /// Its domain, which is not ASCII.
    Domain(NoServer),
}

impl Problem {
    /// The refusal of an entry.
    pub fn of<'a>(self, field: &'static str, code: Code, number: usize, text: &'a [u8]) -> Wrong<'a> {
        let (code, why) = match self {
            Self::Form(fault) => (code, of_fault(fault)),
            Self::Domain(NoServer::NoMemory) => (Code::DataFailed, "out of memory"),
            Self::Domain(_) if !cfg!(feature = "unicode") => (
                Code::NotSupported,
                "other letters than ASCII behind the @, which this build does not know (feature unicode)",
            ),
            Self::Domain(NoServer::LongName) => (code, "longer than 254 bytes"),
            Self::Domain(_) => (code, "no domain behind the @"),
        };
        Wrong {
            shown: text,
            ..Wrong::entry(code, field, number, why)
        }
    }
}

/// A path (RFC 5321, 4.1.2): an address as it is sent, its domain in ASCII.
pub struct Path {
    /// The address.
    pub octets: Bounded<ADDRESS_BYTES>,
}

impl Path {
    /// None.
    pub const NONE: Self = Self { octets: Bounded::EMPTY };

    /// Whether it has letters outside ASCII.
    pub fn is_utf8(&self) -> bool {
        !self.octets.octets().is_ascii()
    }

    /// Reads an entry of a list.
    pub fn read(&mut self, listed: &Listed<'_>) -> Result<(), Problem> {
        self.read_mailbox(&listed.mailbox)
    }

    fn read_mailbox(&mut self, mailbox: &Mailbox<'_>) -> Result<(), Problem> {
        let (local, domain) = mailbox.parts().map_err(Problem::Form)?;
        let mut room = [0; DOMAIN_BYTES];
        let mut domain = domain;
        if !domain.is_ascii() {
            let name = core::str::from_utf8(domain).map_err(|_| Problem::Form(Fault::NotUtf8))?;
            let length = idn::to_a_labels(name, &mut room).map_err(Problem::Domain)?;
            domain = room.get(..length).unwrap_or(&[]);
        }
        mailbox::is_address(local, domain).map_err(Problem::Form)?;
        self.octets = Bounded::written(|out| {
            let mut length = 0usize;
            for part in [local, b"@", domain] {
                length = length.saturating_add(copy(out.get_mut(length..).unwrap_or(&mut []), part));
            }
            length
        });
        Ok(())
    }

    /// Reads the one entry of a field.
    pub fn read_only<'a>(&mut self, field: &'static str, code: Code, text: &'a [u8]) -> Result<Mailbox<'a>, Wrong<'a>> {
        let mut all = Mailboxes::new(text);
        let wrong = |problem: Problem| Wrong {
            place: Place::Whole,
            ..problem.of(field, code, 0, &[])
        };
        let Some((_, mailbox)) = all.next() else {
            return Err(wrong(Problem::Form(Fault::Empty)));
        };
        let mailbox = mailbox.map_err(|fault| wrong(Problem::Form(fault)))?;
        if all.next().is_some() {
            return Err(Wrong::new(code, field, "more than one address"));
        }
        self.read_mailbox(&mailbox).map_err(wrong)?;
        Ok(mailbox)
    }

    /// Reads a mailbox with a display name; what is meant by that name.
    pub fn read_named<'a>(
        &mut self,
        field: &'static str,
        code: Code,
        text: &'a [u8],
    ) -> Result<Bounded<NAME_BYTES>, Wrong<'a>> {
        let mailbox = self.read_only(field, code, text)?;
        name_of(&mailbox).ok_or(Wrong::new(code, field, "a name longer than 200 bytes"))
    }
}
