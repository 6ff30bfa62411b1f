//! Mailboxes (RFC 5321, 4.1.2), lists of them, and address literals (4.1.3).
//!
//! An address that passes here can stand in a command and in a header as it is: no control character, no line end, no
//! octet above 126, no angle bracket outside a quoted local part; nothing that opens a second command.

use core::net::IpAddr;

use crate::buffer::{Sink, Window};
use crate::limits::{ADDRESS_BYTES, DOMAIN_BYTES, LABEL_BYTES, LOCAL_PART_BYTES, RECIPIENT_LIST_BYTES, RECIPIENTS};

/// A set of octets below 128: octet `8 * place + bit` is in it where that bit is set.
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

/// What names are made of: those of domains, and those of charsets, which may have a `+` besides.
const NAME: Set = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

fn is_in(set: &Set, octet: u8) -> bool {
    let octets = set.get(usize::from(octet >> 3)).copied().unwrap_or(0);
    octets.wrapping_shr(u32::from(octet & 7)) & 1 == 1
}

/// Whether this octet is a letter, a digit, `-` or `_`.
pub fn is_name(octet: u8) -> bool {
    is_in(&NAME, octet)
}

/// Whether this is a mailbox: local part, `@`, domain or address literal.
///
/// The underscore is taken in domains, too: names of local networks have it, and the server decides.
pub fn is_mailbox(address: &[u8]) -> bool {
    let local = match address {
        [b'"', ..] => quoted_len(address),
        _ => dotted_len(address, false),
    };
    local.is_some_and(|local| {
        address.len() <= ADDRESS_BYTES
            && local <= LOCAL_PART_BYTES
            && address.get(local) == Some(&b'@')
            && address.get(local.wrapping_add(1)..).is_some_and(is_domain_or_literal)
    })
}

/// The domain of a mailbox: what stands behind its last `@`.
pub fn domain_of(mailbox: &[u8]) -> &[u8] {
    mailbox.rsplit(|&octet| octet == b'@').next().unwrap_or(&[])
}

/// The length of the quoted string that `text` begins with: printable, with a backslash before `"` and itself.
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut length = 1usize;
    let mut escaped = false;
    loop {
        let octet = *text.get(length)?;
        length = length.wrapping_add(1);
        if !matches!(octet, 0x20..=0x7e) {
            return None;
        }
        if octet == b'"' && !escaped {
            return Some(length);
        }
        escaped = !escaped && octet == b'\\';
    }
}

/// The length of the words between dots that `text` begins with, none empty: atoms of a local part, or labels of a domain,
/// none longer than 63 octets and without a hyphen at their ends (RFC 1123, 2.1).
fn dotted_len(text: &[u8], domain: bool) -> Option<usize> {
    let set = if domain { &NAME } else { &ATEXT };
    let (mut length, mut word, mut before) = (0usize, 0usize, b'.');
    loop {
        let octet = text.get(length).copied().unwrap_or(0);
        let edge = !is_in(set, octet);
        // Between two dots there is something, and at a dot or an end no hyphen of a label.
        if (edge && before == b'.') || (domain && ((edge && before == b'-') || (before == b'.' && octet == b'-'))) {
            return None;
        }
        if edge && octet != b'.' {
            return Some(length);
        }
        length = length.wrapping_add(1);
        word = if edge { 0 } else { word.wrapping_add(1) };
        if domain && word > LABEL_BYTES {
            return None;
        }
        before = octet;
    }
}

/// Whether this can stand behind the `@` of a mailbox, and behind EHLO: a domain name (labels of letters, digits, `-` and
/// `_`), or an address literal: `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
pub fn is_domain_or_literal(text: &[u8]) -> bool {
    if let [b'[', literal @ .., b']'] = text {
        let mut octets = [0; 16];
        return match literal.split_at_checked(5) {
            Some((tag, address)) if tag.eq_ignore_ascii_case(b"IPv6:") => read_ip(address, &mut octets) == 16,
            _ => read_ip(literal, &mut octets) == 4,
        };
    }
    text.len() <= DOMAIN_BYTES && dotted_len(text, true) == Some(text.len())
}

/// The address of a host at which a server can listen: neither "no address", nor a multicast group.
pub fn parse_host(text: &[u8]) -> Option<IpAddr> {
    let mut octets = [0; 16];
    let length = read_ip(text, &mut octets);
    let [first, ..] = octets;
    let multicast = if length == 4 { first >> 4 == 0xE } else { first == 0xFF };
    if multicast || octets.iter().all(|octet| *octet == 0) {
        return None;
    }
    ip(&octets, length)
}

