//! IP addresses as text, and address literals (RFC 5321, 4.1.3).

use core::net::IpAddr;

use crate::buffer::{DECIMAL, HEXADECIMAL, Window};
use crate::octets::copy;

/// The longest literal: `[IPv6:`, eight groups of four digits with seven colons between them, `]`.
pub const LITERAL_BYTES: usize = 6 + 39 + 1;

/// An IP address and a port, with the layout that a program without a system is given.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// 4 or 6; 0: no address.
    pub version: u32,
    /// The port, or 0.
    pub port: u32,
    /// Its 4 or 16 octets, and zeros.
    pub octets: [u8; 16],
}

impl Address {
    /// No address.
    pub const NONE: Self = Self {
        version: 0,
        port: 0,
        octets: [0; 16],
    };

    /// Reads an IPv4 or IPv6 address as text. It accepts what `str::parse::<IpAddr>()` accepts, in less code. Where the text
    /// is not an address, the version is 0.
    pub fn read(&mut self, text: &[u8]) {
        (self.version, self.octets) = (0, [0; 16]);
        if read_ipv4(text, &mut self.octets) {
            self.version = 4;
        } else {
            #[cfg(feature = "complete")]
            {
                self.octets = [0; 16];
                self.version = if read_ipv6(text, &mut self.octets) { 6 } else { 0 };
            }
        }
    }

    /// Makes an IPv4 address out of an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`: RFC 4291, 2.5.5.2). The connection is
    /// one of IPv4, and so the server sees it.
    #[cfg(feature = "complete")]
    // Saves 80 bytes.
    #[cfg_attr(fast, inline(never))]
    pub fn unmap(&mut self) {
        let octets = u128::from_be_bytes(self.octets);
        if self.version == 6 && octets >> 32 == 0xFFFF {
            self.version = 4;
            self.octets = (octets << 96).to_be_bytes();
        }
    }

    /// The same in a library without IPv6.
    #[cfg(not(feature = "complete"))]
    pub fn unmap(&mut self) {}

    /// Whether it can be the address of a server: it is an address, and neither unspecified nor multicast.
    pub fn is_host(&self) -> bool {
        let [first, ..] = self.octets;
        // 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291, 2.7).
        let multicast = if cfg!(feature = "complete") && self.version == 6 {
            0xFF..0x100
        } else {
            0xE0..0xF0
        };
        self.version != 0 && !multicast.contains(&u16::from(first)) && u128::from_ne_bytes(self.octets) != 0
    }

    /// Writes it as an address literal: `[192.0.2.1]`, `[IPv6:2001:db8:0:0:0:0:0:1]`.
    // A program that configures no EHLO name has one call of it.
    pub fn write(&self, out: &mut Window<'_>) {
        let (mut separator, mut size, mut base, mut length) = (b'[', 1, DECIMAL, 4);
        if cfg!(feature = "complete") && self.version == 6 {
            out.put_seldom(b"[IPv6");
            (separator, size, base, length) = (b':', 2, HEXADECIMAL, 16);
        }
        let (mut number, mut left) = (0u32, size);
        for octet in self.octets.iter().take(length) {
            number = number << 8 | u32::from(*octet);
            left = if left == 1 { size } else { 1 };
            if left == size {
                out.put(separator);
                out.digits(number, base, 1);
                number = 0;
                separator = if size == 1 { b'.' } else { b':' };
            }
        }
        out.put(b']');
    }

    /// Writes it as people do: `192.0.2.1`, `2001:db8:0:0:0:0:0:1`.
    #[cfg(feature = "std")]
    pub fn write_bare(&self, out: &mut Window<'_>) {
        let mut literal = [0; LITERAL_BYTES];
        let mut inside = Window::new(&mut literal, 0);
        self.write(&mut inside);
        let length = inside.kept();
        let literal = literal.get(..length).unwrap_or(&[]);
        let bare = literal.strip_prefix(b"[IPv6:").or(literal.strip_prefix(b"["));
        out.put_seldom(bare.and_then(|bare| bare.strip_suffix(b"]")).unwrap_or(&[]));
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let mut address = Self::NONE;
        match ip {
            IpAddr::V4(v4) => {
                address.version = 4;
                copy(&mut address.octets, &v4.octets());
            }
            IpAddr::V6(v6) => {
                address.version = 6;
                address.octets = v6.octets();
            }
        }
        address
    }
}

