//! Mailboxes (RFC 5321, 4.1.2), lists of them, and address literals (4.1.3).
//!
//! An address that passes here can stand in a command and in a header as it is: no control character, no line end, no
//! octet above 126, no angle bracket outside a quoted local part; nothing that opens a second command.

use core::net::IpAddr;

use crate::buffer::{Sink, Window};
use crate::limits::{ADDRESS_BYTES, DOMAIN_BYTES, LABEL_BYTES, LOCAL_PART_BYTES, RECIPIENT_LIST_BYTES, RECIPIENTS};

/// Whether this is a mailbox: local part, `@`, domain or address literal.
///
/// The underscore is taken in domains, too: names of local networks have it, and the server decides.
pub fn is_mailbox(address: &[u8]) -> bool {
    let Some(at) = address.iter().rposition(|&octet| octet == b'@') else {
        return false;
    };
    let (local, domain) = address.split_at(at);
    let domain = domain.get(1..).unwrap_or(&[]);
    address.len() <= ADDRESS_BYTES && is_local_part(local) && (is_domain(domain) || is_address_literal(domain))
}

/// The domain of a mailbox: what stands behind its last `@`.
pub fn domain_of(mailbox: &[u8]) -> &[u8] {
    mailbox.rsplit(|&octet| octet == b'@').next().unwrap_or(&[])
}

/// `atext` (RFC 5322, 3.2.3).
pub fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn is_local_part(local: &[u8]) -> bool {
    if local.len() > LOCAL_PART_BYTES {
        return false;
    }
    if let Some(quoted) = local.strip_prefix(b"\"") {
        return quoted.strip_suffix(b"\"").is_some_and(is_quoted_content);
    }
    local
        .split(|&octet| octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|&octet| is_atext(octet)))
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

/// Whether this is a domain name: labels of letters, digits, `-` and `_`, none longer than 63 octets.
pub fn is_domain(domain: &[u8]) -> bool {
    domain.len() <= DOMAIN_BYTES
        && domain.split(|&octet| octet == b'.').all(|label| {
            !label.is_empty()
                && label.len() <= LABEL_BYTES
                && !label.starts_with(b"-")
                && !label.ends_with(b"-")
                && label
                    .iter()
                    .all(|&octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
        })
}

/// Whether this is `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
pub fn is_address_literal(literal: &[u8]) -> bool {
    let Some(inner) = literal.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
        return false;
    };
    match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case(b"IPv6:") => {
            matches!(parse_ip(inner.get(5..).unwrap_or(&[])), Some(IpAddr::V6(_)))
        }
        _ => matches!(parse_ip(inner), Some(IpAddr::V4(_))),
    }
}

/// An IPv4 or IPv6 address in its usual notation.
pub fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// Writes the address literal of an address (RFC 5321, 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8:0:0:0:0:0:1]`.
pub fn write_literal(address: IpAddr, out: &mut Window<'_>) {
    out.put(b'[');
    match address {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    out.put(b'.');
                }
                out.decimal(u32::from(octet));
            }
        }
        IpAddr::V6(v6) => {
            out.put_all(b"IPv6");
            for group in v6.segments() {
                out.put(b':');
                out.digits(u32::from(group), 16, 1);
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
        let (mut quoted, mut escaped) = (false, false);
        let comma = list.iter().position(|&octet| {
            match octet {
                b'"' if !escaped => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            escaped = quoted && !escaped && octet == b'\\';
            false
        });
        let address = match comma {
            Some(at) => {
                let (address, rest) = list.split_at(at);
                self.rest = rest.get(1..);
                address
            }
            None => list,
        };
        Some(trim_blanks(address))
    }
}

fn trim_blanks(mut address: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = address {
        address = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = address {
        address = rest;
    }
    address
}

/// Whether this is a list of 1 to [`RECIPIENTS`] mailboxes.
pub fn is_list(list: &[u8]) -> bool {
    list.len() <= RECIPIENT_LIST_BYTES && List::new(list).all(is_mailbox) && List::new(list).count() <= RECIPIENTS
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
