//! The heads of a mail's parts (RFC 2045, 2183, 2231): types, names of files, Content-IDs; and what is wrong with given ones.

use crate::buffer::Window;
use crate::limits::HEADER_LINE_BYTES;
use crate::octets::{is_ascii, is_same_word};
use crate::utf8::misleads;

/// Writes the head of a text, up to the name of its encoding.
pub fn write_text_head(html: bool, charset: &[u8], out: &mut Window<'_>) {
    out.put_seldom(if html { HTML } else { PLAIN });
    out.put_seldom(charset);
    write_encoding(out);
}

/// The content types of texts, up to the charset.
const PLAIN: &[u8] = b"Content-Type: text/plain; charset=";
const HTML: &[u8] = b"Content-Type: text/html; charset=";

fn write_encoding(out: &mut Window<'_>) {
    out.end_line();
    out.put_seldom(b"Content-Transfer-Encoding: ");
}

/// What a part is for that is no text of the mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enclosure<'a> {
    /// Its type; without one it is application/octet-stream.
    pub content_type: &'a [u8],
    /// The name of the file that it is to be; UTF-8, or empty.
    pub name: &'a [u8],
    /// What HTML calls it; empty where it is an attachment.
    pub content_id: &'a [u8],
}

impl Enclosure<'_> {
    /// Writes its head, up to the name of its encoding.
    pub fn write_head(&self, out: &mut Window<'_>) {
        out.put_seldom(b"Content-Type: ");
        out.put_seldom(match self.content_type {
            [] => b"application/octet-stream",
            given => given,
        });
        out.end_line();
        if self.content_id.is_empty() {
            out.put_seldom(b"Content-Disposition: attachment");
        } else {
            out.put_seldom(b"Content-ID: <");
            out.put_seldom(self.content_id);
            out.put(b'>');
            out.end_line();
            out.put_seldom(b"Content-Disposition: inline");
        }
        if !self.name.is_empty() {
            write_name(self.name, out);
        }
        write_encoding(out);
    }
}

/// Writes a file's name: where it is not plain ASCII as RFC 2231 has it, each line at most 76 octets, and then once more in ASCII
/// for readers that do not know this. Readers that know both take the first.
///
/// Many readers decode encoded words here, too, where they are none (RFC 2047, 5): a name that looks like one would become another.
/// And many take no notice of a backslash before a quotation mark.
fn write_name(name: &[u8], out: &mut Window<'_>) {
    let plain = is_ascii(name) && !name.windows(2).any(|two| two == b"=?") && !name.contains(&b'"');
    if !plain {
        write_extended(name, out);
    }
    out.put(b';');
    out.end_line();
    out.put_seldom(b" filename=\"");
    for &octet in name {
        match octet {
            b'"' | b'\\' => out.put(b'_'),
            b'?' if !plain => out.put(b'_'),
            0x20..=0x7e => out.put(octet),
            // One for each character: its later octets are 10xxxxxx.
            _ if octet & 0xC0 == 0x80 => {}
            _ => out.put(b'_'),
        }
    }
    out.put(b'"');
}

