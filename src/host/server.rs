//! One server of a configuration: an address or a name, and its port.
//!
//! ```text
//! server = host [":" port] / IPv6 [zone] / "[" IPv6 [zone] "]" [":" port]
//! host   = IPv4 / name                  a name may end with a dot
//! zone   = "%" interface                its name, or its number (RFC 4007, 11)
//! ```

use core::ffi::CStr;
use std::boxed::Box;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::memory::joined;
use super::no_server::NoServer;
use super::{idn, sys};
use crate::limits::{HOST_NAME_BYTES, LABEL_BYTES};
use crate::wire::literal::Address;

/// Where to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// An address.
    Address(SocketAddr),
    /// A name, whose addresses have to be looked up.
    Name {
        /// A-labels in lower case, without a dot at the end.
        name: &'a [u8],
        /// The same for the lookup: with a dot at the end, where it was written with one.
        asked: &'a [u8],
        /// The port.
        port: u16,
    },
}

/// A server as it is kept: its port, an octet that says what follows ([`IPV4`], [`IPV6`], or the length of a name), and that.
pub struct Server {
    octets: [u8; HEAD + HOST_NAME_BYTES + 1],
    length: usize,
}

/// An IPv4 address.
const IPV4: u8 = 0;
/// An IPv6 address, and the number of its zone or 0.
const IPV6: u8 = 255;
/// What stands before the address or the name.
const HEAD: usize = 3;

// A name, with its dot.
const _: () = assert!(HOST_NAME_BYTES + 1 < IPV6 as usize);

impl Server {
    /// None yet.
    pub const NONE: Self = Self {
        octets: [0; HEAD + HOST_NAME_BYTES + 1],
        length: 0,
    };

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    /// Reads a server, whose port is this one if it names none.
    pub fn read(&mut self, text: &[u8], mut port: u16) -> Result<(), NoServer> {
        if let Some(why) = text.iter().find_map(|octet| not_in_a_server(*octet, text)) {
            return Err(why);
        }
        let mut colons = text.iter().enumerate().filter(|(_, octet)| **octet == b':');
        let colon = colons.next().map(|(colon, _)| colon);
        if let [b'[', rest @ ..] = text {
            let end = rest.iter().position(|octet| *octet == b']');
            let (inside, behind) = end
                .and_then(|end| rest.split_at_checked(end))
                .ok_or(NoServer::Brackets)?;
            match behind {
                [b']'] => {}
                [b']', b':', digits @ ..] => port = port_number(digits)?,
                _ => return Err(NoServer::BehindBracket),
            }
            self.read_ipv6(inside, NoServer::Brackets)?;
        } else if colons.next().is_some() {
            self.read_ipv6(text, NoServer::Colons)?;
        } else {
            let mut host = text;
            if let Some((before, [_, digits @ ..])) = colon.and_then(|colon| text.split_at_checked(colon)) {
                if before.is_empty() {
                    return Err(NoServer::NoHost);
                }
                host = before;
                port = port_number(digits)?;
            }
            self.read_host(host)?;
        }
        if let Some((first, _)) = self.octets.split_first_chunk_mut() {
            *first = port.to_be_bytes();
        }
        Ok(())
    }

    /// Keeps an address that can be a server's. An IPv4-mapped IPv6 address becomes the IPv4 address.
    fn keep(&mut self, mut address: Address, zone: u32) -> Result<(), NoServer> {
        address.unmap();
        if !address.is_host() {
            let unspecified = address.octets == [0; 16];
            return Err(if unspecified {
                NoServer::Unspecified
            } else {
                NoServer::Multicast
            });
        }
        let (kind, length) = if address.version == 4 {
            (IPV4, 4)
        } else {
            (IPV6, 16 + 4)
        };
        let (_, room) = self.octets.split_at_mut(HEAD);
        let zone = zone.to_be_bytes();
        for (to, from) in room.iter_mut().zip(address.octets.iter().chain(&zone)) {
            *to = *from;
        }
        self.close(kind, length);
        Ok(())
    }

    /// Sets the kind, and the length of what stands behind it.
    fn close(&mut self, kind: u8, length: usize) {
        if let Some(to) = self.octets.get_mut(HEAD.saturating_sub(1)) {
            *to = kind;
        }
        self.length = HEAD.saturating_add(length);
    }

