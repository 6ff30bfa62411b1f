//! Mailboxes (RFC 5321, 4.1.2) and lists of them.
//!
//! An address that is accepted here can be written into a command and a header field as it is: it has no control character,
//! no line end, no octet above 126, and no angle bracket outside a quoted local part. So it cannot begin a second command.

use super::literal::Address;
use crate::limits::{
    ADDRESS_BYTES, Count, DOMAIN_BYTES, LABEL_BYTES, LOCAL_PART_BYTES, RECIPIENT_LIST_BYTES, RECIPIENTS,
};
use crate::octets::{behind_last, is_ascii, is_same_word};

/// A set of octets below 128: bit `n % 8` of octet `n / 8` says whether octet `n` is in it.
type Set = [u8; 16];

const fn set(octets: &[u8]) -> Set {
    let (mut set, mut rest) = (0u128, octets);
    while let [octet, after @ ..] = rest {
        set |= 1u128.wrapping_shl(*octet as u32);
        rest = after;
    }
    set.to_le_bytes()
}

/// `atext` (RFC 5322, 3.2.3).
const ATEXT: Set = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~");

/// The octets of domain names; with `+`, those of the names of charsets.
const NAME: Set = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
fn is_in(set: &Set, octet: u8) -> bool {
    let octets = set.get(usize::from(octet >> 3)).copied().unwrap_or(0);
    octets.wrapping_shr(u32::from(octet & 7)) & 1 == 1
}

/// Whether this octet is a letter, a digit, `-` or `_`.
pub fn is_name(octet: u8) -> bool {
    is_in(&LABEL.set, octet)
}

/// Whether this is a mailbox: local part, `@`, domain or address literal.
///
/// An underscore is accepted in domains, too: names of local networks have it, and the server decides.
pub fn is_mailbox(address: &[u8]) -> bool {
    let domain = behind_last(address, b'@');
    let local = address.len().wrapping_sub(domain.len()).wrapping_sub(1);
    // Without an `@` the difference is below 0, and the slice is None.
    let Some(local) = address.get(..local) else {
        return false;
    };
    address.len() <= ADDRESS_BYTES
        && local.len() <= LOCAL_PART_BYTES
        && (is_dotted(local, &ATOM) || is_quoted(local))
        && is_domain(domain)
}

/// Whether this is a local part in ASCII, of any length.
#[cfg(feature = "std")]
pub(super) fn is_local_part(text: &[u8]) -> bool {
    is_dotted(text, &ATOM) || is_quoted(text)
}

/// Whether this is a quoted string.
fn is_quoted(text: &[u8]) -> bool {
    cfg!(feature = "complete")
        && text.first() == Some(&b'"')
        && behind_quoted(text, 0) == text.len()
        // In a list that was checked on a system UTF-8 may be quoted, too.
        && (cfg!(not(feature = "std")) || is_ascii(text))
}

/// Whether this octet may stand in a quoted string.
fn is_quotable(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') || (cfg!(feature = "std") && !octet.is_ascii())
}

/// The position behind the quoted string that begins at `from`. It is beyond the end of the text where the closing `"` is
/// missing, or an octet before it is not printable.
fn behind_quoted(text: &[u8], from: usize) -> usize {
    let (mut at, mut escaped) = (from, true);
    while let Some(octet) = text.get(at).filter(|octet| is_quotable(**octet)) {
        at = at.wrapping_add(1);
        if *octet == b'"' && !escaped {
            return at;
        }
        escaped = !escaped && *octet == b'\\';
    }
    text.len().wrapping_add(1)
}

/// What a part between dots may be.
struct Part {
    set: Set,
    /// An octet that it neither begins nor ends with.
    inner: u8,
    longest: u8,
}

/// An atom of a local part. Its length is limited by that of the local part.
static ATOM: Part = Part {
    set: ATEXT,
    inner: 0,
    longest: u8::MAX,
};

/// A label of a domain (RFC 1123, 2.1).
static LABEL: Part = Part {
    set: NAME,
    inner: b'-',
    longest: LABEL_BYTES,
};

/// Whether the text is such parts with dots between them, none of them empty.
fn is_dotted(text: &[u8], part: &Part) -> bool {
    // The length of the part so far, and whether it may end here.
    let (mut length, mut may_end) = (0u32, false);
    for &octet in text {
        if octet == b'.' {
            if !may_end {
                return false;
            }
            (length, may_end) = (0, false);
            continue;
        }
        if !is_in(&part.set, octet) || length == u32::from(part.longest) {
            return false;
        }
        may_end = true;
        if octet == part.inner {
            if length == 0 {
                return false;
            }
            may_end = false;
        }
        length = length.wrapping_add(1);
    }
    may_end
}

/// Whether this is what a mailbox has behind its `@`, and EHLO as its argument: a domain name (labels of letters, digits, `-`
/// and `_`), or an address literal (`[192.0.2.1]`, `[IPv6:2001:db8::1]`).
pub fn is_domain_or_literal(text: &[u8]) -> bool {
    text.len() <= DOMAIN_BYTES && is_domain(text)
}

fn is_domain(text: &[u8]) -> bool {
    if let [b'[', literal @ .., b']'] = text {
        let (mut address, mut version) = (literal, 4);
        if let Some((tag, rest)) = literal.split_at_checked(5) {
            if cfg!(feature = "complete") && is_same_word(tag, b"IPv6:") {
                (address, version) = (rest, 6);
            }
        }
        let mut read = Address::NONE;
        read.read(address);
        return read.version == version;
    }
    is_dotted(text, &LABEL)
}

