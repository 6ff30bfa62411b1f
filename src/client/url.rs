//! The URL of a mail server (RFC 3986), for `sds_smtp_client_configure_url()`.
//!
//! ```text
//! URL    = scheme "://" [user [":" password] "@"] server [":" [port]] ["/"]
//! scheme = "smtp" / "smtp+starttls" / "smtps"
//! server = IPv4 / name / "[" IPv6 ["%25" zone] "]"
//! ```
//!
//! User name, password and server are percent-encoded (RFC 3986, 2.1).

/// What the scheme says of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `smtp`: without TLS.
    Smtp,
    /// `smtp+starttls`: with STARTTLS, which is required.
    StartTls,
    /// `smtps`: TLS from the first octet (RFC 8314, 3).
    Smtps,
}

/// What a URL says. Its texts stand in the room that was lent, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user name; None: no login.
    pub username: Option<&'a [u8]>,
    /// The password; empty where there is none.
    pub password: &'a [u8],
    /// The server as the configuration's `server` has it, with the port if the URL has one.
    pub server: &'a [u8],
    /// Where the server begins in the URL, from 0.
    pub server_at: usize,
}

/// Where a URL is malformed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The octet, from 0.
    pub at: usize,
    /// The reason, for people.
    pub text: &'static str,
}

const SCHEMES: [(&[u8], Scheme); 3] = [
    (b"smtp", Scheme::Smtp),
    (b"smtp+starttls", Scheme::StartTls),
    (b"smtps", Scheme::Smtps),
];

const SCHEME: &str = "a URL begins with smtp://, smtp+starttls:// or smtps://";
const PATH: &str = "no path, query or fragment may follow the server";
const DELIMITER: &str = "in user name and password / ? # are written %2F %3F %23";
const AT: &str = "in user name and password @ is written %40";
const NO_USER: &str = "the user name is empty";
const NO_SERVER: &str = "the server is missing";
const PERCENT: &str = "behind % stand two hexadecimal digits (a zone begins with %25)";
const CONTROL: &str = "NUL and line ends are not allowed, encoded neither";
const ENCODE: &str = "this character is percent-encoded in a URL";
const CHARACTER: &str = "no server has this character";
const BRACKET: &str = "the bracket behind the IPv6 address is missing";
const BEHIND_BRACKET: &str = "behind the bracket only a port may follow";
const COLON: &str = "an IPv6 address stands in brackets";
const PORT: &str = "the port is a number from 1 to 65535";
const ROOM: &str = "the URL is too long";

/// Reads a URL. Its parts are written into `room`, which is at least as long as the URL; it has user name and password then, also
/// where the URL is malformed, and is the caller's to wipe.
pub fn read<'a>(url: &[u8], room: &'a mut [u8]) -> Result<Url<'a>, Malformed> {
    let (scheme, begin) = scheme(url)?;
    let is_delimiter = |octet: &u8| matches!(octet, b'/' | b'?' | b'#');
    let end = position(url, begin, url.len(), is_delimiter).unwrap_or(url.len());
    match url.get(end..) {
        None | Some([] | [b'/']) => {}
        Some(rest) if rest.contains(&b'@') => {
            return Err(Malformed {
                at: end,
                text: DELIMITER,
            });
        }
        Some(_) => return Err(Malformed { at: end, text: PATH }),
    }
    let mut out = Out { room, length: 0 };
    let mut username = None;
    let mut server_begin = begin;
    if let Some(at) = position(url, begin, end, |octet| *octet == b'@') {
        server_begin = at.wrapping_add(1);
        if position(url, server_begin, end, |octet| *octet == b'@').is_some() {
            return Err(Malformed { at, text: AT });
        }
        let colon = position(url, begin, at, |octet| *octet == b':').unwrap_or(at);
        if colon == begin {
            return Err(Malformed {
                at: begin,
                text: NO_USER,
            });
        }
        decode(url, begin, colon, &mut out, credential)?;
        username = Some(out.length);
        decode(url, colon.wrapping_add(1), at, &mut out, credential)?;
    }
    let password = out.length;
    server(url, server_begin, end, &mut out)?;
    let Out { room, length } = out;
    let texts = room.get(..length).unwrap_or(&[]);
    let (login, server) = texts.split_at_checked(password).unwrap_or((&[], &[]));
    let (name, password) = login.split_at_checked(username.unwrap_or(0)).unwrap_or((&[], &[]));
    Ok(Url {
        scheme,
        username: username.map(|_| name),
        password,
        server,
        server_at: server_begin,
    })
}

