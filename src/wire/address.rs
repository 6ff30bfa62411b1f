//! Mailboxes (RFC 5321, 4.1.2), lists of them, and address literals (4.1.3).
//!
//! An address that passes here can stand in a command and in a header as it is: no control character, no line end, no
//! octet above 126, no angle bracket outside a quoted local part; nothing that opens a second command.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::buffer::{Sink, Window};
use crate::limits::{ADDRESS_BYTES, DOMAIN_BYTES, LABEL_BYTES, LOCAL_PART_BYTES, RECIPIENT_LIST_BYTES, RECIPIENTS};

/// Whether this is a mailbox: local part, `@`, domain or address literal.
///
/// The underscore is taken in domains, too: names of local networks have it, and the server decides.
pub fn is_mailbox(address: &[u8]) -> bool {
    let at = address.iter().rposition(|&octet| octet == b'@');
    let Some((local, [_, domain @ ..])) = at.and_then(|at| address.split_at_checked(at)) else {
        return false;
    };
    address.len() <= ADDRESS_BYTES && is_local_part(local) && is_domain_or_literal(domain)
}

/// The domain of a mailbox: what stands behind its last `@`.
pub fn domain_of(mailbox: &[u8]) -> &[u8] {
    mailbox.rsplit(|&octet| octet == b'@').next().unwrap_or(&[])
}

/// `atext` (RFC 5322, 3.2.3): what is printable, but for blank and specials.
pub fn is_atext(octet: u8) -> bool {
    matches!(octet, 0x21..=0x7e) && b"\"(),.:;<>@[\\]".iter().all(|special| *special != octet)
}

fn is_local_part(local: &[u8]) -> bool {
    local.len() <= LOCAL_PART_BYTES
        && match local {
            [b'"', content @ .., b'"'] => is_quoted_content(content),
            _ => is_dotted(local, false),
        }
}

/// What stands between the quotes of a quoted string: printable, with a backslash before `"` and itself.
fn is_quoted_content(content: &[u8]) -> bool {
    let mut escaped = false;
    for &octet in content {
        if !matches!(octet, 0x20..=0x7e) || (!escaped && octet == b'"') {
            return false;
        }
        escaped = !escaped && octet == b'\\';
    }
    !escaped
}

/// Whether this can stand behind the `@` of a mailbox, and behind EHLO: a domain name or an address literal.
pub fn is_domain_or_literal(text: &[u8]) -> bool {
    is_domain(text) || is_address_literal(text)
}

/// Whether this is a domain name: labels of letters, digits, `-` and `_`, none longer than 63 octets.
pub fn is_domain(domain: &[u8]) -> bool {
    domain.len() <= DOMAIN_BYTES && is_dotted(domain, true)
}

/// A letter, a digit, `-` or `_`.
pub fn is_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

/// Whether these are words between dots, none empty: the atoms of a local part, or the labels of a domain, which have no
/// hyphen at their ends (RFC 1123, 2.1).
fn is_dotted(text: &[u8], domain: bool) -> bool {
    let hyphen = if domain { b'-' } else { b'.' };
    let (mut before, mut length) = (b'.', 0usize);
    let mut octets = text.iter();
    loop {
        // The end is one more dot.
        let next = octets.next();
        let octet = next.copied().unwrap_or(b'.');
        length = length.wrapping_add(1);
        let fits = if octet == b'.' {
            length = 0;
            before != b'.' && before != hyphen
        } else if domain {
            is_name(octet) && length <= LABEL_BYTES && (before != b'.' || octet != b'-')
        } else {
            is_atext(octet)
        };
        if !fits || next.is_none() {
            return fits;
        }
        before = octet;
    }
}

/// Whether this is `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
pub fn is_address_literal(literal: &[u8]) -> bool {
    let [b'[', inner @ .., b']'] = literal else {
        return false;
    };
    match inner.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(b"IPv6:") => {
            matches!(parse_ip(address), Some(IpAddr::V6(_)))
        }
        _ => matches!(parse_ip(inner), Some(IpAddr::V4(_))),
    }
}