/// Writes a file's name in UTF-8, a section a line (RFC 2231, 3 and 4).
fn write_extended(name: &[u8], out: &mut Window<'_>) {
    let whole = name
        .iter()
        .fold(0usize, |sum, octet| sum.wrapping_add(extended(*octet)));
    let sections = whole.wrapping_add(" filename*=UTF-8'';".len()) > HEADER_LINE_BYTES;
    let mut rest = name;
    let mut number = 0u64;
    while !rest.is_empty() {
        out.put(b';');
        out.end_line();
        out.put_seldom(b" filename*");
        if sections {
            out.decimal(number);
            out.put(b'*');
        }
        out.put(b'=');
        if number == 0 {
            out.put_seldom(b"UTF-8''");
        }
        number = number.wrapping_add(1);
        while let Some(length) = character(rest) {
            let (one, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let width = one.iter().fold(0usize, |sum, octet| sum.wrapping_add(extended(*octet)));
            // A semicolon may follow.
            if sections && out.column().wrapping_add(width) >= HEADER_LINE_BYTES {
                break;
            }
            for &octet in one {
                if extended(octet) == 1 {
                    out.put(octet);
                } else {
                    out.put(b'%');
                    out.put(upper(octet >> 4));
                    out.put(upper(octet & 15));
                }
            }
            rest = behind;
        }
    }
}

/// The octets of the first character; None where there is none.
fn character(text: &[u8]) -> Option<usize> {
    let behind = text.get(1..)?;
    let more = behind.iter().take_while(|octet| **octet & 0xC0 == 0x80).count();
    Some(more.wrapping_add(1))
}

/// The octets that one is written as (RFC 2231, 7: attribute-char).
fn extended(octet: u8) -> usize {
    match octet {
        b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => 1,
        _ if octet.is_ascii_alphanumeric() => 1,
        _ => 3,
    }
}

/// The upper-case hexadecimal digit of a value below 16.
fn upper(value: u8) -> u8 {
    value.wrapping_add(if value < 10 { b'0' } else { b'A'.wrapping_sub(10) })
}

/// What is wrong with a file's name; None where nothing is.
pub fn wrong_name(name: &[u8]) -> Option<&'static str> {
    let Ok(text) = core::str::from_utf8(name) else {
        return Some("name: not UTF-8");
    };
    if name.len() > crate::limits::FILE_NAME_BYTES {
        return Some("name: longer than 255 bytes");
    }
    if matches!(text, "." | "..") {
        return Some(PATH);
    }
    text.chars().find_map(|letter| match letter {
        '/' | '\\' => Some(PATH),
        '\r' | '\n' => Some("name: a line end in it"),
        '\u{2028}' | '\u{2029}' => Some("name: a control character in it"),
        _ if letter.is_control() => Some("name: a control character in it"),
        _ if misleads(letter) => Some("name: a character in it that turns the direction of writing"),
        _ => None,
    })
}

const PATH: &str = "name: a path; only its last part is wanted";

/// What is wrong with a content type; None where nothing is.
pub fn wrong_type(given: &[u8]) -> Option<&'static str> {
    if given.len() > crate::limits::CONTENT_TYPE_BYTES {
        return Some("content_type: longer than 255 bytes");
    }
    let (kind, rest) = token(given);
    let Some((subtype, mut rest)) = rest.strip_prefix(b"/").map(token) else {
        return Some("content_type: no type/subtype");
    };
    if kind.is_empty() || subtype.is_empty() {
        return Some("content_type: no type/subtype");
    }
    if is_same_word(kind, b"message") || is_same_word(kind, b"multipart") {
        return Some("content_type: message/... and multipart/... cannot be attached");
    }
    while !rest.is_empty() {
        let Some(parameter) = blanks(rest).strip_prefix(b";") else {
            return Some("content_type: something else than parameters behind the type");
        };
        let (name, behind) = token(blanks(parameter));
        let value = behind.strip_prefix(b"=").filter(|_| !name.is_empty());
        let Some(behind) = value.and_then(behind_value) else {
            return Some("content_type: a parameter that is not name=value");
        };
        rest = behind;
    }
    None
}

/// What stands behind the blanks that a text begins with. A line end is none: it would begin a line of the program's own.
fn blanks(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    text.get(length..).unwrap_or(&[])
}

/// A token (RFC 2045, 5.1), and what stands behind it.
// Saves 50 bytes.
#[inline(never)]
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let special = |octet: &u8| !octet.is_ascii_graphic() || b"()<>@,;:\\\"/[]?=".contains(octet);
    let length = text.iter().position(special).unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or((text, &[]))
}

/// What stands behind a token or a quoted string.
fn behind_value(text: &[u8]) -> Option<&[u8]> {
    let Some(mut quoted) = text.strip_prefix(b"\"") else {
        let (value, behind) = token(text);
        return (!value.is_empty()).then_some(behind);
    };
    loop {
        quoted = match quoted {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', 0x20..=0x7e, behind @ ..] => behind,
            [b'\\', ..] => return None,
            [0x20..=0x7e, behind @ ..] => behind,
            _ => return None,
        };
    }
}

