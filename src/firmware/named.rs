//! A server that is configured by its name: which names there are, and how their address is found.

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
        copy(part, name);
        Some(Self {
            name: CStr::from_bytes_until_nul(part).ok()?,
            look_up: Self::look_up,
        })
    }

    fn look_up(&self, transport: Transport, server: &mut Address) -> Called {
        transport.resolve(self.name, server)
    }
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