    /// Reads an IPv6 address, with a zone or without; `otherwise`: the text is none.
    fn read_ipv6(&mut self, text: &[u8], otherwise: NoServer) -> Result<(), NoServer> {
        let percent = text.iter().position(|octet| *octet == b'%');
        let (ip, zone) = percent.and_then(|at| text.split_at_checked(at)).unwrap_or((text, &[]));
        let mut address = Address::NONE;
        address.read(ip);
        if address.version != 6 {
            return Err(otherwise);
        }
        let zone = match zone {
            [_, zone @ ..] => interface(zone).ok_or(NoServer::Zone)?,
            [] => 0,
        };
        self.keep(address, zone)
    }

    /// Reads an IPv4 address or a name.
    fn read_host(&mut self, text: &[u8]) -> Result<(), NoServer> {
        let mut address = Address::NONE;
        address.read(text);
        if address.version == 4 {
            return self.keep(address, 0);
        }
        if text.contains(&b'%') {
            return Err(NoServer::ZoneWithoutIpv6);
        }
        let (_, room) = self.octets.split_at_mut(HEAD);
        let (room, behind) = room.split_at_mut(HOST_NAME_BYTES);
        let (mut length, dot) = if text.iter().all(u8::is_ascii) {
            let name = text.strip_suffix(b".").unwrap_or(text);
            let octets = room.get_mut(..name.len()).ok_or(NoServer::LongName)?;
            octets.copy_from_slice(name);
            octets.make_ascii_lowercase();
            (name.len(), name.len() < text.len())
        } else {
            let text = core::str::from_utf8(text).map_err(|_| NoServer::NotUtf8)?;
            (idn::to_a_labels(text, room)?, text.ends_with(idn::DOTS))
        };
        check_name(room.get(..length).unwrap_or(&[]))?;
        if dot {
            if let Some(end) = room.iter_mut().chain(behind).nth(length) {
                *end = b'.';
            }
            length = length.saturating_add(1);
        }
        self.close(u8::try_from(length).unwrap_or(0), length);
        Ok(())
    }
}

/// Reads the name in a certificate: a host name, as A-labels in lower case, or an IP address as it is.
pub fn host_name(text: &[u8]) -> Result<Box<[u8]>, NoServer> {
    let mut server = Server::NONE;
    server.read(text, 0)?;
    let name = match first(server.as_bytes()) {
        Some((Target::Name { name, port: 0, .. }, _)) => name,
        Some((Target::Address(address), _)) if address.port() == 0 => text
            .strip_prefix(b"[")
            .and_then(|text| text.strip_suffix(b"]"))
            .unwrap_or(text),
        _ => return Err(NoServer::WithPort),
    };
    joined(&[name]).ok_or(NoServer::NoMemory)
}

/// The first server of those that stand one behind the other, and the others.
pub fn first(octets: &[u8]) -> Option<(Target<'_>, &[u8])> {
    let ([high, low, kind], behind) = octets.split_first_chunk()?;
    let port = u16::from_be_bytes([*high, *low]);
    let length = match *kind {
        IPV4 => 4,
        IPV6 => 16 + 4,
        length => usize::from(length),
    };
    let (octets, others) = behind.split_at_checked(length)?;
    let target = match (*kind, octets) {
        (IPV4, [a, b, c, d]) => Target::Address(SocketAddr::from(([*a, *b, *c, *d], port))),
        (IPV6, octets) => {
            let (ip, zone) = octets.split_first_chunk::<16>()?;
            let zone = u32::from_be_bytes(zone.try_into().ok()?);
            Target::Address(match IpAddr::from(*ip) {
                IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, zone)),
                v4 => SocketAddr::new(v4, port),
            })
        }
        (_, asked) => Target::Name {
            name: asked.strip_suffix(b".").unwrap_or(asked),
            asked,
            port,
        },
    };
    Some((target, others))
}

/// Why no server has this octet.
fn not_in_a_server(octet: u8, text: &[u8]) -> Option<NoServer> {
    match octet {
        0..=b' ' | 0x7F => Some(NoServer::Blank),
        b'@' | b'/' if text.windows(3).any(|three| three == b"://") => Some(NoServer::Url),
        b'@' => Some(NoServer::MailAddress),
        b'/' => Some(NoServer::Path),
        _ => None,
    }
}

/// Reads a port: digits only.
fn port_number(digits: &[u8]) -> Result<u16, NoServer> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NoServer::PortNumber);
    }
    let number = digits.iter().fold(0u32, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit.wrapping_sub(b'0')))
    });
    match u16::try_from(number) {
        Ok(0) | Err(_) => Err(NoServer::PortRange),
        Ok(port) => Ok(port),
    }
}

