//! A mail as a program gives it, with all that only few mails have; and how it is checked.

use std::boxed::Box;

use super::mailboxes::{self, Found, Path, name_of};
use super::memory::{Boxed, wipe, zeros};
use crate::buffer::Window;
use crate::client::mail;
use crate::client::wrong::Wrong;
use crate::code::Code;
use crate::limits::{Count, ENVELOPE_ID_BYTES, GIVEN_MESSAGE_ID_BYTES, HEADERS_BYTES};
use crate::message::field;
pub use crate::message::field::Priority;
use crate::octets::Bounded;
pub use crate::session::parameters::{Notify, Verb};
use crate::session::parameters::{Parameters, write_xtext};

/// A mail as a program gives it. What is empty, or has its default, was not given.
#[derive(Clone, Copy, Default)]
pub struct Outgoing<'a> {
    /// The recipients that To names.
    pub to: &'a [u8],
    /// Those that Cc names.
    pub cc: &'a [u8],
    /// Those that are not named.
    pub bcc: &'a [u8],
    /// Where answers go to.
    pub reply_to: &'a [u8],
    /// The author, instead of the configuration's sender.
    pub from: &'a [u8],
    /// The reverse-path, where it is another; `<>` is the null one.
    pub reverse_path: &'a [u8],
    /// The subject.
    pub subject: &'a [u8],
    /// The text.
    pub text: &'a [u8],
    /// Further header fields, each `Name: value`.
    pub headers: &'a [&'a [u8]],
    /// The Message-ID, with its angle brackets.
    pub message_id: &'a [u8],
    /// The name of the envelope, for delivery status notifications.
    pub envelope_id: &'a [u8],
    /// Seconds since 1970; 0: now.
    pub date: i64,
    /// How the transaction begins.
    pub verb: Verb,
    /// What the sender wants to be told of the delivery.
    pub notify: Notify,
    /// How important it is.
    pub priority: Priority,
    /// No person has written it.
    pub auto_submitted: bool,
}

/// Text that is wiped when it is used no more.
#[derive(Default)]
pub struct Wiped(Box<[u8]>);

impl core::ops::Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What few mails have.
#[derive(Default)]
pub struct Extras {
    /// What they say in their envelope.
    pub parameters: Parameters,
    /// Header fields, whole lines: those of addresses, and the program's own.
    pub lines: Wiped,
    /// The Message-ID, where it is the program's.
    pub message_id: Bounded<GIVEN_MESSAGE_ID_BYTES>,
    /// The time for Date, in seconds since 1970; 0: now.
    pub date: u32,
}

/// A mail that was checked: what is copied of it.
pub struct Checked {
    /// All recipients: a list of addresses, with nothing else in it.
    pub recipients: Wiped,
    /// How many they are.
    pub count: Count,
    /// What few mails have.
    pub extras: Boxed<Extras>,
}

impl<'a> Outgoing<'a> {
    /// A mail with nothing but this.
    pub fn of(to: &'a [u8], subject: &'a [u8], text: &'a [u8]) -> Self {
        Self {
            to,
            subject,
            text,
            ..Self::default()
        }
    }

    /// The same of a whole message, whose header block is its own: what only that would have is not used. An author is only who
    /// sends the envelope.
    #[must_use]
    pub fn raw(self) -> Self {
        let from = if self.reverse_path.is_empty() { self.from } else { &[] };
        Self {
            from,
            subject: &[],
            reply_to: &[],
            headers: &[],
            message_id: &[],
            date: 0,
            priority: Priority::Normal,
            auto_submitted: false,
            ..self
        }
    }

