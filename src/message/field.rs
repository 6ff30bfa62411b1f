//! Header fields that few mails have, with a system: lists of mailboxes with display names, and the program's own fields.

use super::word;
use crate::buffer::Window;
use crate::limits::HEADER_LINE_BYTES;
use crate::octets::{is_ascii, is_same_word, trimmed};

/// The longest name of a field of the program's.
const NAME_BYTES: usize = 76;

/// The longest word in its value, with the blanks before it: with the name it stays within a line (RFC 5322, 2.1.1).
const WORD_BYTES: usize = 900;

/// Behind a longer name text that has to be encoded begins on a line of its own.
const SHORT_NAME_BYTES: usize = 16;

/// Why this is no header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no colon.
    NoColon,
    /// The name is empty, or has something else than printable ASCII in it.
    Name,
    /// The name is too long.
    LongName,
    /// The value has a line end in it.
    LineEnd,
    /// The value has another control character in it.
    Control,
    /// The value has a word that is too long for a line.
    LongWord,
}

/// Fields that the library writes itself.
const OURS: &[u8] = b"Date,From,Reply-To,To,Cc,Subject,Message-ID,MIME-Version";

/// Fields that name who is not to be named.
const HIDDEN: &[u8] = b"Bcc,Resent-Bcc";

/// Fields that servers write.
const OF_SERVERS: &[u8] = b"Return-Path,Received";

/// The fields that tell a priority.
const PRIORITY: &[u8] = b"X-Priority,Importance,Priority";

const AUTO_SUBMITTED: &[u8] = b"Auto-Submitted";

/// How important a mail is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// As any.
    #[default]
    Normal,
    /// More.
    High,
    /// Less.
    Low,
}

/// A field of the program's: its name, and its value without the blanks around it.
pub fn read(field: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = field.iter().position(|octet| *octet == b':').ok_or(Fault::NoColon)?;
    let (name, rest) = field.split_at_checked(colon).ok_or(Fault::NoColon)?;
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(Fault::Name);
    }
    if name.len() > NAME_BYTES {
        return Err(Fault::LongName);
    }
    let value = rest.get(1..).unwrap_or(&[]);
    for octet in value {
        match octet {
            b'\t' => {}
            b'\r' | b'\n' => return Err(Fault::LineEnd),
            octet if octet.is_ascii_control() => return Err(Fault::Control),
            _ => {}
        }
    }
    let value = trimmed(value);
    let mut words = Words { rest: value };
    if is_ascii(value) && words.any(|word| word.len() > WORD_BYTES) {
        return Err(Fault::LongWord);
    }
    Ok((name, value))
}

/// Why a field of this name is not the program's to write, in a mail like this; None where it is.
pub fn not_yours(name: &[u8], priority: Priority, auto_submitted: bool) -> Option<&'static str> {
    let content = name.get(.."Content-".len());
    let ours = is_among(name, OURS)
        || content.is_some_and(|begin| is_same_word(begin, b"Content-"))
        || (priority != Priority::Normal && is_among(name, PRIORITY))
        || (auto_submitted && is_among(name, AUTO_SUBMITTED));
    match name {
        _ if ours => Some("written by the library itself"),
        _ if is_among(name, HIDDEN) => Some("it would name who is not to be named: give them as bcc"),
        _ if is_among(name, OF_SERVERS) => Some("written by servers"),
        _ => None,
    }
}

/// Whether a list, with a comma between each two, has this name.
fn is_among(name: &[u8], list: &[u8]) -> bool {
    list.split(|octet| *octet == b',')
        .any(|other| is_same_word(other, name))
}

/// Writes a field of the program's, folded: its value as it is in ASCII, or else as encoded words.
pub fn write(name: &[u8], value: &[u8], charset: &[u8], out: &mut Window<'_>) {
    out.put_seldom(name);
    out.put(b':');
    if !is_ascii(value) {
        if name.len() > SHORT_NAME_BYTES {
            out.fold(HEADER_LINE_BYTES);
        } else {
            out.put(b' ');
        }
        word::write(value, charset, out);
    } else if !value.is_empty() {
        let mut first = true;
        for word in (Words { rest: value }) {
            if core::mem::take(&mut first) {
                // A word that fits on no line stays behind the name.
                if word.len() < HEADER_LINE_BYTES {
                    out.fold(word.len().wrapping_add(1));
                } else {
                    out.put(b' ');
                }
            } else if out.column().wrapping_add(word.len()) > HEADER_LINE_BYTES {
                out.end_line();
            }
            out.put_seldom(word);
        }
    }
    out.end_line();
}