/// The addresses of a list, which commas separate; blanks around an address do not count.
///
/// A comma in a quoted local part does not separate. The addresses are not checked: [`is_list`] does that.
#[derive(Clone)]
pub struct List<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// The addresses of `list`.
    pub fn new(list: &'a [u8]) -> Self {
        Self { rest: Some(list) }
    }

    /// The addresses behind the first `octets` octets of the list.
    pub fn behind(list: &'a [u8], octets: usize) -> Self {
        Self {
            rest: list.get(octets..),
        }
    }

    /// How many octets of the list are left.
    pub fn length(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
    }

    /// How many there are; 0 where one of them is not a mailbox.
    pub fn number(self) -> Count {
        let mut number: Count = 0;
        for address in self {
            if !is_mailbox(address) {
                return 0;
            }
            number = number.wrapping_add(1);
        }
        number
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        // The address without the blanks around it.
        let (mut at, mut begin, mut end) = (0usize, 0usize, 0usize);
        while let Some(octet) = list.get(at) {
            at = at.wrapping_add(1);
            match octet {
                b',' => {
                    self.rest = list.get(at..);
                    break;
                }
                b' ' | b'\t' if begin < end => {}
                b' ' | b'\t' => (begin, end) = (at, at),
                b'"' if cfg!(feature = "complete") => {
                    at = behind_quoted(list, at.wrapping_sub(1));
                    end = at.min(list.len());
                }
                _ => end = at,
            }
        }
        list.get(begin..end)
    }
}

/// How many mailboxes a list has: 1 to [`RECIPIENTS`], else it is no list.
pub fn count(list: &[u8]) -> Option<Count> {
    if list.len() > RECIPIENT_LIST_BYTES {
        return None;
    }
    let number = List::new(list).number();
    (1..=Count::from(RECIPIENTS)).contains(&number).then_some(number)
}

/// Whether this is a list of 1 to [`RECIPIENTS`] mailboxes.
pub fn is_list(list: &[u8]) -> bool {
    count(list).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn mailboxes_are_accepted() {
        for address in [
            "a@b",
            "komu@kam.cz",
            "first.last+tag@example-target-server.cz",
            "o'brien@x.ie",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a@[ipv6:::1]",
            "\"quoted local\"@x.cz",
            "\"a\\\"b\\\\\"@x.cz",
            "\"a,b\"@x.cz",
            "\"a@b\"@x.cz",
            "!#$%&'*+-/=?^_`{|}~@x.cz",
            "a@host_name.local",
            "\"\"@x.cz",
            "a@1.2.3.x",
        ] {
            // Quoted local parts and IPv6 are only in the complete library.
            let complete = address.starts_with('"') || address.contains(":");
            assert_eq!(
                is_mailbox(address.as_bytes()),
                !complete || cfg!(feature = "complete"),
                "{address}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let long_local = "a".repeat(65) + "@b.cz";
        let long_label = String::from("a@") + &"b".repeat(64) + ".cz";
        let long_all = String::from("a@") + &"b.".repeat(127) + "cz";
        for address in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a b@c.cz",
            "a@b c.cz",
            "a@b..cz",
            ".a@b.cz",
            "a.@b.cz",
            "a..b@c.cz",
            "a@-b.cz",
            "a@b-.cz",
            "<a@b.cz>",
            "a@b.cz>",
            "a@b.cz\r\nRCPT TO:<x@y>",
            "a\r@b",
            "a@b\n",
            "a\0@b.cz",
            "a@b.cz.",
            "p\u{159}@b.cz",
            "a@h\u{e1}\u{10d}ek.cz",
            "Name <a@b.cz>",
            "a@b@c",
            "\"a@b.cz",
            "\"a\"b\"@c.cz",
            "\"a\\\"@c.cz",
            "\"a\rb\"@c.cz",
            "a@[1.2.3]",
            "a@[1.2.3.4",
            "a@[IPv6:1.2.3.4]",
            "a@[::1]",
            "a@[]",
            "a:b@c.cz",
            "a;b@c.cz",
            "a,b@c.cz",
            "(x)a@b.cz",
            &long_local,
            &long_label,
            &long_all,
        ] {
            assert!(!is_mailbox(address.as_bytes()), "{address:?}");
        }
    }

    fn list(text: &str) -> Vec<&[u8]> {
        List::new(text.as_bytes()).collect()
    }

    #[test]
    fn a_list_is_split_at_commas_outside_quotes() {
        assert_eq!(list("a@b"), [b"a@b"]);
        assert_eq!(list(" a@b ,\tc@d "), [b"a@b", b"c@d"]);
        if cfg!(feature = "complete") {
            assert_eq!(list("\"x,y\"@b,c@d"), [&b"\"x,y\"@b"[..], b"c@d"]);
            assert_eq!(list("\"x\\\",y\"@b,c@d"), [&b"\"x\\\",y\"@b"[..], b"c@d"]);
        }
        assert_eq!(list("a@b,"), [&b"a@b"[..], b""]);
        assert_eq!(list(""), [b""]);
    }

    #[test]
    fn a_list_with_an_empty_or_invalid_address_is_invalid() {
        for text in ["", ",", "a@b,", ",a@b", "a@b,,c@d", "a@b c@d", "a@b;c@d", "a@b,x"] {
            assert!(!is_list(text.as_bytes()), "{text:?}");
        }
        let most = std::vec!["a@b"; RECIPIENTS.into()].join(",");
        assert!(is_list(most.as_bytes()));
        assert!(!is_list((most + ",a@b").as_bytes()));
    }
}