    /// Checks it, and copies what few mails have; or which field is wrong. `charset` is that of names that are not UTF-8.
    pub fn check(&self, charset: &[u8]) -> Result<Checked, Wrong<'a>> {
        let mut extras = Boxed::new(Extras::default()).ok_or(NO_MEMORY)?;
        self.read_parameters(&mut extras.parameters)?;
        let mut utf8 = extras.parameters.utf8;
        let mut count = 0;
        let recipients = written(&mut |out| {
            let mut found = Found::default();
            for (field, list) in [("to", self.to), ("cc", self.cc), ("bcc", self.bcc)] {
                mailboxes::read(field, Code::RecipientRefused, list, &mut found, &mut |_, address| {
                    if out.column() > 0 {
                        out.put(b',');
                    }
                    out.put_seldom(address);
                    Ok(())
                })?;
            }
            utf8 |= found.utf8;
            count = Count::try_from(found.count).unwrap_or(Count::MAX);
            Ok(())
        })?;
        if count == 0 {
            return Err(Wrong::new(Code::RecipientRefused, "to", "no recipient"));
        }
        if let Err(reason) = mail::check_all_else(self.subject, self.text) {
            return Err(Wrong::of_mail(self.subject, mail::code(reason), reason));
        }
        extras.lines = written(&mut |out| self.write_lines(charset, &mut utf8, out))?;
        if utf8 && !self.verb.takes_parameters() {
            let why = "with it no address can have other letters than ASCII before its @";
            return Err(Wrong::new(Code::NotSupported, "verb", why));
        }
        extras.parameters.utf8 = utf8;
        extras.message_id = Bounded::new(self.message_id);
        extras.date = u32::try_from(self.date).unwrap_or(0);
        Ok(Checked {
            recipients,
            count,
            extras,
        })
    }

    /// What the envelope says, and the fields that are one word each.
    fn read_parameters(&self, parameters: &mut Parameters) -> Result<(), Wrong<'a>> {
        let wrong = |field, why| Err(Wrong::new(Code::BadArgument, field, why));
        (parameters.verb, parameters.notify) = (self.verb, self.notify);
        if u32::try_from(self.date).is_err() {
            return wrong("date", "before 1970, or after 2106");
        }
        if self.message_id.len() > GIVEN_MESSAGE_ID_BYTES {
            return wrong("message_id", "longer than 319 bytes");
        }
        if !self.message_id.is_empty() && !field::is_message_id(self.message_id) {
            return wrong("message_id", "not <something@somewhere> in ASCII, without blanks");
        }
        if !self.envelope_id.iter().all(|octet| matches!(octet, b' '..=b'~')) {
            return wrong("envelope_id", "something else than printable ASCII in it");
        }
        let mut counted = Window::counting();
        write_xtext(self.envelope_id, &mut counted);
        if counted.written() > ENVELOPE_ID_BYTES {
            return wrong("envelope_id", "longer than 100 bytes (blanks, + and = count as three)");
        }
        parameters.envelope_id = Bounded::written(|room| {
            let mut out = Window::new(room, 0);
            write_xtext(self.envelope_id, &mut out);
            out.kept()
        });
        let notify = &self.notify;
        if notify.never && (notify.success || notify.failure || notify.delay || notify.full) {
            return wrong("dsn", "SDS_SMTP_DSN_NEVER stands alone");
        }
        if parameters.asks_for_notices() && !self.verb.takes_parameters() {
            let field = if self.envelope_id.is_empty() {
                "dsn"
            } else {
                "envelope_id"
            };
            return wrong(field, "set, and SEND, SOML and SAML have no parameters");
        }
        if !self.from.is_empty() {
            let mut address = Path::NONE;
            address.read_only("from", Code::SenderRefused, self.from)?;
            parameters.utf8 |= address.is_utf8();
            parameters.from = Some(address.octets);
        }
        match self.reverse_path {
            [] => {}
            b"<>" => parameters.reverse_path = Some(Bounded::EMPTY),
            path => {
                let mut address = Path::NONE;
                let mailbox = address.read_only("reverse_path", Code::SenderRefused, path)?;
                if !mailbox.name.is_empty() {
                    return Err(Wrong::new(Code::SenderRefused, "reverse_path", "a name in it"));
                }
                parameters.utf8 |= address.is_utf8();
                parameters.reverse_path = Some(address.octets);
            }
        }
        Ok(())
    }

    /// Writes the header fields of addresses, and the program's own.
    fn write_lines(&self, charset: &[u8], utf8: &mut bool, out: &mut Window<'_>) -> Result<(), Wrong<'a>> {
        let mut write = |name, field, code, list| write_list(name, (field, code, list), charset, utf8, out);
        write(b"From", "from", Code::SenderRefused, self.from)?;
        write(b"Reply-To", "reply_to", Code::BadArgument, self.reply_to)?;
        write(b"To", "to", Code::RecipientRefused, self.to)?;
        write(b"Cc", "cc", Code::RecipientRefused, self.cc)?;
        field::write_priority(self.priority, out);
        if self.auto_submitted {
            field::write_auto_submitted(out);
        }
        self.write_headers(charset, out)
    }

    fn write_headers(&self, charset: &[u8], out: &mut Window<'_>) -> Result<(), Wrong<'a>> {
        let mut length = 0usize;
        for (number, header) in self.headers.iter().copied().enumerate() {
            let name = header.split(|octet| *octet == b':').next().unwrap_or(&[]);
            let wrong = |why| Wrong {
                shown: name,
                ..Wrong::entry(Code::BadArgument, "headers", number, why)
            };
            length = length.saturating_add(header.len());
            if length > HEADERS_BYTES {
                return Err(wrong("all together longer than 1 MiB"));
            }
            let (name, value) = field::read(header).map_err(|fault| {
                wrong(match fault {
                    field::Fault::NoColon => "no colon behind its name",
                    field::Fault::Name => "a name with a blank, or something else than printable ASCII, in it",
                    field::Fault::LongName => "a name longer than 76 bytes",
                    field::Fault::LineEnd => "a line end in it",
                    field::Fault::Control => "a control character in it",
                    field::Fault::LongWord => "a word longer than 900 bytes",
                })
            })?;
            if let Some(why) = field::not_yours(name, self.priority, self.auto_submitted) {
                return Err(wrong(why));
            }
            field::write(name, value, charset, out);
        }
        Ok(())
    }
}

/// Writes a field of mailboxes, where there are some: its name, and the list.
// Saves 100 bytes.
#[inline(never)]
fn write_list<'a>(
    name: &[u8],
    (field, code, list): (&'static str, Code, &'a [u8]),
    charset: &[u8],
    utf8: &mut bool,
    out: &mut Window<'_>,
) -> Result<(), Wrong<'a>> {
    let (mut found, mut any) = (Found::default(), false);
    mailboxes::read(field, code, list, &mut found, &mut |mailbox, address| {
        let display = name_of(mailbox).ok_or("a name longer than 200 bytes")?;
        if !any {
            field::begin_mailboxes(name, out);
        }
        field::write_mailbox(!any, display.octets(), charset, address, out);
        any = true;
        Ok(())
    })?;
    *utf8 |= found.utf8;
    if any {
        out.end_line();
    }
    Ok(())
}

const NO_MEMORY: Wrong<'static> = Wrong::new(Code::DataFailed, "message", "out of memory");

/// What this writes, twice, in as much memory as it takes.
fn written<'a>(write: &mut dyn FnMut(&mut Window<'_>) -> Result<(), Wrong<'a>>) -> Result<Wiped, Wrong<'a>> {
    let mut counted = Window::counting();
    write(&mut counted)?;
    let mut text = zeros(counted.written()).ok_or(NO_MEMORY)?;
    write(&mut Window::new(&mut text, 0))?;
    Ok(Wiped(text))
}