/// An IPv4 or IPv6 address in its usual notation: the language of `str::parse::<IpAddr>()`, in less code.
pub fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    const NONE: usize = usize::MAX;
    let mut octets = [0u8; 16];
    // How many octets are filled, and at which of them `::` stands for others.
    let (mut filled, mut gap) = (0usize, NONE);
    // The number that is being read, in both readings, and the dots before it.
    let (mut digits, mut group, mut decimal, mut dots) = (0u32, 0u32, 0u32, 0u32);
    let mut rest = text.iter();
    loop {
        let octet = rest.next().copied();
        if let Some(digit) = octet.and_then(|octet| char::from(octet).to_digit(16)) {
            // No letter and no leading zero in an octet.
            let continued = digit < 10 && (digits == 0 || decimal > 0);
            decimal = if continued {
                decimal.wrapping_mul(10).wrapping_add(digit)
            } else {
                256
            };
            group = group.wrapping_mul(16).wrapping_add(digit);
            digits = digits.wrapping_add(1);
            if digits > 4 {
                return None;
            }
            continue;
        }
        match octet {
            Some(b'.') => dots = dots.wrapping_add(1),
            Some(b':') if dots == 0 => {}
            None => {}
            _ => return None,
        }
        if digits == 0 {
            // Only a `::` goes without a number; its first colon may begin the text, and the last one end it.
            match octet {
                Some(b':') if rest.len().wrapping_add(1) == text.len() => {}
                Some(b':') if gap == NONE => gap = filled,
                None if gap == filled => break,
                _ => return None,
            }
            continue;
        }
        if dots == 0 {
            *octets.get_mut(filled)? = low(group >> 8);
            filled = filled.wrapping_add(1);
        } else {
            if decimal > 255 {
                return None;
            }
            group = decimal;
        }
        *octets.get_mut(filled)? = low(group);
        filled = filled.wrapping_add(1);
        if octet.is_none() {
            break;
        }
        (digits, group, decimal) = (0, 0, 0);
    }
    if !matches!(dots, 0 | 3) || (text.starts_with(b":") && gap != 0) {
        return None;
    }
    if gap == NONE {
        if dots == 3 && filled == 4 {
            let [a, b, c, d, ..] = octets;
            return Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
        }
        if filled < 16 {
            return None;
        }
    } else if filled > 14 {
        return None;
    }
    // What stands behind the gap belongs at the end.
    let mut end = 16usize;
    while filled > gap {
        filled = filled.wrapping_sub(1);
        end = end.wrapping_sub(1);
        let octet = core::mem::take(octets.get_mut(filled)?);
        *octets.get_mut(end)? = octet;
    }
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

fn low(value: u32) -> u8 {
    let [octet, ..] = value.to_le_bytes();
    octet
}

/// Writes the address literal of an address (RFC 5321, 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8:0:0:0:0:0:1]`.
pub fn write_literal(address: IpAddr, out: &mut Window<'_>) {
    match address {
        IpAddr::V4(address) => {
            let mut separator = b'[';
            for octet in &address.octets() {
                out.put(separator);
                out.decimal(u32::from(*octet));
                separator = b'.';
            }
        }
        IpAddr::V6(address) => {
            out.put_all(b"[IPv6");
            for group in address.octets().chunks_exact(2) {
                let group = group.iter().fold(0, |high, low| high << 8 | u32::from(*low));
                out.put(b':');
                out.digits(group, 16, 1);
            }
        }
    }
    out.put(b']');
}

/// The addresses of a list: separated by commas, blanks around each.
///
/// A comma in a quoted local part belongs to it. What is yielded is not checked: [`is_list`] does that.
#[derive(Clone)]
pub struct List<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// The addresses of `list`.
    pub fn new(list: &'a [u8]) -> Self {
        Self { rest: Some(list) }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        let (mut end, mut quoted) = (0usize, false);
        while let Some(octet) = list.get(end) {
            match octet {
                b'"' => quoted = !quoted,
                b',' if !quoted => break,
                // And what it escapes.
                b'\\' if quoted => end = end.wrapping_add(1),
                _ => {}
            }
            end = end.wrapping_add(1);
        }
        self.rest = list.get(end.wrapping_add(1)..);
        let mut address = list.get(..end).unwrap_or(list);
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = address {
            address = rest;
        }
        Some(address)
    }
}