/// The scheme, and where the rest begins.
fn scheme(url: &[u8]) -> Result<(Scheme, usize), Malformed> {
    let colon = url.iter().position(|octet| *octet == b':').unwrap_or(url.len());
    let (name, rest) = url.split_at_checked(colon).unwrap_or((url, &[]));
    let known = SCHEMES
        .iter()
        .find(|(scheme, _)| scheme.iter().copied().eq(name.iter().map(u8::to_ascii_lowercase)));
    let Some((_, scheme)) = known else {
        return Err(Malformed { at: 0, text: SCHEME });
    };
    if rest.starts_with(b"://") {
        Ok((*scheme, colon.wrapping_add(3)))
    } else {
        Err(Malformed {
            at: colon,
            text: SCHEME,
        })
    }
}

/// Writes the server: its name or address, and the port.
fn server(url: &[u8], begin: usize, end: usize, out: &mut Out<'_>) -> Result<(), Malformed> {
    let mut behind = end;
    if url.get(begin) == Some(&b'[') {
        let close = position(url, begin, end, |octet| *octet == b']');
        let close = close.ok_or(Malformed {
            at: begin,
            text: BRACKET,
        })?;
        out.put(begin, b'[')?;
        decode(url, begin.wrapping_add(1), close, out, in_brackets)?;
        out.put(close, b']')?;
        behind = close.wrapping_add(1);
        if behind < end && url.get(behind) != Some(&b':') {
            return Err(Malformed {
                at: behind,
                text: BEHIND_BRACKET,
            });
        }
    } else {
        if let Some(colon) = position(url, begin, end, |octet| *octet == b':') {
            behind = colon;
            if position(url, colon.wrapping_add(1), end, |octet| *octet == b':').is_some() {
                return Err(Malformed { at: colon, text: COLON });
            }
        }
        if behind == begin {
            return Err(Malformed {
                at: begin,
                text: NO_SERVER,
            });
        }
        decode(url, begin, behind, out, in_name)?;
    }
    let digits = url.get(behind.wrapping_add(1)..end).unwrap_or(&[]);
    // A colon without a port means the usual one (RFC 3986, 6.2.3).
    if digits.is_empty() {
        return Ok(());
    }
    let mut number = 0u32;
    for digit in digits {
        let value = u32::from(digit.wrapping_sub(b'0'));
        number = if value < 10 && number <= 0xFFFF {
            number.wrapping_mul(10).wrapping_add(value)
        } else {
            u32::MAX
        };
    }
    if !(1..=0xFFFF).contains(&number) {
        let at = behind.wrapping_add(1);
        return Err(Malformed { at, text: PORT });
    }
    out.put(behind, b':')?;
    digits.iter().try_for_each(|digit| out.put(behind, *digit))
}

/// Where the first such octet stands.
fn position(url: &[u8], begin: usize, end: usize, is_it: impl Fn(&u8) -> bool) -> Option<usize> {
    let found = url.get(begin..end)?.iter().position(is_it)?;
    found.checked_add(begin)
}

/// Why an octet may not stand here; `encoded`: whether it was percent-encoded.
type Check = fn(octet: u8, encoded: bool) -> Option<&'static str>;

/// In user name and password: unreserved, sub-delims and `:` as they are (RFC 3986, 3.2.1), all others encoded.
fn credential(octet: u8, encoded: bool) -> Option<&'static str> {
    match octet {
        0 | b'\r' | b'\n' => Some(CONTROL),
        _ if encoded || is_unreserved(octet) || b"!$&'()*+,;=:".contains(&octet) => None,
        _ => Some(ENCODE),
    }
}

/// In a name. Its characters outside ASCII may stand as they are, too (RFC 3987).
fn in_name(octet: u8, _: bool) -> Option<&'static str> {
    (!is_unreserved(octet) && octet < 0x80).then_some(CHARACTER)
}

/// In brackets: an IPv6 address and its zone (RFC 6874).
fn in_brackets(octet: u8, _: bool) -> Option<&'static str> {
    (!is_unreserved(octet) && octet != b':' && octet != b'%').then_some(CHARACTER)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Writes a part of the URL, percent-decoded.
