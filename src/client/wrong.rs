//! What is wrong with a configuration or a mail that was refused, for people: which field, and why.
//!
//! The checks themselves only give a code, which is all that a device has room for. Here a refusal is looked at again.

use super::mail::is_clean;
use super::settings::{Draft, limits_of_password, mechanisms};
use crate::buffer::Window;
use crate::code::{Code, Reason};
use crate::limits::{ADDRESS_BYTES, CHARSET_BYTES, CREDENTIAL_BYTES, LOCAL_PART_BYTES, NAME_BYTES};
use crate::octets::{behind_last, printable};
use crate::wire::address;
use crate::wire::capability::Capabilities;
use crate::wire::mailbox::Fault;

/// How much of a wrong address is shown.
const SHOWN_BYTES: usize = 64;

/// Where in a field something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of it.
    Whole,
    /// The entry of a list, 0 is the first. It is written as people count.
    Entry(usize),
    /// The byte of a text, 0 is the first.
    Byte(usize),
}

/// A field that is wrong, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong<'a> {
    /// The code that the call answers.
    pub code: Code,
    /// The field, or the argument, as C names it.
    pub field: &'static str,
    /// Where in it.
    pub place: Place,
    /// The entry itself, where it may be shown.
    pub shown: &'a [u8],
    /// What is wrong with it.
    pub why: &'static str,
}

impl<'a> Wrong<'a> {
    /// A field that is wrong.
    pub const fn new(code: Code, field: &'static str, why: &'static str) -> Self {
        Self {
            code,
            field,
            place: Place::Whole,
            shown: &[],
            why,
        }
    }

    /// An entry of a list that is wrong; the first one has number 0 here.
    pub fn entry(code: Code, field: &'static str, number: usize, why: &'static str) -> Self {
        Self {
            place: Place::Entry(number),
            ..Self::new(code, field, why)
        }
    }

    /// Writes it, as "to: entry 2 (operator): no @": printable ASCII.
    pub fn write(&self, out: &mut Window<'_>) {
        out.put_seldom(self.field.as_bytes());
        out.put_seldom(b": ");
        let (unit, number) = match self.place {
            Place::Whole => (&b""[..], 0),
            Place::Entry(number) => (&b"entry "[..], number.saturating_add(1)),
            Place::Byte(number) => (&b"byte "[..], number),
        };
        if !unit.is_empty() {
            out.put_seldom(unit);
            out.decimal(u64::try_from(number).unwrap_or(u64::MAX));
            if !self.shown.is_empty() {
                out.put_seldom(b" (");
                for octet in self.shown.iter().take(SHOWN_BYTES) {
                    out.put(printable(*octet));
                }
                if self.shown.len() > SHOWN_BYTES {
                    out.put_seldom(b"...");
                }
                out.put_seldom(b")");
            }
            out.put_seldom(b": ");
        }
        out.put_seldom(self.why.as_bytes());
    }

    /// What is wrong with a draft whose check gave this code. Its server is looked at elsewhere.
    pub fn of_draft(draft: &Draft<'_>, code: Code) -> Self {
        let limit = match draft.credential_limit {
            0 => CREDENTIAL_BYTES,
            limit => limit,
        };
        let given = |text: Option<&[u8]>| text.is_some_and(|text| !text.is_empty());
        let set = mechanisms(draft.auth).unwrap_or(Capabilities::NONE);
        let (limit_of_token, _) = limits_of_password(set, 0);
        let credential = |given: Option<&[u8]>, limit_of_token: usize| match given {
            None | Some([]) => "missing, and auth is not 0",
            Some(long) if limit_of_token > 0 && long.len() > limit_of_token => "longer than 16384 bytes",
            Some(long) if limit_of_token == 0 && long.len() > CREDENTIAL_BYTES => "longer than 4096 bytes",
            Some(long) if limit_of_token == 0 && long.len() > limit => "longer than credential_limit",
            Some(text) if is_clean(text, 1 | 1 << b'\r' | 1 << b'\n') => "a control character in it",
            Some(_) => "a line end in it",
        };
        let (field, why) = match code {
            Code::ConnectFailed => ("port", "not 1 to 65535"),
            Code::BadUsername => ("username", credential(draft.username, 0)),
            Code::BadPassword => ("password", credential(draft.password, limit_of_token)),
            Code::SenderRefused if !given(draft.sender) => ("sender", "missing"),
            Code::SenderRefused => match (draft.sender_name, draft.sender) {
                (Some(name), _) if name.len() > NAME_BYTES => ("sender_name", "longer than 200 bytes"),
                (Some(name), _) if !is_clean(name, u32::MAX) => ("sender_name", "a control character in it"),
                (_, sender) => ("sender", of_mailbox(sender.unwrap_or(&[]))),
            },
            Code::HeloFailed => ("ehlo_name", "no domain name, IP address or address literal"),
            Code::BadArgument if mechanisms(draft.auth).is_err() => match draft.auth {
                ..=255 => ("auth", "SDS_SMTP_AUTH_ANY (1) with others: it stands alone"),
                _ => ("auth", "unknown bit"),
            },
            Code::BadArgument if draft.charset.is_some_and(|charset| charset.len() > CHARSET_BYTES) => {
                ("charset", "longer than 40 bytes")
            }
            Code::BadArgument => ("charset", "something else than letters, digits, - _ + in it"),
            _ => ("config", "out of memory"),
        };
        Self::new(code, field, why)
    }