/// What is wrong with a Content-ID; None where nothing is.
pub fn wrong_id(given: &[u8]) -> Option<&'static str> {
    match given {
        [] => Some("content_id: empty"),
        _ if given.len() > crate::limits::CONTENT_ID_BYTES => Some("content_id: longer than 200 bytes"),
        _ if given.iter().any(|octet| matches!(octet, b'<' | b'>')) => Some("content_id: angle brackets in it"),
        _ if !given
            .iter()
            .all(|octet| octet.is_ascii_graphic() && !b"\"()\\,;".contains(octet)) =>
        {
            Some("content_id: something else than letters, digits and signs of an address in it")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn written(write: impl Fn(&mut Window<'_>)) -> String {
        let mut room = std::vec![0; 4096];
        let mut out = Window::new(&mut room, 0);
        write(&mut out);
        assert!(out.complete());
        let kept = out.kept();
        String::from_utf8(room[..kept].to_vec()).unwrap()
    }

    #[test]
    fn a_name_that_is_not_ascii_comes_first_as_rfc_2231_has_it() {
        let name = |name: &str| written(|out| write_name(name.as_bytes(), out));
        assert_eq!(
            name("a \"b\".txt"),
            ";\r\n filename*=UTF-8''a%20%22b%22.txt;\r\n filename=\"a _b_.txt\""
        );
        assert_eq!(
            name("\u{10d}\u{e1}ra \"1\".txt"),
            ";\r\n filename*=UTF-8''%C4%8D%C3%A1ra%20%221%22.txt;\r\n filename=\"__ra _1_.txt\""
        );
        // What would be decoded to a path.
        assert_eq!(
            name("=?utf-8?Q?=2E=2E=2Fx?="),
            ";\r\n filename*=UTF-8''%3D%3Futf-8%3FQ%3F%3D2E%3D2E%3D2Fx%3F%3D;\r\n filename=\"=_utf-8_Q_=2E=2E=2Fx_=\""
        );
        assert_eq!(name("a=b?.txt"), ";\r\n filename=\"a=b?.txt\"");
        let long = name(&"\u{10d}".repeat(127));
        let lines: Vec<&str> = long.split("\r\n").collect();
        assert!(lines[1].starts_with(" filename*0*=UTF-8''%C4%8D"));
        assert!(lines[2].starts_with(" filename*1*=%C4%8D"));
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() <= 76), "{long}");
        assert_eq!(long.matches("%C4%8D").count(), 127);
    }

    #[test]
    fn names_that_fool_readers_are_refused() {
        for name in ["report.csv", "a\"b", "\u{10d}", "a b", "..a", ""] {
            assert_eq!(wrong_name(name.as_bytes()), None, "{name}");
        }
        for name in [
            "a/b",
            "a\\b",
            "..",
            ".",
            "a\r\nb",
            "a\nb",
            "a\u{202e}gpj.exe",
            "a\u{2066}b",
            "a\0b",
            "a\tb",
            "a\u{85}b",
            "a\u{2028}b",
        ] {
            assert!(wrong_name(name.as_bytes()).is_some(), "{name:?}");
        }
        assert!(wrong_name(b"\xff").is_some() && wrong_name(&[b'x'; 256]).is_some());
        assert_eq!(wrong_name(&[b'x'; 255]), None);
    }

    #[test]
    fn content_types_are_tokens_and_parameters() {
        for good in [
            "text/csv",
            "text/csv; charset=utf-8",
            "text/csv\t; \tcharset=utf-8",
            "application/vnd.x+json;a=b ;c=\"d e\\\"\"",
            "image/svg+xml",
        ] {
            assert_eq!(wrong_type(good.as_bytes()), None, "{good}");
        }
        for bad in [
            "",
            "text",
            "text/",
            "/x",
            "text/a b",
            "text/a;",
            "text/a; b",
            "text/a; b=",
            "text/a; b=\"c",
            "text/a\r\nX: y",
            "text/a;\r\nb=c",
            "text/a;\r\n\r\nb=c",
            "text/a\n;b=c",
            "text/a\r;b=c",
            "text/a;\x0cb=c",
            "text/a; b=\"c\r\nd\"",
            "text/a; b=\"\\\r\"",
            "message/rfc822",
            "MULTIPART/mixed",
            "text/a; b=c d",
            "text/\u{10d}",
        ] {
            assert!(wrong_type(bad.as_bytes()).is_some(), "{bad}");
        }
        assert_eq!((wrong_id(b"chart@x"), wrong_id(b"<a>").is_some()), (None, true));
        assert!(wrong_id(b"a b").is_some() && wrong_id(b"").is_some() && wrong_id(b"a\r\n").is_some());
    }
}