/// Writes the fields of a priority.
pub fn write_priority(priority: Priority, out: &mut Window<'_>) {
    out.put_lines(match priority {
        Priority::Normal => b"",
        Priority::High => b"X-Priority: 1\r\nImportance: high\r\nPriority: urgent\r\n",
        Priority::Low => b"X-Priority: 5\r\nImportance: low\r\nPriority: non-urgent\r\n",
    });
}

/// Says that no person has written the mail (RFC 3834, 5).
pub fn write_auto_submitted(out: &mut Window<'_>) {
    out.put_lines(b"Auto-Submitted: auto-generated\r\n");
}

/// Begins a field of mailboxes.
pub fn begin_mailboxes(name: &[u8], out: &mut Window<'_>) {
    out.put_seldom(name);
    out.put_seldom(b": ");
}

/// Writes one of its mailboxes, with a display name where it has one.
pub fn write_mailbox(first: bool, name: &[u8], charset: &[u8], address: &[u8], out: &mut Window<'_>) {
    let brackets = if name.is_empty() { 0 } else { 2usize };
    let mut length = address.len().wrapping_add(brackets);
    if !name.is_empty() {
        let mut counted = Window::counting();
        word::write_phrase(name, charset, &mut counted);
        length = length.wrapping_add(counted.written()).wrapping_add(1);
    }
    if !first {
        out.put(b',');
        // The comma behind it has to fit, too.
        out.fold(length.wrapping_add(2));
    }
    if name.is_empty() {
        return out.put_seldom(address);
    }
    word::write_phrase(name, charset, out);
    out.fold(address.len().wrapping_add(4));
    out.put(b'<');
    out.put_seldom(address);
    out.put(b'>');
}

/// Whether this is a Message-ID (RFC 5322, 3.6.4) with its angle brackets: printable ASCII, one `@` with something before and
/// behind it.
pub fn is_message_id(text: &[u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")) else {
        return false;
    };
    let mut sides = 0u8;
    for side in inner.split(|octet| *octet == b'@') {
        let printable = |octet: &u8| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>');
        if side.is_empty() || !side.iter().all(printable) {
            return false;
        }
        sides = sides.saturating_add(1);
    }
    sides == 2
}