/// The number of the interface with this name or number; None where there is no such interface.
fn interface(zone: &[u8]) -> Option<u32> {
    // No system's names are longer.
    let mut name = [0u8; 257];
    let (octets, _) = name.split_at_mut_checked(zone.len())?;
    octets.copy_from_slice(zone);
    sys::interface_number(CStr::from_bytes_until_nul(&name).ok()?)
}

/// Checks a name of ASCII.
fn check_name(name: &[u8]) -> Result<(), NoServer> {
    for label in name.split(|octet| *octet == b'.') {
        if label.is_empty() {
            return Err(NoServer::EmptyLabel);
        }
        if label.len() > usize::from(LABEL_BYTES) {
            return Err(NoServer::LongLabel);
        }
        // Names of local networks have underscores.
        let known = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !label.iter().all(known) {
            return Err(NoServer::Character);
        }
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Err(NoServer::Hyphen);
        }
    }
    // The system would take such a name for an address in one of the older forms: octal, hexadecimal, with fewer numbers.
    if is_number(name.rsplit(|octet| *octet == b'.').next().unwrap_or(&[])) {
        return Err(NoServer::BrokenAddress);
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
    #[allow(unused_imports)]
    use crate::code::Code;
    use std::format;
    use std::string::String;

    fn read_one(text: &[u8]) -> Result<String, NoServer> {
        let mut server = Server::NONE;
        server.read(text, 25)?;
        let (target, others) = first(server.as_bytes()).unwrap();
        assert!(others.is_empty());
        Ok(match target {
            Target::Address(SocketAddr::V6(v6)) if v6.scope_id() > 0 => {
                format!("{} zone {} {}", v6.ip(), v6.scope_id(), v6.port())
            }
            Target::Address(address) => format!("{} {}", address.ip(), address.port()),
            Target::Name { name, port, asked } => {
                // The dot is for the lookup only.
                assert_eq!(asked.strip_suffix(b".").unwrap_or(asked), name);
                assert!(!name.ends_with(b"."));
                format!("{} {port}", std::str::from_utf8(name).unwrap())
            }
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
    fn a_name_is_looked_up_with_the_dot_that_it_was_written_with() {
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        for (text, looked_up) in [
            ("mailhost", "mailhost"),
            ("MailHost.", "mailhost."),
            ("mail.example.org.:587", "mail.example.org."),
            (&longest, &longest),
            (&format!("{longest}."), &format!("{longest}.")),
            #[cfg(feature = "unicode")]
            ("b\u{FC}cher.example", "xn--bcher-kva.example"),
            #[cfg(feature = "unicode")]
            ("b\u{FC}cher.example.", "xn--bcher-kva.example."),
            #[cfg(feature = "unicode")]
            ("b\u{FC}cher.example\u{3002}", "xn--bcher-kva.example."),
        ] {
            let mut server = Server::NONE;
            assert_eq!(server.read(text.as_bytes(), 25), Ok(()), "{text}");
            let Some((Target::Name { name, asked, .. }, [])) = first(server.as_bytes()) else {
                panic!("{text}");
            };
            assert_eq!(asked, looked_up.as_bytes(), "{text}");
            assert_eq!(name, looked_up.trim_end_matches('.').as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_its_reason() {
        for (text, why) in [
            ("smtp@gmail.com", NoServer::MailAddress),
            ("http://mail.example.org", NoServer::Url),
            ("smtp://user@mail.example.org", NoServer::Url),
            ("mail.example.org/inbox", NoServer::Path),
            ("localhost:2525:3", NoServer::Colons),
            ("192.0.2.1:25:26", NoServer::Colons),
            ("::1::", NoServer::Colons),
            ("2001:db8::1%", NoServer::Zone),
            (":25", NoServer::NoHost),
            ("mail.example.org:", NoServer::PortNumber),
            ("mail.example.org:smtp", NoServer::PortNumber),
            ("mail.example.org:-1", NoServer::PortNumber),
            ("mail.example.org:+25", NoServer::PortNumber),
            ("mail.example.org:0", NoServer::PortRange),
            ("mail.example.org:70000", NoServer::PortRange),
            ("mail.example.org:65536", NoServer::PortRange),
            ("mail.example.org:99999999999999999999", NoServer::PortRange),
            ("[::1", NoServer::Brackets),
            ("[192.0.2.1]", NoServer::Brackets),
            ("[mail.example.org]:25", NoServer::Brackets),
            ("[IPv6:::1]", NoServer::Brackets),
            ("[]", NoServer::Brackets),
            ("[::1]25", NoServer::BehindBracket),
            ("[::1].", NoServer::BehindBracket),
            ("[::1]:", NoServer::PortNumber),
            ("[::1]:0", NoServer::PortRange),
            ("0.0.0.0", NoServer::Unspecified),
            ("::", NoServer::Unspecified),
            ("::ffff:0.0.0.0", NoServer::Unspecified),
            ("224.0.0.1", NoServer::Multicast),
            ("[ff02::1]:25", NoServer::Multicast),
            ("1.2.3", NoServer::BrokenAddress),
            ("1.2.3.4.5", NoServer::BrokenAddress),
            ("1.2.3.4.", NoServer::BrokenAddress),
            ("256.1.1.1", NoServer::BrokenAddress),
            ("01.2.3.4", NoServer::BrokenAddress),
            ("127.1:25", NoServer::BrokenAddress),
            ("2130706433", NoServer::BrokenAddress),
            ("0x7f.1", NoServer::BrokenAddress),
            ("0X7F000001", NoServer::BrokenAddress),
            ("127.0.0.0x", NoServer::BrokenAddress),
            ("mail.12", NoServer::BrokenAddress),
            ("192.0.2.1%eth0", NoServer::ZoneWithoutIpv6),
            ("mail.example.org%eth0:25", NoServer::ZoneWithoutIpv6),
            (".", NoServer::EmptyLabel),
            ("..", NoServer::EmptyLabel),
            (".example.org", NoServer::EmptyLabel),
            ("mail..example.org", NoServer::EmptyLabel),
            ("mail.example.org..", NoServer::EmptyLabel),
            ("-mail.example.org", NoServer::Hyphen),
            ("mail-.example.org", NoServer::Hyphen),
            ("mail.-", NoServer::Hyphen),
            ("mail example.org", NoServer::Blank),
            ("mail.example.org\r\n", NoServer::Blank),
            ("mail\0.example.org", NoServer::Blank),
            ("mail\x7f.example.org", NoServer::Blank),
            ("mail;example", NoServer::Character),
            ("<mail.example.org>", NoServer::Character),
            ("\"mail\"", NoServer::Character),
            ("mail.example.org]", NoServer::Character),
        ] {
            assert_eq!(read_one(text.as_bytes()), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_label_has_63_octets_and_a_name_253() {
        let name = |last| ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(last)].join(".");
        for (name, wrong) in [
            (name(61), None),
            (format!("{}.", name(61)), None),
            (name(62), Some(NoServer::LongName)),
            (format!("{}.", name(62)), Some(NoServer::LongName)),
            (format!("{}.org", "a".repeat(64)), Some(NoServer::LongLabel)),
            ("a".repeat(65_536), Some(NoServer::LongName)),
        ] {
            assert_eq!(read_one(name.as_bytes()).err(), wrong, "{}", name.len());
            let with_port = format!("{name}:25");
            assert_eq!(read_one(with_port.as_bytes()).err(), wrong, "{}", name.len());
        }
    }

    #[test]
    fn a_zone_is_an_interface_of_this_system() {
        // The loopback interface is the first one everywhere; its name is another on each Windows.
        let mut zones = std::vec!["1"];
        if cfg!(target_os = "linux") {
            zones.push("lo");
        }
        for zone in zones {
            for (text, server) in [
                (format!("fe80::1%{zone}"), "fe80::1 zone 1 25"),
                (format!("[fe80::1%{zone}]"), "fe80::1 zone 1 25"),
                (format!("[fe80::1%{zone}]:465"), "fe80::1 zone 1 465"),
            ] {
                assert_eq!(read_one(text.as_bytes()).as_deref(), Ok(server), "{text}");
            }
        }
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
                Err(NoServer::Zone),
                "{zone}"
            );
        }
        assert_eq!(read_one(b"fe80::x%lo"), Err(NoServer::Colons));
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
            let why = read_one(text.as_bytes()).unwrap_err();
            assert_eq!(why.code(), Code::ConnectFailed, "{text} {why:?}");
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
        let why = read_one("b\u{FC}cher.example".as_bytes()).unwrap_err();
        assert_eq!(why.code(), Code::NotSupported);
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
