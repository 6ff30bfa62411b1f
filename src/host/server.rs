//! One server of a configuration: an address or a name, and its port.
//!
//! ```text
//! server = host [":" port] / IPv6 [zone] / "[" IPv6 [zone] "]" [":" port]
//! host   = IPv4 / name                  a name may end with a dot
//! zone   = "%" interface                its name, or its number (RFC 4007, 11)
//! ```

use core::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{idn, sys};
use crate::code::Code;
use crate::limits::{HOST_NAME_BYTES, LABEL_BYTES};
use crate::wire::literal::Address;

const URL: &str = "a URL, not a server: sds_smtp_client_configure_url() takes URLs";
const PATH: &str = "a slash: no server has one";
const MAIL_ADDRESS: &str = "an e-mail address, not a server";
const BLANK: &str = "a blank or a control character in a server's name";
const CHARACTER: &str = "a character that no server's name has";
const BRACKETS: &str = "brackets that do not hold exactly one IPv6 address";
const BEHIND_BRACKET: &str = "something other than a port behind the bracket";
const COLONS: &str = "several colons, but no IPv6 address (with a port, it stands in brackets)";
const NO_HOST: &str = "a port without a server";
const PORT_NUMBER: &str = "the port is not a number";
const PORT_RANGE: &str = "the port is not between 1 and 65535";
const BROKEN_ADDRESS: &str = "this looks like an IP address, and is none";
const UNSPECIFIED: &str = "this address stands for any address, and is no server's";
const MULTICAST: &str = "a multicast address is no server's";
const ZONE: &str = "this system has no such interface (the zone behind %)";
const ZONE_WITHOUT_IPV6: &str = "only IPv6 addresses have a zone (behind %)";
const EMPTY_LABEL: &str = "an empty part between two dots of a name";
const LONG_LABEL: &str = "a part of a name has more than 63 octets";
const LONG_NAME: &str = "a name has more than 253 octets";
const HYPHEN: &str = "a part of a name begins or ends with a hyphen";

/// Why a text is no server: a code, and the reason for people.
pub type Reason = (Code, &'static str);

/// What is refused with code 13.
pub const fn refused(text: &'static str) -> Reason {
    (Code::ConnectFailed, text)
}

/// A name: A-labels in lower case, without a dot at the end.
pub struct Name {
    octets: [u8; HOST_NAME_BYTES],
    length: usize,
}

impl Name {
    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}

/// A server, but for its port.
// It lives on the stack while a list is read.
#[allow(clippy::large_enum_variant)]
pub enum Host {
    /// An address and, for IPv6, the number of its zone or 0.
    Address(IpAddr, u32),
    /// A name, whose addresses have to be looked up.
    Name(Name),
}

/// Reads a server: the host, and its port or this one.
pub fn read(text: &[u8], port: u16) -> Result<(Host, u16), Reason> {
    if text.iter().any(|octet| *octet <= b' ' || *octet == 0x7F) {
        return Err(refused(BLANK));
    }
    if text.windows(3).any(|three| three == b"://") {
        return Err(refused(URL));
    }
    if text.contains(&b'@') {
        return Err(refused(MAIL_ADDRESS));
    }
    if text.contains(&b'/') {
        return Err(refused(PATH));
    }
    if let [b'[', rest @ ..] = text {
        let end = rest.iter().position(|octet| *octet == b']');
        let (inside, behind) = end
            .and_then(|end| rest.split_at_checked(end))
            .ok_or(refused(BRACKETS))?;
        let host = ipv6(inside)?.ok_or(refused(BRACKETS))?;
        return match behind {
            [b']'] => Ok((host, port)),
            [b']', b':', digits @ ..] => Ok((host, port_number(digits)?)),
            _ => Err(refused(BEHIND_BRACKET)),
        };
    }
    let mut colons = text.iter().enumerate().filter(|(_, octet)| **octet == b':');
    match (colons.next(), colons.next()) {
        (None, _) => Ok((host(text)?, port)),
        (Some((colon, _)), None) => {
            let (before, behind) = text.split_at_checked(colon).unwrap_or((text, &[]));
            if before.is_empty() {
                return Err(refused(NO_HOST));
            }
            let host = host(before)?;
            Ok((host, port_number(behind.get(1..).unwrap_or(&[]))?))
        }
        _ => Ok((ipv6(text)?.ok_or(refused(COLONS))?, port)),
    }
}

/// Reads a port: digits only.
fn port_number(digits: &[u8]) -> Result<u16, Reason> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(refused(PORT_NUMBER));
    }
    let number = digits.iter().fold(0u32, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit.wrapping_sub(b'0')))
    });
    match u16::try_from(number) {
        Ok(0) | Err(_) => Err(refused(PORT_RANGE)),
        Ok(port) => Ok(port),
    }
}