/// The words of a text, each with the blanks before it.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t');
        let begin = self.rest.iter().position(|octet| !is_blank(octet))?;
        let word = self.rest.get(begin..)?;
        let length = word.iter().position(is_blank).unwrap_or(word.len());
        let (word, rest) = self.rest.split_at_checked(begin.wrapping_add(length))?;
        self.rest = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn written(write: impl FnOnce(&mut Window<'_>)) -> String {
        let mut room = [0; 8000];
        let mut out = Window::new(&mut room, 0);
        write(&mut out);
        assert!(out.complete());
        let length = out.kept();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    fn field(text: &str) -> Result<String, Fault> {
        let (name, value) = read(text.as_bytes())?;
        Ok(written(|out| write(name, value, b"windows-1250", out)))
    }

    #[test]
    fn fields_of_the_program_are_written_as_they_are() {
        for (text, wanted) in [
            ("X-A: b", "X-A: b\r\n"),
            ("X-A:b", "X-A: b\r\n"),
            ("X-A:  \t b  c\td ", "X-A: b  c\td\r\n"),
            ("X-A:", "X-A:\r\n"),
            ("X-A:  ", "X-A:\r\n"),
            ("X-A: b: c", "X-A: b: c\r\n"),
            ("X-A: =?UTF-8?B?YQ==?=", "X-A: =?UTF-8?B?YQ==?=\r\n"),
            ("X-A: k\u{16f}\u{148}", "X-A: =?UTF-8?B?a8WvxYg=?=\r\n"),
        ] {
            assert_eq!(field(text).as_deref(), Ok(wanted), "{text}");
        }
        let url = std::format!("<https://example.org/{}>", "x".repeat(120));
        let text = std::format!("List-Unsubscribe: {url}, <mailto:a@b>");
        assert_eq!(
            field(&text),
            Ok(std::format!("List-Unsubscribe: {url},\r\n <mailto:a@b>\r\n"))
        );
    }

    #[test]
    fn fields_are_folded_at_their_blanks_and_unfold_to_themselves() {
        let value = "word and \t another one, ".repeat(60);
        let got = field(&std::format!("X-A: {value}")).unwrap();
        assert!(got.lines().all(|line| line.len() <= 76), "{got}");
        assert_eq!(got.replace("\r\n", ""), std::format!("X-A: {}", value.trim()));
        assert!(got.lines().all(|line| !line.trim().is_empty()));
        let name = "X".repeat(76);
        let got = field(&std::format!("{name}: {}", "\u{17e}".repeat(200))).unwrap();
        assert!(got.lines().all(|line| line.len() <= 77), "{got}");
    }

    #[test]
    fn what_is_no_field_is_refused() {
        let word = "x".repeat(901);
        for (text, fault) in [
            ("", Fault::NoColon),
            ("X-A", Fault::NoColon),
            (": x", Fault::Name),
            ("X A: x", Fault::Name),
            ("X-A : x", Fault::Name),
            (" X-A: x", Fault::Name),
            ("X-\u{17d}: x", Fault::Name),
            ("X\r\nBcc: x", Fault::Name),
            ("X-A: b\r\nBcc: x@y", Fault::LineEnd),
            ("X-A: b\n c", Fault::LineEnd),
            ("X-A: b\r", Fault::LineEnd),
            ("X-A: \x1b[0m", Fault::Control),
            ("X-A: \x7f", Fault::Control),
            (&std::format!("{}: x", "X".repeat(77)), Fault::LongName),
            (&std::format!("X: a {word}"), Fault::LongWord),
            (&std::format!("X: a{}b", " ".repeat(900)), Fault::LongWord),
        ] {
            assert_eq!(field(text), Err(fault), "{text}");
        }
        // Encoded words have no long words.
        assert!(field(&std::format!("X: \u{17e} {word}")).is_ok());
    }

    #[test]
    fn our_own_fields_are_known_in_any_case() {
        for name in ["Date", "BCC", "message-id", "Content-Type", "CONTENT-X", "content-"] {
            assert!(not_yours(name.as_bytes(), Priority::Normal, false).is_some(), "{name}");
        }
        for name in [
            "X-Priority",
            "Priority",
            "Auto-Submitted",
            "Sender",
            "References",
            "Content",
            "X-To",
        ] {
            assert!(not_yours(name.as_bytes(), Priority::Normal, false).is_none(), "{name}");
        }
        assert!(not_yours(b"importance", Priority::Low, false).is_some());
        assert!(not_yours(b"auto-submitted", Priority::Normal, true).is_some());
        for (name, why) in [
            ("Date", "the library itself"),
            ("resent-bcc", "as bcc"),
            ("Bcc", "as bcc"),
            ("RECEIVED", "by servers"),
            ("return-path", "by servers"),
        ] {
            let got = not_yours(name.as_bytes(), Priority::Normal, false);
            assert!(got.is_some_and(|got| got.ends_with(why)), "{name}: {got:?}");
        }
    }

    #[test]
    fn mailboxes_are_folded_between_each_other() {
        let list = written(|out| {
            begin_mailboxes(b"To", out);
            write_mailbox(true, b"Novak, Jan", b"", b"jan@example.org", out);
            for _ in 0..5 {
                write_mailbox(false, b"", b"", b"somebody@example.org", out);
            }
            write_mailbox(false, "\u{17d}\u{16f}\u{148}".as_bytes(), b"", b"z@example.org", out);
            write_mailbox(false, "\u{17d}".repeat(100).as_bytes(), b"", b"z@example.org", out);
            out.end_line();
        });
        assert!(list.lines().all(|line| line.len() <= 76), "{list}");
        assert!(list.starts_with(
            "To: \"Novak, Jan\" <jan@example.org>, somebody@example.org,\r\n somebody@example.org, somebody@example.org,"
        ));
        assert!(list.contains("=?UTF-8?B?xb3Fr8WI?= <z@example.org>"));
    }

    #[test]
    fn message_ids_are_checked() {
        for text in ["<a@b>", "<1.2$x@[192.0.2.1]>"] {
            assert!(is_message_id(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "a@b",
            "<a@b",
            "a@b>",
            "<@b>",
            "<a@>",
            "<ab>",
            "<a@b@c>",
            "<a b@c>",
            "<a@b>\r\nX: y",
            "<a@<b>>",
            "<a@b><c@d>",
            "<\u{17e}@b>",
            "<>",
            "<",
        ] {
            assert!(!is_message_id(text.as_bytes()), "{text}");
        }
    }
}
