//! A server as it is configured: its address, or its name and how the address of that is found; and its port.

use core::ffi::CStr;

use crate::channel::{Called, Transport};
use crate::limits::HOST_NAME_BYTES;
use crate::octets::{behind_last, copy};
use crate::wire::address::is_domain_or_literal;
use crate::wire::literal::Address;

/// The name of a server.
pub struct Named {
    /// The name, in the arena.
    pub name: &'static CStr,
    /// What looks it up. Programs that cannot configure a name are linked without it.
    pub look_up: fn(&Named, Transport, &mut Address) -> Called,
}

impl Named {
    /// A name with its NUL, in this part of the arena, which has nothing but zeros in it.
    pub fn put(name: &[u8], part: &'static mut [u8]) -> Option<Self> {
        Some(Self {
            name: c_string(name, part)?,
            look_up: Self::look_up,
        })
    }

    fn look_up(&self, transport: Transport, server: &mut Address) -> Called {
        transport.resolve(self.name, server)
    }
}

/// A text with a NUL behind it, in this part of the arena, which has nothing but zeros in it.
pub fn c_string(text: &[u8], part: &'static mut [u8]) -> Option<&'static CStr> {
    copy(part, text);
    CStr::from_bytes_until_nul(part).ok()
}

/// The host in a configured server, and the port, where there is one: "192.0.2.1:25", "[2001:db8::1]:25". None where there is
/// something else behind the host.
#[cfg(feature = "complete")]
pub fn host_and_port(server: &[u8]) -> Option<(&[u8], Option<u32>)> {
    let colon = |octet: &u8| *octet == b':';
    let (host, behind) = if let [b'[', rest @ ..] = server {
        let (host, behind) = rest.split_at_checked(rest.iter().position(|octet| *octet == b']')?)?;
        if !host.iter().any(colon) {
            return None;
        }
        (host, behind.get(1..)?)
    } else if server.iter().filter(|octet| colon(octet)).count() == 1 {
        server.split_at_checked(server.iter().position(colon)?)?
    } else {
        (server, &[][..])
    };
    match behind {
        [] => Some((host, None)),
        [b':', digits @ ..] => Some((host, Some(port(digits)?))),
        _ => None,
    }
}

/// A port: digits only, of which a number from 1 to 65535 is made.
#[cfg(feature = "complete")]
fn port(digits: &[u8]) -> Option<u32> {
    let mut port = 0u32;
    for octet in digits {
        let digit = u32::from(octet.wrapping_sub(b'0'));
        port = port.wrapping_mul(10).wrapping_add(digit);
        if digit > 9 || port > 0xFFFF {
            return None;
        }
    }
    (port != 0).then_some(port)
}

/// A small library reads no port.
#[cfg(not(feature = "complete"))]
pub fn host_and_port(server: &[u8]) -> Option<(&[u8], Option<u32>)> {
    Some((server, None))
}

/// The name in a configured server, without the dot that may end it; none where that is no name. The last label begins with a
/// letter (RFC 3696, 2): what does not was meant to be an address.
pub fn name_of(server: &[u8]) -> Option<&[u8]> {
    let name = server.strip_suffix(b".").unwrap_or(server);
    let letter = behind_last(name, b'.').first().is_some_and(u8::is_ascii_alphabetic);
    (letter && name.len() <= HOST_NAME_BYTES && is_domain_or_literal(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "complete")]
    #[test]
    fn a_host_may_have_a_port() {
        for (server, parts) in [
            ("192.0.2.1", Some(("192.0.2.1", None))),
            ("192.0.2.1:1", Some(("192.0.2.1", Some(1)))),
            ("192.0.2.1:65535", Some(("192.0.2.1", Some(65535)))),
            ("192.0.2.1:00025", Some(("192.0.2.1", Some(25)))),
            ("mail.example.org:587", Some(("mail.example.org", Some(587)))),
            ("2001:db8::1", Some(("2001:db8::1", None))),
            ("[2001:db8::1]", Some(("2001:db8::1", None))),
            ("[2001:db8::1]:25", Some(("2001:db8::1", Some(25)))),
            ("::1:25", Some(("::1:25", None))),
            ("", Some(("", None))),
            (":25", Some(("", Some(25)))),
            ("192.0.2.1:", None),
            ("192.0.2.1:0", None),
            ("192.0.2.1:65536", None),
            ("192.0.2.1:4294967321", None),
            ("192.0.2.1:99999999999999999999", None),
            ("192.0.2.1: 25", None),
            ("192.0.2.1:+25", None),
            ("192.0.2.1:25a", None),
            ("[192.0.2.1]:25", None),
            ("[192.0.2.1]", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]25", None),
            ("[2001:db8::1]:", None),
            ("[2001:db8::1]:25:25", None),
            ("[]:25", None),
        ] {
            let wanted = parts.map(|(host, port)| (host.as_bytes(), port));
            assert_eq!(host_and_port(server.as_bytes()), wanted, "{server}");
        }
    }

    #[test]
    fn names_are_domains_whose_last_label_begins_with_a_letter() {
        for (server, name) in [
            ("mail.example.org", Some("mail.example.org")),
            ("mail.example.org.", Some("mail.example.org")),
            ("mail", Some("mail")),
            ("xn--pota-0na.example", Some("xn--pota-0na.example")),
            ("4u.example", Some("4u.example")),
            ("", None),
            (".", None),
            ("mail..example", None),
            ("mail.example..", None),
            ("192.0.2.1", None),
            ("192.0.2.1.", None),
            ("192.0.2", None),
            ("192.0.2.256", None),
            ("mail.example.org:25", None),
            ("[2001:db8::1]", None),
            ("[192.0.2.1]", None),
            ("2001:db8::1", None),
            ("smtp@example.org", None),
            ("mail.example.org ", None),
            ("mail.example.org, mail.example.net", None),
            ("http://example.org", None),
        ] {
            assert_eq!(name_of(server.as_bytes()), name.map(str::as_bytes), "{server}");
        }
        let long = |length: usize| std::vec![*b"abcdefgh."; 29].concat()[261 - length..].to_vec();
        for (length, is_name) in [(252, true), (253, true), (254, false)] {
            let mut name = long(length);
            name[length - 1] = b'x';
            name[0] = b'x';
            assert_eq!(name_of(&name).is_some(), is_name, "{length}");
        }
    }
}