impl From<Address> for Option<IpAddr> {
    fn from(address: Address) -> Self {
        match (address.version, address.octets) {
            (4, [a, b, c, d, ..]) => Some(IpAddr::from([a, b, c, d])),
            (6, octets) => Some(IpAddr::from(octets)),
            _ => None,
        }
    }
}

/// Reads an IPv4 address into the first four octets; false where the text is not one.
fn read_ipv4(text: &[u8], octets: &mut [u8]) -> bool {
    // The number before its first digit; multiplied by ten it is 0.
    const NONE: u32 = 1 << 31;
    let (mut at, mut filled, mut number) = (0usize, 0usize, NONE);
    loop {
        // At the end as if a dot followed.
        let octet = text.get(at).copied().unwrap_or(b'.');
        let digit = u32::from(octet.wrapping_sub(b'0'));
        if digit < 10 && number != 0 {
            number = number.wrapping_mul(10).wrapping_add(digit);
        } else if octet != b'.' {
            // Neither a digit nor a dot; or a digit behind a leading zero.
            return false;
        }
        if number > 255 {
            return false;
        }
        if octet == b'.' {
            let Some(next) = octets.get_mut(filled) else {
                return false;
            };
            *next = low(number);
            filled = filled.wrapping_add(1);
            number = NONE;
            if at >= text.len() {
                return filled == 4;
            }
        }
        at = at.wrapping_add(1);
    }
}

/// Reads an IPv6 address (RFC 4291, 2.2); false where the text is not one.
#[cfg(feature = "complete")]
fn read_ipv6(text: &[u8], octets: &mut [u8; 16]) -> bool {
    const NONE: usize = usize::MAX;
    // How many octets are read, and before which of them `::` left some out.
    let (mut filled, mut gap) = (0usize, NONE);
    // Where the current group begins, and its value.
    let (mut at, mut start, mut group) = (0usize, 0usize, 0u32);
    loop {
        let octet = text.get(at).copied();
        let digits = at.wrapping_sub(start);
        at = at.wrapping_add(1);
        if let Some(digit) = octet.and_then(|octet| char::from(octet).to_digit(16)) {
            group = group.wrapping_mul(16).wrapping_add(digit);
            continue;
        }
        let unread = octets.get_mut(filled..).unwrap_or(&mut []);
        if octet == Some(b'.') {
            // The last 32 bits, written as an IPv4 address.
            if !read_ipv4(text.get(start..).unwrap_or(&[]), unread) {
                return false;
            }
            filled = filled.wrapping_add(4);
            break;
        }
        match (digits, octet) {
            (1..=4, None | Some(b':')) => {
                let [first, second, ..] = unread else {
                    return false;
                };
                (*first, *second) = (low(group >> 8), low(group));
                filled = filled.wrapping_add(2);
            }
            // Only `::` has no group between its colons. It may begin the text, or end it.
            (0, Some(b':')) if at == 1 => {}
            (0, Some(b':')) if gap == NONE => gap = filled,
            (0, None) if gap == filled => {}
            _ => return false,
        }
        if octet.is_none() {
            break;
        }
        (start, group) = (at, 0);
    }
    if gap == NONE {
        return filled == octets.len() && !text.starts_with(b":");
    }
    if filled > 14 || (gap > 0 && text.starts_with(b":")) {
        return false;
    }
    // The octets behind the gap are the last ones of the address.
    let mut end = octets.len();
    while filled > gap {
        filled = filled.wrapping_sub(1);
        end = end.wrapping_sub(1);
        let octet = octets.get_mut(filled).map_or(0, core::mem::take);
        if let Some(last) = octets.get_mut(end) {
            *last = octet;
        }
    }
    true
}