fn ip(octets: &[u8; 16], length: usize) -> Option<IpAddr> {
    match length {
        0 => None,
        4 => octets.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        _ => Some(IpAddr::from(*octets)),
    }
}

/// Reads an IPv4 or IPv6 address in its usual notation: the language of `str::parse::<IpAddr>()`, in less code. Says how
/// many octets it has: 4, 16, or 0 where it is none.
fn read_ip(text: &[u8], octets: &mut [u8; 16]) -> usize {
    numbers(text, octets).unwrap_or(0)
}

fn numbers(text: &[u8], octets: &mut [u8; 16]) -> Option<usize> {
    const NONE: usize = usize::MAX;
    // How many octets are filled, and at which of them `::` stands for others.
    let (mut filled, mut gap) = (0usize, NONE);
    // The number that is being read, in both readings, and the dots before it.
    let (mut digits, mut group, mut decimal, mut dots) = (0u32, 0u32, 0u32, 0u32);
    let mut at = 0usize;
    loop {
        let octet = text.get(at).copied();
        at = at.wrapping_add(1);
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
        if digits > 0 {
            if dots == 0 {
                *octets.get_mut(filled)? = low(group >> 8);
                filled = filled.wrapping_add(1);
            } else {
                group = decimal;
                if group > 255 {
                    return None;
                }
            }
            *octets.get_mut(filled)? = low(group);
            filled = filled.wrapping_add(1);
            (digits, group, decimal) = (0, 0, 0);
            if octet.is_some() {
                continue;
            }
            break;
        }
        // Only a `::` goes without a number; its first colon may begin the text, and its second one end it.
        match octet {
            Some(b':') if at == 1 => {}
            Some(b':') if gap == NONE => gap = filled,
            None if gap == filled => break,
            _ => return None,
        }
    }
    if gap == NONE {
        return match (filled, dots) {
            (4, 3) | (16, 0 | 3) if !text.starts_with(b":") => Some(filled),
            _ => None,
        };
    }
    if filled > 14 || !matches!(dots, 0 | 3) || (gap > 0 && text.starts_with(b":")) {
        return None;
    }
    // What stands behind the gap belongs at the end.
    let mut end = octets.len();
    while filled > gap {
        filled = filled.wrapping_sub(1);
        end = end.wrapping_sub(1);
        let octet = core::mem::take(octets.get_mut(filled)?);
        *octets.get_mut(end)? = octet;
    }
    Some(octets.len())
}

fn low(value: u32) -> u8 {
    let [octet, ..] = value.to_le_bytes();
    octet
}

/// Writes the address literal of an address (RFC 5321, 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8:0:0:0:0:0:1]`.
#[cfg_attr(not(feature = "std"), inline(never))]
pub fn write_literal(address: &IpAddr, out: &mut Window<'_>) {
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
            for group in &address.segments() {
                out.put(b':');
                out.digits(u32::from(*group), 16, 1);
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

    fn parse_ip(text: &[u8]) -> Option<IpAddr> {
        let mut octets = [0; 16];
        let length = read_ip(text, &mut octets);
        ip(&octets, length)
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

    #[test]
    fn nobody_listens_at_no_address_or_at_a_group_s() {
        for text in ["0.0.0.0", "::", "224.0.0.1", "239.255.255.255", "ff02::1", "1.2.3", ""] {
            assert_eq!(parse_host(text.as_bytes()), None, "{text}");
        }
        for text in [
            "0.0.0.1",
            "::1",
            "223.1.2.3",
            "240.0.0.1",
            "255.0.0.1",
            "fe80::1",
            "1::",
            "e000::1",
        ] {
            assert_eq!(parse_host(text.as_bytes()), text.parse().ok(), "{text}");
        }
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
            write_literal(&ip.parse().unwrap(), &mut window);
            let kept = window.kept();
            assert!(is_domain_or_literal(&buffer[..kept]));
            String::from_utf8(buffer[..kept].to_vec()).unwrap()
        };
        assert_eq!(literal("192.168.1.250"), "[192.168.1.250]");
        assert_eq!(literal("::1"), "[IPv6:0:0:0:0:0:0:0:1]");
        assert_eq!(literal("2001:db8::ff00:42:8329"), "[IPv6:2001:db8:0:0:0:ff00:42:8329]");
    }
}