/// An address that can be a server's. An IPv4-mapped IPv6 address becomes the IPv4 address.
fn usable(mut address: Address, zone: u32) -> Result<Host, Reason> {
    address.unmap();
    match Option::<IpAddr>::from(address) {
        Some(ip) if address.is_host() => Ok(Host::Address(ip, zone)),
        Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Err(refused(UNSPECIFIED)),
        _ => Err(refused(MULTICAST)),
    }
}

/// Reads an IPv6 address, with a zone or without; None where the text is none.
fn ipv6(text: &[u8]) -> Result<Option<Host>, Reason> {
    let percent = text.iter().position(|octet| *octet == b'%');
    let (ip, zone) = percent.and_then(|at| text.split_at_checked(at)).unwrap_or((text, &[]));
    let mut address = Address::NONE;
    address.read(ip);
    if address.version != 6 {
        return Ok(None);
    }
    let zone = match zone {
        [_, zone @ ..] => interface(zone).ok_or(refused(ZONE))?,
        [] => 0,
    };
    usable(address, zone).map(Some)
}

/// The number of the interface with this name or number; None where there is no such interface.
fn interface(zone: &[u8]) -> Option<u32> {
    // No system's names are longer.
    let mut name = [0u8; 257];
    let (octets, _) = name.split_at_mut_checked(zone.len())?;
    octets.copy_from_slice(zone);
    sys::interface_number(CStr::from_bytes_until_nul(&name).ok()?)
}

/// Reads an IPv4 address or a name.
fn host(text: &[u8]) -> Result<Host, Reason> {
    let mut address = Address::NONE;
    address.read(text);
    if address.version == 4 {
        return usable(address, 0);
    }
    if text.contains(&b'%') {
        return Err(refused(ZONE_WITHOUT_IPV6));
    }
    let mut name = Name {
        octets: [0; HOST_NAME_BYTES],
        length: 0,
    };
    name.length = if text.is_ascii() {
        let text = text.strip_suffix(b".").unwrap_or(text);
        let octets = name.octets.get_mut(..text.len()).ok_or(refused(LONG_NAME))?;
        octets.copy_from_slice(text);
        octets.make_ascii_lowercase();
        text.len()
    } else {
        idn::to_a_labels(text, &mut name.octets)?
    };
    check_name(name.as_bytes())?;
    Ok(Host::Name(name))
}

/// Checks a name of ASCII.
fn check_name(name: &[u8]) -> Result<(), Reason> {
    for label in name.split(|octet| *octet == b'.') {
        if label.is_empty() {
            return Err(refused(EMPTY_LABEL));
        }
        if label.len() > usize::from(LABEL_BYTES) {
            return Err(refused(LONG_LABEL));
        }
        // Names of local networks have underscores.
        let known = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !label.iter().all(known) {
            return Err(refused(CHARACTER));
        }
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Err(refused(HYPHEN));
        }
    }
    // The system would take such a name for an address in one of the older forms: octal, hexadecimal, with fewer numbers.
    if is_number(name.rsplit(|octet| *octet == b'.').next().unwrap_or(&[])) {
        return Err(refused(BROKEN_ADDRESS));
    }
    Ok(())
}

