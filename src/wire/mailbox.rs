//! Lists of mailboxes as people write them (RFC 5322, 3.4), with a system: display names, comments, `;` for a comma.
//!
//! docs/addresses.md says what is taken. What is found here is checked for its form only where a list is divided;
//! [`is_address`] checks an address.

use super::address::{is_domain_or_literal, is_local_part};
use crate::limits::ADDRESS_BYTES;
use crate::octets::{copy, is_ascii, trimmed};
use crate::utf8::misleads;

/// Why an entry of a list is no mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is nothing between two separators.
    Empty,
    /// A control character, or a line end.
    Control,
    /// A character that ends a line elsewhere, or turns the direction of writing.
    Misleading,
    /// Neither ASCII nor UTF-8.
    NotUtf8,
    /// A `"` without its end.
    Quote,
    /// A `(` without its end.
    Comment,
    /// A `<` without its `>`.
    Angle,
    /// Something follows the `>`.
    BehindAngle,
    /// A `:`, as in the name of a group.
    Group,
    /// There is no `@`.
    NoAt,
    /// The address has more than 254 octets.
    Long,
    /// There is nothing before the `@`.
    NoLocalPart,
    /// What is there is no local part.
    LocalPart,
    /// There is nothing behind the `@`.
    NoDomain,
    /// What is there is no domain.
    Domain,
}

/// A mailbox of a list: its form is right, its address is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// The display name as it is written, for [`write_name`]; empty: none.
    pub name: &'a [u8],
    /// The address.
    pub address: &'a [u8],
}

impl<'a> Mailbox<'a> {
    /// The address before and behind its last `@`.
    pub fn parts(&self) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let at = self
            .address
            .iter()
            .rposition(|octet| *octet == b'@')
            .ok_or(Fault::NoAt)?;
        let (local, rest) = self.address.split_at_checked(at).ok_or(Fault::NoAt)?;
        Ok((local, rest.get(1..).unwrap_or(&[])))
    }
}

/// The entries of a list: each with its text.
#[derive(Clone)]
pub struct Mailboxes<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Mailboxes<'a> {
    /// Those of `list`; a list of blanks has none.
    pub fn new(list: &'a [u8]) -> Self {
        let blank = list.iter().all(|octet| is_blank(*octet));
        Self {
            rest: (!blank).then_some(list),
        }
    }
}

/// An entry of a list: its text, and what it is.
pub type Entry<'a> = (&'a [u8], Result<Mailbox<'a>, Fault>);

impl<'a> Iterator for Mailboxes<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let list = self.rest.take()?;
        let mut scan = Scan {
            list,
            at: 0,
            name: &[],
            begin: 0,
            end: 0,
        };
        let found = scan.entry();
        let behind = list.get(scan.at..).unwrap_or(&[]);
        let text = trimmed(list.get(..scan.at).unwrap_or(list));
        if let [b',' | b';', rest @ ..] = behind {
            // Separators behind the last entry are none between two.
            let ends = rest.iter().all(|octet| is_blank(*octet) || is_separator(*octet));
            self.rest = (!ends).then_some(rest);
        }
        Some((text, found))
    }
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn is_separator(octet: u8) -> bool {
    matches!(octet, b',' | b';')
}