    /// What is wrong with a mail that cannot be sent for this reason, and would get this code. Its recipients are looked at
    /// elsewhere.
    pub fn of_mail(subject: &[u8], code: Code, reason: Reason) -> Self {
        let (field, why) = match reason {
            Reason::BadSubject if !is_clean(subject, 1 | 1 << b'\r' | 1 << b'\n') => ("subject", "a line end in it"),
            Reason::BadSubject => ("subject", "a control character in it"),
            Reason::LongSubject => ("subject", "longer than 2000 bytes"),
            Reason::LongText => ("text", "longer than 64 MiB"),
            Reason::BadSource => ("read", "it failed"),
            Reason::NotConfigured => ("client", "not configured"),
            Reason::NoTransport => ("client", "no transport"),
            Reason::NoSocket => ("client", "no descriptor is free"),
            Reason::NoThread => ("client", "the system has no thread for the library"),
            Reason::BadStructure => ("message", "NULL, or struct_size is not known"),
            _ => ("message", "out of memory"),
        };
        Self::new(code, field, why)
    }
}

/// What is wrong with an entry of a list of mailboxes.
pub fn of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Empty => "empty",
        Fault::Control => "a control character in it",
        Fault::Misleading => "a character in it that turns the direction of writing, or ends a line elsewhere",
        Fault::NotUtf8 => "neither ASCII nor UTF-8",
        Fault::Quote => "a quotation mark without its end",
        Fault::Comment => "a comment (in parentheses) without its end",
        Fault::Angle => "a < without its >",
        Fault::BehindAngle => "something behind the >; a comma separates",
        Fault::Group => "a colon: groups are not taken, and a name with a colon stands in quotation marks",
        Fault::NoAt => "no @: a whole e-mail address is needed",
        Fault::Long => "longer than 254 bytes",
        Fault::NoLocalPart => "nothing before the @",
        Fault::LocalPart => "an invalid character before the @",
        Fault::NoDomain => "nothing behind the @",
        Fault::Domain => "no domain behind the @",
    }
}

/// What is wrong with an address that is no mailbox.
fn of_mailbox(address: &[u8]) -> &'static str {
    let domain = behind_last(address, b'@');
    let at = address.len().wrapping_sub(domain.len()).wrapping_sub(1);
    match address.get(..at) {
        _ if address.iter().any(u8::is_ascii_control) => "a control character in it",
        _ if !address.iter().all(u8::is_ascii) => "not ASCII",
        None => "no @: a whole e-mail address is needed",
        _ if address.len() > ADDRESS_BYTES => "longer than 254 bytes",
        Some([]) => "nothing before the @",
        Some(local) if local.len() > LOCAL_PART_BYTES => "more than 64 bytes before the @",
        Some(_) if domain.is_empty() => "nothing behind the @",
        Some(_) if !address::is_domain_or_literal(domain) => "no domain behind the @",
        Some(_) => "an invalid character before the @",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::literal::LITERAL_BYTES;
    use std::string::String;

    fn says(wrong: Wrong<'_>) -> String {
        let mut room = [0; 255];
        let mut out = Window::new(&mut room, 0);
        wrong.write(&mut out);
        let length = out.kept();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    #[test]
    fn every_draft_that_is_refused_is_explained_by_its_field() {
        static LONG: [u8; 4097] = [b'x'; 4097];
        let good = Draft {
            server: Some(b"192.0.2.1"),
            auth: 1,
            username: Some(b"user"),
            password: Some(b"secret"),
            sender: Some(b"sds@example.cz"),
            ..Draft::default()
        };
        type Change = fn(&mut Draft<'static>);
        let changes: [(Change, &str); 19] = [
            (|draft| draft.port = 65_536, "port: not 1 to 65535"),
            (|draft| draft.auth = 256, "auth: unknown bit"),
            (
                |draft| draft.auth = 3,
                "auth: SDS_SMTP_AUTH_ANY (1) with others: it stands alone",
            ),
            (|draft| draft.username = None, "username: missing, and auth is not 0"),
            (
                |draft| draft.username = Some(b""),
                "username: missing, and auth is not 0",
            ),
            (|draft| draft.username = Some(&LONG), "username: longer than 4096 bytes"),
            (|draft| draft.username = Some(b"a\n"), "username: a line end in it"),
            (
                |draft| (draft.credential_limit, draft.password) = (4, Some(&b"secret"[..])),
                "password: longer than credential_limit",
            ),
            (|draft| draft.password = Some(b"a\r"), "password: a line end in it"),
            (|draft| draft.password = None, "password: missing, and auth is not 0"),
            (|draft| draft.sender = None, "sender: missing"),
            (
                |draft| draft.sender = Some(b"sds"),
                "sender: no @: a whole e-mail address is needed",
            ),
            (|draft| draft.sender = Some(b"sds@"), "sender: nothing behind the @"),
            (
                |draft| draft.sender_name = Some(&LONG),
                "sender_name: longer than 200 bytes",
            ),
            (
                |draft| draft.sender_name = Some(b"a\nb"),
                "sender_name: a control character in it",
            ),
            (
                |draft| draft.ehlo_name = Some(b"two words"),
                "ehlo_name: no domain name, IP address or address literal",
            ),
            (|draft| draft.charset = Some(&LONG), "charset: longer than 40 bytes"),
            (
                |draft| draft.charset = Some(b"a b"),
                "charset: something else than letters, digits, - _ + in it",
            ),
            (
                |draft| draft.sender_name = Some(b"\x7f"),
                "sender_name: a control character in it",
            ),
        ];
        for (change, wanted) in changes {
            let mut draft = good;
            change(&mut draft);
            let code = draft.check(&mut [0; LITERAL_BYTES]).unwrap_err();
            assert_eq!(says(Wrong::of_draft(&draft, code)), wanted);
        }
    }
}