fn decode(url: &[u8], begin: usize, end: usize, out: &mut Out<'_>, check: Check) -> Result<(), Malformed> {
    let mut part = url.get(begin..end).unwrap_or(&[]);
    while let [first, rest @ ..] = part {
        let at = end.wrapping_sub(part.len());
        let (octet, behind) = match (first, rest) {
            (b'%', [high, low, behind @ ..]) => {
                let octet = hexadecimal(*high).zip(hexadecimal(*low));
                let (high, low) = octet.ok_or(Malformed { at, text: PERCENT })?;
                (high << 4 | low, behind)
            }
            (b'%', _) => return Err(Malformed { at, text: PERCENT }),
            _ => (*first, rest),
        };
        if let Some(text) = check(octet, *first == b'%') {
            return Err(Malformed { at, text });
        }
        out.put(at, octet)?;
        part = behind;
    }
    Ok(())
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Where the parts are written, one behind the other.
struct Out<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl Out<'_> {
    fn put(&mut self, at: usize, octet: u8) -> Result<(), Malformed> {
        let free = self.room.get_mut(self.length);
        *free.ok_or(Malformed { at, text: ROOM })? = octet;
        self.length = self.length.wrapping_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    fn text(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets).into_owned()
    }

    /// Scheme, user name, password, server.
    type Told = (Scheme, Option<String>, String, String);

    fn told(url: &str) -> Result<Told, (usize, &'static str)> {
        // A URL needs no more room than its own length.
        let mut room = vec![0; url.len()];
        let url = read(url.as_bytes(), &mut room).map_err(|malformed| (malformed.at, malformed.text))?;
        Ok((url.scheme, url.username.map(text), text(url.password), text(url.server)))
    }

    #[test]
    fn every_form_is_read() {
        use Scheme::{Smtp, Smtps, StartTls};
        for (url, scheme, login, server) in [
            ("smtp://mail.example.org", Smtp, None, "mail.example.org"),
            ("smtp://mail.example.org/", Smtp, None, "mail.example.org"),
            ("SMTP://192.0.2.1:2525", Smtp, None, "192.0.2.1:2525"),
            (
                "smtp+starttls://mail.example.org:587",
                StartTls,
                None,
                "mail.example.org:587",
            ),
            ("Smtp+StartTLS://mail.example.org.", StartTls, None, "mail.example.org."),
            (
                "smtps://u:p@mail.example.org:465/",
                Smtps,
                Some(("u", "p")),
                "mail.example.org:465",
            ),
            ("smtp://user@localhost", Smtp, Some(("user", "")), "localhost"),
            ("smtp://user:@localhost", Smtp, Some(("user", "")), "localhost"),
            (
                "smtp://sds%40example.org:a%3Ab%2Fc%25%20@h",
                Smtp,
                Some(("sds@example.org", "a:b/c% ")),
                "h",
            ),
            (
                "smtp://u:a:b!$&'()*+,;=~@h:1",
                Smtp,
                Some(("u", "a:b!$&'()*+,;=~")),
                "h:1",
            ),
            ("smtp://u%3a:%c3%a9@h", Smtp, Some(("u:", "\u{E9}")), "h"),
            ("smtp://mail.example.org:", Smtp, None, "mail.example.org"),
            ("smtp://mail.example.org:/", Smtp, None, "mail.example.org"),
            ("smtp://[2001:db8::1]", Smtp, None, "[2001:db8::1]"),
            (
                "smtp://u:p@[2001:db8::1]:465/",
                Smtp,
                Some(("u", "p")),
                "[2001:db8::1]:465",
            ),
            ("smtp://[fe80::1%25eth0]:25", Smtp, None, "[fe80::1%eth0]:25"),
            ("smtp://[fe80::1%252]", Smtp, None, "[fe80::1%2]"),
            ("smtp://b%C3%BCcher.example", Smtp, None, "b\u{FC}cher.example"),
            ("smtp://b\u{FC}cher.example", Smtp, None, "b\u{FC}cher.example"),
            ("smtp://h:00025", Smtp, None, "h:00025"),
        ] {
            let (username, password) = login.unzip();
            let wanted = (
                scheme,
                username.map(String::from),
                String::from(password.unwrap_or("")),
                String::from(server),
            );
            assert_eq!(told(url), Ok(wanted), "{url}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_by_its_place() {
        for (url, at, why) in [
            ("", 0, SCHEME),
            ("mail.example.org", 0, SCHEME),
            ("http://mail.example.org", 0, SCHEME),
            (" smtp://mail.example.org", 0, SCHEME),
            ("smtp", 4, SCHEME),
            ("smtp:", 4, SCHEME),
            ("smtps:/h", 5, SCHEME),
            ("smtp:h", 4, SCHEME),
            ("smtp+tls://h", 0, SCHEME),
            ("smtp://", 7, NO_SERVER),
            ("smtp:///", 7, NO_SERVER),
            ("smtp://:25", 7, NO_SERVER),
            ("smtp://u:p@", 11, NO_SERVER),
            ("smtp://u:p@:25", 11, NO_SERVER),
            ("smtp://@h", 7, NO_USER),
            ("smtp://:p@h", 7, NO_USER),
            ("smtp://u@example.org:p@h", 8, AT),
            ("smtp://u:p/q@h", 10, DELIMITER),
            ("smtp://u:p#q@h", 10, DELIMITER),
            ("smtp://u:p?q@h", 10, DELIMITER),
            ("smtp://h/inbox", 8, PATH),
            ("smtp://h//", 8, PATH),
            ("smtp://h?q", 8, PATH),
            ("smtp://h/?q", 8, PATH),
            ("smtp://h#f", 8, PATH),
            ("smtp://u:%@h", 9, PERCENT),
            ("smtp://u:%4@h", 9, PERCENT),
            ("smtp://u:%4g@h", 9, PERCENT),
            ("smtp://u:100%x@h", 12, PERCENT),
            ("smtp://[fe80::1%eth0]", 15, PERCENT),
            ("smtp://h%", 8, PERCENT),
            ("smtp://u%00:p@h", 8, CONTROL),
            ("smtp://u:p%0D%0a@h", 10, CONTROL),
            ("smtp://u:p%0a@h", 10, CONTROL),
            ("smtp://u:p\n@h", 10, CONTROL),
            ("smtp://u:p q@h", 10, ENCODE),
            ("smtp://u:\u{E9}@h", 9, ENCODE),
            ("smtp://u\":p@h", 8, ENCODE),
            ("smtp://u:[p]@h", 9, ENCODE),
            ("smtp://a,b", 8, CHARACTER),
            ("smtp://a%2Cb", 8, CHARACTER),
            ("smtp://a%40b", 8, CHARACTER),
            ("smtp://a%00", 8, CHARACTER),
            ("smtp://a b", 8, CHARACTER),
            ("smtp://a%3A25", 8, CHARACTER),
            ("smtp://[::1", 7, BRACKET),
            ("smtp://[::1%5D", 7, BRACKET),
            ("smtp://[::1%5D]", 11, CHARACTER),
            ("smtp://[::1]25", 12, BEHIND_BRACKET),
            ("smtp://[::1][", 12, BEHIND_BRACKET),
            ("smtp://::1", 7, COLON),
            ("smtp://h:25:26", 8, COLON),
            ("smtp://h:0", 9, PORT),
            ("smtp://h:65536", 9, PORT),
            ("smtp://h:70000", 9, PORT),
            ("smtp://h:4294967321", 9, PORT),
            ("smtp://h:99999999999999999999", 9, PORT),
            ("smtp://h:-1", 9, PORT),
            ("smtp://h:2x", 9, PORT),
            ("smtp://[::1]:x", 13, PORT),
        ] {
            assert_eq!(told(url), Err((at, why)), "{url}");
        }
    }

    #[test]
    fn without_room_it_is_too_long() {
        let url = b"smtp://user:password@mail.example.org:2525";
        let needed = "userpasswordmail.example.org:2525".len();
        for length in 0..=url.len() {
            let mut room = vec![0; length];
            match read(url, &mut room) {
                Ok(told) => assert!(length >= needed && told.server == b"mail.example.org:2525"),
                Err(malformed) => assert!(length < needed && malformed.text == ROOM),
            }
        }
    }

    #[test]
    fn any_octets_are_read_or_refused_at_a_place_within_them() {
        let mut number = 1u32;
        let mut next = || {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number >> 8
        };
        let alphabet = b"smtp+starl:/@[]%25?#.,aB0\0\r\n \xFF";
        let mut read_ones = 0;
        for _ in 0..200_000 {
            let length = (next() % 24) as usize;
            let mut url: Vec<u8> = b"smtp://"[..(next() % 8) as usize].to_vec();
            url.extend((0..length).map(|_| alphabet[next() as usize % alphabet.len()]));
            let mut room = vec![0; url.len()];
            match read(&url, &mut room) {
                Ok(told) => {
                    read_ones += 1;
                    assert!(told.server_at < url.len(), "{url:?}");
                    assert!(!told.server.is_empty(), "{url:?}");
                    for text in [told.username.unwrap_or(&[]), told.password, told.server] {
                        assert!(!text.iter().any(|octet| b"\0\r\n".contains(octet)), "{url:?}");
                    }
                    assert!(!told.server.contains(&b',') && !told.server.contains(&b'@'), "{url:?}");
                }
                Err(malformed) => assert!(malformed.at <= url.len(), "{}", format!("{url:?}")),
            }
        }
        assert!(read_ones > 100, "{read_ones}");
    }
}