/// Reads one entry.
struct Scan<'a> {
    list: &'a [u8],
    at: usize,
    name: &'a [u8],
    /// What was read of a name, or of an address: without the blanks and comments around it.
    begin: usize,
    end: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.list.get(self.at).copied()
    }

    fn text(&self) -> &'a [u8] {
        self.list.get(self.begin..self.end).unwrap_or(&[])
    }

    /// Goes past what is in front, which belongs to the text.
    fn take(&mut self, behind: usize) {
        if self.text().is_empty() {
            self.begin = self.at;
        }
        (self.at, self.end) = (behind, behind);
    }

    fn entry(&mut self) -> Result<Mailbox<'a>, Fault> {
        let mut literal = false;
        while let Some(octet) = self.peek() {
            let next = self.at.wrapping_add(1);
            match octet {
                b',' | b';' => break,
                b' ' | b'\t' => self.at = next,
                b'(' => self.comment()?,
                b'"' => {
                    let behind = self.quoted()?;
                    self.take(behind);
                }
                b'<' => return self.angle(),
                b':' if !literal => return Err(self.fail(Fault::Group)),
                _ if octet.is_ascii_control() => return Err(self.fail(Fault::Control)),
                _ => {
                    literal = match octet {
                        b'[' => true,
                        b']' => false,
                        _ => literal,
                    };
                    self.take(next);
                }
            }
        }
        match self.text() {
            [] => Err(Fault::Empty),
            address => Ok(Mailbox { name: &[], address }),
        }
    }

    /// The address behind a `<`, and nothing but comments behind its `>`.
    fn angle(&mut self) -> Result<Mailbox<'a>, Fault> {
        self.name = self.text();
        self.at = self.at.wrapping_add(1);
        (self.begin, self.end) = (self.at, self.at);
        loop {
            let Some(octet) = self.peek() else {
                return Err(self.fail(Fault::Angle));
            };
            let next = self.at.wrapping_add(1);
            match octet {
                b'>' => {
                    self.at = next;
                    break;
                }
                b' ' | b'\t' => self.at = next,
                b'"' => {
                    let behind = self.quoted()?;
                    self.take(behind);
                }
                b'<' | b',' | b';' => return Err(self.fail(Fault::Angle)),
                _ if octet.is_ascii_control() => return Err(self.fail(Fault::Control)),
                _ => self.take(next),
            }
        }
        let (name, address) = (self.name, self.text());
        while let Some(octet) = self.peek() {
            match octet {
                b',' | b';' => break,
                b' ' | b'\t' => self.at = self.at.wrapping_add(1),
                b'(' => self.comment()?,
                _ => return Err(self.fail(Fault::BehindAngle)),
            }
        }
        if address.is_empty() {
            return Err(Fault::Empty);
        }
        Ok(Mailbox { name, address })
    }

    /// The place behind a quoted string.
    fn quoted(&mut self) -> Result<usize, Fault> {
        let (mut at, mut escaped) = (self.at.wrapping_add(1), false);
        while let Some(octet) = self.list.get(at).copied() {
            at = at.wrapping_add(1);
            match octet {
                b'"' if !escaped => return Ok(at),
                b'\t' => escaped = false,
                _ if octet.is_ascii_control() => return Err(self.fail(Fault::Control)),
                _ => escaped = !escaped && octet == b'\\',
            }
        }
        Err(self.fail(Fault::Quote))
    }

    /// Passes over a comment, and those in it.
    fn comment(&mut self) -> Result<(), Fault> {
        let (mut depth, mut escaped) = (0usize, false);
        while let Some(octet) = self.peek() {
            self.at = self.at.wrapping_add(1);
            match octet {
                _ if octet.is_ascii_control() && octet != b'\t' => return Err(self.fail(Fault::Control)),
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth = depth.wrapping_add(1),
                b')' => {
                    depth = depth.wrapping_sub(1);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(self.fail(Fault::Comment))
    }

    /// The rest of the list belongs to what is wrong.
    fn fail(&mut self, fault: Fault) -> Fault {
        self.at = self.list.len();
        fault
    }
}

/// Writes a display name as it is meant: without quotes and comments, words with one blank between them. False where it has more
/// octets than there is room for.
pub fn write_name(name: &[u8], mut put: impl FnMut(u8) -> bool) -> bool {
    let (mut depth, mut quoted, mut escaped, mut gap, mut any) = (0usize, false, false, false, false);
    for &octet in name {
        let plain = match octet {
            _ if escaped => {
                escaped = false;
                depth == 0
            }
            b'\\' if quoted || depth > 0 => {
                escaped = true;
                false
            }
            b'"' if depth == 0 => {
                quoted = !quoted;
                false
            }
            b'(' if !quoted => {
                (depth, gap) = (depth.wrapping_add(1), true);
                false
            }
            b')' if !quoted && depth > 0 => {
                depth = depth.wrapping_sub(1);
                false
            }
            b' ' | b'\t' if !quoted => {
                gap = true;
                false
            }
            _ => depth == 0,
        };
        if plain {
            if core::mem::take(&mut gap) && any && !put(b' ') {
                return false;
            }
            any = true;
            // A TAB in a quoted string is a blank.
            if !put(if octet == b'\t' { b' ' } else { octet }) {
                return false;
            }
        }
    }
    true
}

/// Whether local part and domain, which is in ASCII, are an address: RFC 5321, 4.1.2, and in the local part RFC 6531, 3.3. A local
/// part may have more than 64 octets: servers decide.
pub fn is_address(local: &[u8], domain: &[u8]) -> Result<(), Fault> {
    if local.iter().chain(domain).any(u8::is_ascii_control) {
        return Err(Fault::Control);
    }
    if local.len().saturating_add(domain.len()) >= ADDRESS_BYTES {
        return Err(Fault::Long);
    }
    if local.is_empty() {
        return Err(Fault::NoLocalPart);
    }
    if domain.is_empty() {
        return Err(Fault::NoDomain);
    }
    if !is_domain_or_literal(domain) {
        return Err(Fault::Domain);
    }
    let mut room = [0; ADDRESS_BYTES];
    let length = copy(&mut room, local);
    let ascii = room.get_mut(..length).unwrap_or(&mut []);
    if !is_ascii(local) {
        let text = core::str::from_utf8(local).map_err(|_| Fault::NotUtf8)?;
        for character in text.chars() {
            if character.is_control() {
                return Err(Fault::Control);
            }
            if misleads(character) {
                return Err(Fault::Misleading);
            }
        }
        // Any character outside ASCII stands where a letter may stand.
        for octet in ascii.iter_mut().filter(|octet| !octet.is_ascii()) {
            *octet = b'x';
        }
    }
    if is_local_part(ascii) {
        Ok(())
    } else {
        Err(Fault::LocalPart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    /// The entries: name and address, or what is wrong with the first that is.
    fn read(list: &str) -> Result<Vec<(String, String)>, (usize, Fault)> {
        let mut all = Vec::new();
        for (number, (_, entry)) in Mailboxes::new(list.as_bytes()).enumerate() {
            let mailbox = entry.map_err(|fault| (number, fault))?;
            let mut name = Vec::new();
            assert!(write_name(mailbox.name, |octet| {
                name.push(octet);
                true
            }));
            let name = String::from_utf8(name).unwrap();
            all.push((name, std::str::from_utf8(mailbox.address).unwrap().to_string()));
        }
        Ok(all)
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted
            .iter()
            .map(|(name, address)| (name.to_string(), address.to_string()))
            .collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        for (list, wanted) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("a@b", &[("", "a@b")]),
            ("a@b,c@d;e@f", &[("", "a@b"), ("", "c@d"), ("", "e@f")]),
            (" a@b ; c@d ;", &[("", "a@b"), ("", "c@d")]),
            ("a@b,", &[("", "a@b")]),
            ("a@b, ;,; ", &[("", "a@b")]),
            ("<a@b>", &[("", "a@b")]),
            ("Jan Novak <a@b>", &[("Jan Novak", "a@b")]),
            ("Jan  \t Novak<a@b>", &[("Jan Novak", "a@b")]),
            ("\"Novak, Jan\" <a@b>, c@d", &[("Novak, Jan", "a@b"), ("", "c@d")]),
            ("\"N; \\\"J\\\" \\\\\" <a@b>", &[("N; \"J\" \\", "a@b")]),
            (
                "P\u{159}\u{ed}li\u{161} \u{17d}. <a@b>",
                &[("P\u{159}\u{ed}li\u{161} \u{17d}.", "a@b")],
            ),
            ("a@b (home, (or) work;)", &[("", "a@b")]),
            ("(x) a@b (\\))", &[("", "a@b")]),
            ("Jan (the (first)) Novak <a@b> (x)", &[("Jan Novak", "a@b")]),
            ("a@b.cz <a@b.cz>", &[("a@b.cz", "a@b.cz")]),
            ("\"\" <a@b>", &[("", "a@b")]),
            ("\"a, b\"@c, d@e", &[("", "\"a, b\"@c"), ("", "d@e")]),
            ("\"a > b\" <\"x, > y\"@c>", &[("a > b", "\"x, > y\"@c")]),
            (
                "a@[IPv6:::1], b@[192.0.2.1]",
                &[("", "a@[IPv6:::1]"), ("", "b@[192.0.2.1]")],
            ),
            ("< a@b >", &[("", "a@b")]),
            ("O'Brien & Sons <a@b>", &[("O'Brien & Sons", "a@b")]),
            ("\"tab\there\" <a@b>", &[("tab here", "a@b")]),
        ] {
            assert_eq!(read(list), Ok(pairs(wanted)), "{list:?}");
        }
    }

    #[test]
    fn other_lists_are_refused_where_they_are_wrong() {
        for (list, number, fault) in [
            (",", 0, Fault::Empty),
            (";a@b", 0, Fault::Empty),
            ("a@b,,c@d", 1, Fault::Empty),
            ("a@b; ;c@d", 1, Fault::Empty),
            ("<>", 0, Fault::Empty),
            ("Name <>", 0, Fault::Empty),
            ("()", 0, Fault::Empty),
            ("a@b\r\nBcc: x@y", 0, Fault::Control),
            ("a@b, x\n <c@d>", 1, Fault::Control),
            ("\"a\rb\" <c@d>", 0, Fault::Control),
            ("a@b (\n)", 0, Fault::Control),
            ("<a\x7f@b>", 0, Fault::Control),
            ("\"Novak <a@b>", 0, Fault::Quote),
            ("\"a\\\"@b", 0, Fault::Quote),
            ("a@b (x", 0, Fault::Comment),
            ("a@b ((x)", 0, Fault::Comment),
            ("a@b (x\\)", 0, Fault::Comment),
            ("Name <a@b", 0, Fault::Angle),
            ("Name <a@b, c@d>", 0, Fault::Angle),
            ("<<a@b>>", 0, Fault::Angle),
            ("<a@b>>", 0, Fault::BehindAngle),
            ("<a@b> c@d", 0, Fault::BehindAngle),
            ("<a@b><c@d>", 0, Fault::BehindAngle),
            ("<a@b>\r\n", 0, Fault::BehindAngle),
            ("friends: a@b, c@d;", 0, Fault::Group),
            ("undisclosed-recipients:;", 0, Fault::Group),
            ("x@y, mailto:a@b", 1, Fault::Group),
        ] {
            assert_eq!(read(list), Err((number, fault)), "{list:?}");
        }
    }

    #[test]
    fn a_name_ends_where_there_is_no_room() {
        let mut left = 3;
        assert!(!write_name(b"a b c", |_| {
            left -= 1;
            left > 0
        }));
        assert!(write_name(b"", |_| false));
    }

    #[test]
    fn addresses_are_checked() {
        let long = "x".repeat(249);
        for (local, domain, wanted) in [
            ("a", "b", Ok(())),
            ("a.b+c", "b.cz", Ok(())),
            ("\u{17e}lu\u{165}", "b.cz", Ok(())),
            ("\"\u{17e} .\"", "b.cz", Ok(())),
            ("\"a..b\"", "b.cz", Ok(())),
            (&long, "b.cz", Ok(())),
            ("a..b", "b.cz", Err(Fault::LocalPart)),
            ("\u{17e}..b", "b.cz", Err(Fault::LocalPart)),
            (".\u{17e}", "b.cz", Err(Fault::LocalPart)),
            ("", "b.cz", Err(Fault::NoLocalPart)),
            ("a b", "b.cz", Err(Fault::LocalPart)),
            ("\u{17e} b", "b.cz", Err(Fault::LocalPart)),
            ("a@b", "b.cz", Err(Fault::LocalPart)),
            ("a\"b", "b.cz", Err(Fault::LocalPart)),
            ("\u{85}", "b.cz", Err(Fault::Control)),
            ("a\u{2028}b", "b.cz", Err(Fault::Misleading)),
            ("a\u{2029}", "b.cz", Err(Fault::Misleading)),
            ("\"\u{202e}b\"", "b.cz", Err(Fault::Misleading)),
            ("\u{5d0}\u{200f}", "b.cz", Err(Fault::Misleading)),
            ("\u{5d0}\u{5d1}", "b.cz", Ok(())),
            ("a", "b..cz", Err(Fault::Domain)),
            ("a", "", Err(Fault::NoDomain)),
            ("a", "\u{17e}.cz", Err(Fault::Domain)),
            (
                "xx",
                &(std::format!("{}.cz", "b".repeat(60)) + &".c".repeat(100)),
                Err(Fault::Long),
            ),
            ("a\n", "b.cz", Err(Fault::Control)),
        ] {
            assert_eq!(
                is_address(local.as_bytes(), domain.as_bytes()),
                wanted,
                "{local}@{domain}"
            );
        }
        assert_eq!(is_address(b"\xe9", b"b.cz"), Err(Fault::NotUtf8));
        let most = std::vec![b'x'; ADDRESS_BYTES - 5];
        assert_eq!(is_address(&most, b"b.cz"), Ok(()));
        assert_eq!(is_address(&[&most[..], b"x"].concat(), b"b.cz"), Err(Fault::Long));
    }

    #[test]
    fn every_short_list_of_special_characters_is_read_or_refused() {
        let alphabet = b"a@\"\\<>(),;: \n";
        for length in 0..=5u32 {
            for number in 0..alphabet.len().pow(length) {
                let list: Vec<u8> = (0..length)
                    .map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()])
                    .collect();
                for (text, entry) in Mailboxes::new(&list) {
                    if let Ok(mailbox) = entry {
                        assert!(!mailbox.address.is_empty() && !text.is_empty());
                        assert!(!text.contains(&b'\n'), "{text:?}");
                    }
                }
            }
        }
    }
}
