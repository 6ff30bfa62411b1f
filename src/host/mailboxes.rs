//! The mailboxes of a program's lists: as they are written, and as they are sent.

use super::idn;
use super::no_server::NoServer;
use crate::client::wrong::{Wrong, of_fault};
use crate::code::Code;
use crate::limits::{ADDRESS_BYTES, DOMAIN_BYTES, MANY_RECIPIENTS, NAME_BYTES};
use crate::octets::{Bounded, copy, is_ascii};
use crate::wire::mailbox::{self, Fault, Mailbox, Mailboxes};

/// What was found in the lists that were read.
#[derive(Clone, Copy, Default)]
pub struct Found {
    /// How many addresses there are.
    pub count: usize,
    /// One of them has characters outside ASCII.
    pub utf8: bool,
}

/// What an entry is handed to, with its address as it is sent; or what is wrong with it.
pub type Each<'e, 'a> = &'e mut dyn FnMut(&Mailbox<'a>, &[u8]) -> Result<(), &'static str>;

/// Reads a list, and hands over each of its entries.
pub fn read<'a>(
    field: &'static str,
    code: Code,
    list: &'a [u8],
    found: &mut Found,
    each: Each<'_, 'a>,
) -> Result<(), Wrong<'a>> {
    let mut path = Path::NONE;
    for (number, (text, mailbox)) in Mailboxes::new(list).enumerate() {
        if found.count >= MANY_RECIPIENTS {
            let why = match code {
                Code::RecipientRefused => "too many recipients: more than 100000",
                _ => "more than 100000 addresses",
            };
            return Err(Wrong::new(code, field, why));
        }
        found.count = found.count.saturating_add(1);
        let read = mailbox.map_err(Problem::Form).and_then(|mailbox| {
            path.read(&mailbox)?;
            each(&mailbox, path.octets.octets()).map_err(Problem::Other)
        });
        if let Err(problem) = read {
            let (code, why) = problem.of(code);
            return Err(Wrong {
                shown: text,
                ..Wrong::entry(code, field, number, why)
            });
        }
        found.utf8 |= path.is_utf8();
    }
    Ok(())
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
    /// Something else.
    Other(&'static str),
}

impl Problem {
    /// The code, where that of other entries is this one, and the words.
    fn of(self, code: Code) -> (Code, &'static str) {
        match self {
            Self::Form(fault) => (code, of_fault(fault)),
            Self::Other(why) => (code, why),
            Self::Domain(NoServer::NoMemory) => (Code::DataFailed, "out of memory"),
            Self::Domain(_) if !cfg!(feature = "unicode") => (
                Code::NotSupported,
                "other letters than ASCII behind the @, which this build does not know (feature unicode)",
            ),
            Self::Domain(NoServer::LongName) => (code, "longer than 254 bytes"),
            Self::Domain(_) => (code, "no domain behind the @"),
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
        !is_ascii(self.octets.octets())
    }

    /// Reads a mailbox.
    fn read(&mut self, mailbox: &Mailbox<'_>) -> Result<(), Problem> {
        let (local, domain) = mailbox.parts().map_err(Problem::Form)?;
        let mut room = [0; DOMAIN_BYTES];
        let mut domain = domain;
        if !is_ascii(domain) {
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
        let first = all.next().map_or(Err(Fault::Empty), |(_, mailbox)| mailbox);
        let read = first.map_err(Problem::Form).and_then(|mailbox| {
            if all.next().is_some() {
                return Err(Problem::Other("more than one address"));
            }
            self.read(&mailbox)?;
            Ok(mailbox)
        });
        read.map_err(|problem| {
            let (code, why) = problem.of(code);
            Wrong::new(code, field, why)
        })
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