fn low(value: u32) -> u8 {
    let [octet, ..] = value.to_le_bytes();
    octet
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn parse_ip(text: &[u8]) -> Option<IpAddr> {
        let mut address = Address::NONE;
        address.read(text);
        address.into()
    }

    fn as_core_reads(text: &[u8]) -> Option<IpAddr> {
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// All texts of `length` octets out of `alphabet`.
    fn texts(alphabet: &[u8], length: u32) -> impl Iterator<Item = Vec<u8>> {
        let digits = alphabet.len();
        (0..digits.pow(length)).map(move |number| {
            let octets = (0..length).map(|at| alphabet[number / digits.pow(at) % digits]);
            octets.collect()
        })
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them() {
        let mut read = (0, 0, 0);
        let mut compare = |text: &[u8]| {
            let wanted = as_core_reads(text).filter(|ip| ip.is_ipv4() || cfg!(feature = "complete"));
            assert_eq!(parse_ip(text), wanted, "{:?}", String::from_utf8_lossy(text));
            match wanted {
                Some(IpAddr::V4(_)) => read.0 += 1,
                Some(IpAddr::V6(_)) => read.1 += 1,
                None => read.2 += 1,
            }
        };
        // Every text of a few octets, alone and as a part of an address.
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
        // Every octet at every position of these addresses, instead of an octet and between two.
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
        for text in ["4294967297.2.3.4", "1.2.3.21474836481"] {
            compare(text.as_bytes());
        }
        let six = if cfg!(feature = "complete") { 50_000 } else { 0 };
        assert!(read.0 > 500 && read.1 >= six && read.2 > 100_000, "{read:?}");
    }

    #[test]
    fn an_unspecified_or_multicast_address_is_not_a_host() {
        let is_host = |text: &str| {
            let mut address = Address::NONE;
            address.read(text.as_bytes());
            address.is_host()
        };
        for text in ["0.0.0.0", "::", "224.0.0.1", "239.255.255.255", "ff02::1", "1.2.3", ""] {
            assert!(!is_host(text), "{text}");
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
            assert_eq!(
                is_host(text),
                !text.contains(':') || cfg!(feature = "complete"),
                "{text}"
            );
        }
    }

    #[test]
    fn literals_are_written_as_rfc_5321_says() {
        let literal = |ip: &str| {
            let mut buffer = [0u8; 64];
            let mut window = Window::new(&mut buffer, 0);
            let ip: IpAddr = ip.parse().unwrap();
            let mut address = Address::from(ip);
            address.unmap();
            address.write(&mut window);
            let kept = window.kept();
            assert!(super::super::address::is_domain_or_literal(&buffer[..kept]));
            String::from_utf8(buffer[..kept].to_vec()).unwrap()
        };
        assert_eq!(literal("192.168.1.250"), "[192.168.1.250]");
        assert!(literal("1111:2222:3333:4444:5555:6666:7777:8888").len() <= LITERAL_BYTES);
        if !cfg!(feature = "complete") {
            return;
        }
        assert_eq!(literal("::1"), "[IPv6:0:0:0:0:0:0:0:1]");
        assert_eq!(literal("2001:db8::ff00:42:8329"), "[IPv6:2001:db8:0:0:0:ff00:42:8329]");
        assert_eq!(literal("::ffff:192.0.2.7"), "[192.0.2.7]");
        for (other, written) in [
            ("::192.0.2.7", "0:0:0:0:0:0:c000:207"),
            ("::fffe:192.0.2.7", "0:0:0:0:0:fffe:c000:207"),
            ("::1:ffff:192.0.2.7", "0:0:0:0:1:ffff:c000:207"),
            ("64:ff9b::192.0.2.7", "64:ff9b:0:0:0:0:c000:207"),
        ] {
            assert_eq!(literal(other), std::format!("[IPv6:{written}]"));
        }
    }
}