/// Whether this is a list of 1 to [`RECIPIENTS`] mailboxes.
pub fn is_list(list: &[u8]) -> bool {
    let mut addresses = List::new(list);
    addresses.by_ref().take(RECIPIENTS).all(is_mailbox)
        && addresses.rest.is_none()
        && list.len() <= RECIPIENT_LIST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn what_is_a_mailbox_is_taken() {
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
            assert!(is_mailbox(address.as_bytes()), "{address}");
        }
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
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

    fn as_core_reads(text: &[u8]) -> Option<IpAddr> {
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// All texts of `length` octets out of `alphabet`.
    fn texts(alphabet: &[u8], length: u32) -> impl Iterator<Item = Vec<u8>> {
        let digits = alphabet.len();
        (0..digits.pow(length)).map(move |number| {
            let places = (0..length).map(|place| alphabet[number / digits.pow(place) % digits]);
            places.collect()
        })
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them() {
        let mut read = (0, 0, 0);
        let mut compare = |text: &[u8]| {
            let wanted = as_core_reads(text);
            assert_eq!(parse_ip(text), wanted, "{:?}", String::from_utf8_lossy(text));
            match wanted {
                Some(IpAddr::V4(_)) => read.0 += 1,
                Some(IpAddr::V6(_)) => read.1 += 1,
                None => read.2 += 1,
            }
        };
        // Every text of a few octets, by itself and where seven groups or three octets stand before or behind it.
        for length in 0..=6 {
            for text in texts(b"01a:.", length) {
                compare(&text);
                if length <= 4 {
                    for frame in [
                        ["1:2:3:4:5:6:7", ""],
                        ["1:2:3:4:5:6:", ""],
                        ["", "2:3:4:5:6:7:8"],
                        ["1:2:3", ":6:7:8"],
                        ["::", ""],
                        ["::ffff", "1.2.3.4"],
                        ["1:2:3:4:5", ":1.2.3.4"],
                        ["1.2.3", ""],
                        ["", ".2.3.4"],
                        ["1.2", "3.4"],
                    ] {
                        compare(&[frame[0].as_bytes(), &text, frame[1].as_bytes()].concat());
                    }
                }
            }
        }
        // Every octet at every place of addresses, in an octet's stead and between two.
        for address in [
            "192.168.1.250",
            "2001:db8::1",
            "::ffff:1.2.3.4",
            "0:12:345:F678:9Abc:d:e:f",
        ] {
            for at in 0..address.len() {
                let (before, after) = address.as_bytes().split_at(at);
                for octet in 0..=255 {
                    compare(&[before, &[octet], after].concat());
                    compare(&[before, &[octet], &after[1..]].concat());
                }
                compare(&[before, &after[1..]].concat());
            }
        }
        // Numbers of every size.
        for number in 0..=0x1_1000u32 {
            for text in [
                std::format!("1.{number}.3.4"),
                std::format!("::{number:x}"),
                std::format!("1.2.3.{number:02}"),
                std::format!("{number:05x}::"),
            ] {
                compare(text.as_bytes());
            }
        }
        assert!(read.0 > 500 && read.1 > 50_000 && read.2 > 100_000, "{read:?}");
    }

    fn list(text: &str) -> Vec<&[u8]> {
        List::new(text.as_bytes()).collect()
    }

    #[test]
    fn a_list_is_split_at_commas_outside_quotes() {
        assert_eq!(list("a@b"), [b"a@b"]);
        assert_eq!(list(" a@b ,\tc@d "), [b"a@b", b"c@d"]);
        assert_eq!(list("\"x,y\"@b,c@d"), [&b"\"x,y\"@b"[..], b"c@d"]);
        assert_eq!(list("\"x\\\",y\"@b,c@d"), [&b"\"x\\\",y\"@b"[..], b"c@d"]);
        assert_eq!(list("a@b,"), [&b"a@b"[..], b""]);
        assert_eq!(list(""), [b""]);
    }

    #[test]
    fn a_list_with_an_empty_or_bad_member_is_none() {
        for text in ["", ",", "a@b,", ",a@b", "a@b,,c@d", "a@b c@d", "a@b;c@d", "a@b,x"] {
            assert!(!is_list(text.as_bytes()), "{text:?}");
        }
        let most = std::vec!["a@b"; RECIPIENTS].join(",");
        assert!(is_list(most.as_bytes()));
        assert!(!is_list((most + ",a@b").as_bytes()));
    }

    #[test]
    fn literals_are_written_as_rfc_5321_wants_them() {
        let literal = |ip: &str| {
            let mut buffer = [0u8; 64];
            let mut window = Window::new(&mut buffer, 0);
            write_literal(ip.parse().unwrap(), &mut window);
            let kept = window.kept();
            assert!(is_address_literal(&buffer[..kept]));
            String::from_utf8(buffer[..kept].to_vec()).unwrap()
        };
        assert_eq!(literal("192.168.1.250"), "[192.168.1.250]");
        assert_eq!(literal("::1"), "[IPv6:0:0:0:0:0:0:0:1]");
        assert_eq!(literal("2001:db8::ff00:42:8329"), "[IPv6:2001:db8:0:0:0:ff00:42:8329]");
    }
}