/// Whether inet_aton() takes this label, in lower case, for a number. No top-level domain is one (RFC 3696, 2).
fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    fn read_one(text: &[u8]) -> Result<String, Reason> {
        read(text, 25).map(|(host, port)| match host {
            Host::Address(IpAddr::V4(v4), _) => format!("{v4} {port}"),
            Host::Address(IpAddr::V6(v6), 0) => format!("{v6} {port}"),
            Host::Address(IpAddr::V6(v6), zone) => format!("{v6} zone {zone} {port}"),
            Host::Name(name) => format!("{} {port}", std::str::from_utf8(name.as_bytes()).unwrap()),
        })
    }

    #[test]
    fn every_form_is_read() {
        for (text, server) in [
            ("192.0.2.1", "192.0.2.1 25"),
            ("192.0.2.1:2525", "192.0.2.1 2525"),
            ("192.0.2.1:00025", "192.0.2.1 25"),
            ("255.255.255.254:65535", "255.255.255.254 65535"),
            ("mail.example.org", "mail.example.org 25"),
            ("mail.example.org.", "mail.example.org 25"),
            ("MAIL.Example.ORG.:587", "mail.example.org 587"),
            ("localhost", "localhost 25"),
            ("sds_1.local:1", "sds_1.local 1"),
            ("3com.example", "3com.example 25"),
            ("1.2.3.example", "1.2.3.example 25"),
            ("0xmail", "0xmail 25"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example 25"),
            ("2001:db8::1", "2001:db8::1 25"),
            ("::1", "::1 25"),
            ("[::1]", "::1 25"),
            ("[2001:db8::1]:465", "2001:db8::1 465"),
            ("::ffff:192.0.2.1", "192.0.2.1 25"),
            ("[::ffff:192.0.2.1]:26", "192.0.2.1 26"),
            ("fe80::1", "fe80::1 25"),
        ] {
            assert_eq!(read_one(text.as_bytes()).as_deref(), Ok(server), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_its_reason() {
        for (text, why) in [
            ("smtp@gmail.com", MAIL_ADDRESS),
            ("http://mail.example.org", URL),
            ("smtp://user@mail.example.org", URL),
            ("mail.example.org/inbox", PATH),
            ("localhost:2525:3", COLONS),
            ("192.0.2.1:25:26", COLONS),
            ("::1::", COLONS),
            ("2001:db8::1%", ZONE),
            (":25", NO_HOST),
            ("mail.example.org:", PORT_NUMBER),
            ("mail.example.org:smtp", PORT_NUMBER),
            ("mail.example.org:-1", PORT_NUMBER),
            ("mail.example.org:+25", PORT_NUMBER),
            ("mail.example.org:0", PORT_RANGE),
            ("mail.example.org:70000", PORT_RANGE),
            ("mail.example.org:65536", PORT_RANGE),
            ("mail.example.org:99999999999999999999", PORT_RANGE),
            ("[::1", BRACKETS),
            ("[192.0.2.1]", BRACKETS),
            ("[mail.example.org]:25", BRACKETS),
            ("[IPv6:::1]", BRACKETS),
            ("[]", BRACKETS),
            ("[::1]25", BEHIND_BRACKET),
            ("[::1].", BEHIND_BRACKET),
            ("[::1]:", PORT_NUMBER),
            ("[::1]:0", PORT_RANGE),
            ("0.0.0.0", UNSPECIFIED),
            ("::", UNSPECIFIED),
            ("::ffff:0.0.0.0", UNSPECIFIED),
            ("224.0.0.1", MULTICAST),
            ("[ff02::1]:25", MULTICAST),
            ("1.2.3", BROKEN_ADDRESS),
            ("1.2.3.4.5", BROKEN_ADDRESS),
            ("1.2.3.4.", BROKEN_ADDRESS),
            ("256.1.1.1", BROKEN_ADDRESS),
            ("01.2.3.4", BROKEN_ADDRESS),
            ("127.1:25", BROKEN_ADDRESS),
            ("2130706433", BROKEN_ADDRESS),
            ("0x7f.1", BROKEN_ADDRESS),
            ("0X7F000001", BROKEN_ADDRESS),
            ("127.0.0.0x", BROKEN_ADDRESS),
            ("mail.12", BROKEN_ADDRESS),
            ("192.0.2.1%eth0", ZONE_WITHOUT_IPV6),
            ("mail.example.org%eth0:25", ZONE_WITHOUT_IPV6),
            (".", EMPTY_LABEL),
            ("..", EMPTY_LABEL),
            (".example.org", EMPTY_LABEL),
            ("mail..example.org", EMPTY_LABEL),
            ("mail.example.org..", EMPTY_LABEL),
            ("-mail.example.org", HYPHEN),
            ("mail-.example.org", HYPHEN),
            ("mail.-", HYPHEN),
            ("mail example.org", BLANK),
            ("mail.example.org\r\n", BLANK),
            ("mail\0.example.org", BLANK),
            ("mail\x7f.example.org", BLANK),
            ("mail;example", CHARACTER),
            ("<mail.example.org>", CHARACTER),
            ("\"mail\"", CHARACTER),
            ("mail.example.org]", CHARACTER),
        ] {
            assert_eq!(read_one(text.as_bytes()), Err(refused(why)), "{text:?}");
        }
    }

    #[test]
    fn a_label_has_63_octets_and_a_name_253() {
        let name = |last| ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(last)].join(".");
        for (name, wrong) in [
            (name(61), None),
            (format!("{}.", name(61)), None),
            (name(62), Some(LONG_NAME)),
            (format!("{}.", name(62)), Some(LONG_NAME)),
            (format!("{}.org", "a".repeat(64)), Some(LONG_LABEL)),
            ("a".repeat(65_536), Some(LONG_NAME)),
        ] {
            assert_eq!(read_one(name.as_bytes()).err(), wrong.map(refused), "{}", name.len());
            let with_port = format!("{name}:25");
            assert_eq!(
                read_one(with_port.as_bytes()).err(),
                wrong.map(refused),
                "{}",
                name.len()
            );
        }
    }

    #[test]
    fn a_zone_is_an_interface_of_this_system() {
        let loopback = if cfg!(windows) { "loopback_0" } else { "lo" };
        let number = sys::interface_number(&std::ffi::CString::new(loopback).unwrap()).unwrap();
        let server = format!("fe80::1 zone {number}");
        for text in [format!("fe80::1%{loopback}"), format!("[fe80::1%{number}]")] {
            assert_eq!(read_one(text.as_bytes()), Ok(format!("{server} 25")), "{text}");
        }
        let text = format!("[fe80::1%{loopback}]:465");
        assert_eq!(read_one(text.as_bytes()), Ok(format!("{server} 465")));
        for zone in [
            "nosuch0",
            "0",
            "4000000000",
            "4294967297",
            "-1",
            "",
            "lo%",
            &"x".repeat(300),
        ] {
            assert_eq!(
                read_one(format!("fe80::1%{zone}").as_bytes()),
                Err(refused(ZONE)),
                "{zone}"
            );
        }
        assert_eq!(read_one(b"fe80::x%lo"), Err(refused(COLONS)));
    }

    #[cfg(feature = "unicode")]
    #[test]
    fn internationalized_names_become_a_labels() {
        for (text, server) in [
            ("b\u{FC}cher.example", "xn--bcher-kva.example 25"),
            ("B\u{DC}CHER.Example.:587", "xn--bcher-kva.example 587"),
            ("stra\u{DF}e.example", "xn--strae-oqa.example 25"),
            (
                "po\u{161}ta.p\u{159}\u{ED}klad.cz",
                "xn--pota-h6a.xn--pklad-zsa96e.cz 25",
            ),
            ("po\u{161}ta.xn--pklad-zsa96e.cz", "xn--pota-h6a.xn--pklad-zsa96e.cz 25"),
            (
                "\u{4F8B}\u{3048}\u{3002}\u{30C6}\u{30B9}\u{30C8}\u{3002}",
                "xn--r8jz45g.xn--zckzah 25",
            ),
            (
                "\u{645}\u{62B}\u{627}\u{644}.\u{625}\u{62E}\u{62A}\u{628}\u{627}\u{631}",
                "xn--mgbh0fb.xn--kgbechtv 25",
            ),
            ("\u{FF4D}\u{FF41}\u{FF49}\u{FF4C}.example", "mail.example 25"),
            ("e\u{301}.sds_1.example", "xn--9ca.sds_1.example 25"),
            (
                "a.b.c.d.e.f.g.h.i.j.\u{FC}.example",
                "a.b.c.d.e.f.g.h.i.j.xn--tda.example 25",
            ),
        ] {
            assert_eq!(read_one(text.as_bytes()).as_deref(), Ok(server), "{text}");
        }
        for text in [
            // Digits of another width, and dots: an address in disguise.
            "\u{FF11}27.0.0.1",
            "127\u{3002}1",
            // Nothing is left; a mark first; a right-to-left and a left-to-right label that do not go together; not assigned.
            "\u{AD}",
            "\u{AD}.example",
            "\u{301}a.example",
            "\u{5D0}a.example",
            "\u{378}.example",
            "\u{FFFD}.example",
            // A colon, a slash, a blank in disguise.
            "\u{FC}\u{FF1A}25",
            "\u{FC}\u{FF0F}.example",
            "\u{FC}\u{A0}.example",
            "-\u{FC}.example",
            "\u{FC}..example",
            "xn--\u{FC}.example",
            "xn--999999999.\u{FC}.example",
        ] {
            let (code, why) = read_one(text.as_bytes()).unwrap_err();
            assert_eq!(code, Code::ConnectFailed, "{text} {why}");
        }
        for (text, fits) in [
            ("\u{FC}".repeat(56), true),
            ("\u{FC}".repeat(58), false),
            ("\u{FC}.".repeat(31) + "abcde", true),
            ("\u{FC}.".repeat(31) + "abcdef", false),
            (
                "a".repeat(63) + "." + &"\u{FC}".repeat(57) + "." + &"\u{FC}".repeat(57) + "." + &"\u{FC}".repeat(57),
                false,
            ),
            ("\u{FC}.".repeat(32), false),
            ("\u{FDFA}".repeat(300), false),
            ("\u{301}".repeat(60_000), false),
            (String::from("a") + &"\u{301}".repeat(200), false),
        ] {
            assert_eq!(
                read_one(text.as_bytes()).is_ok(),
                fits,
                "{}: {:?}",
                text.len(),
                read_one(text.as_bytes())
            );
        }
    }

    #[cfg(not(feature = "unicode"))]
    #[test]
    fn without_the_tables_names_are_of_ascii() {
        let (code, _) = read_one("b\u{FC}cher.example".as_bytes()).unwrap_err();
        assert_eq!(code, Code::NotSupported);
    }

    #[test]
    fn octets_that_are_not_utf8_are_no_name() {
        for text in [
            &b"\xFF"[..],
            b"mail\x80.example",
            b"\xC3",
            b"\xF5\x80\x80\x80.org",
            b"\xED\xA0\x80",
        ] {
            assert!(read_one(text).is_err(), "{text:?}");
        }
    }
}
