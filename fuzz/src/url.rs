//! URLs of servers, against the grammar of RFC 3986, read from the outside in; and URLs that are written of parts.

use sds_smtp::client::url::{self, Scheme};

/// What a URL says: scheme, user name, password, server.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    scheme: Scheme,
    username: Option<Vec<u8>>,
    password: Vec<u8>,
    server: Vec<u8>,
}

fn read(text: &[u8]) -> Option<Parts> {
    let mut room = vec![0; text.len()];
    match url::read(text, &mut room) {
        Ok(url) => Some(Parts {
            scheme: url.scheme,
            username: url.username.map(<[u8]>::to_vec),
            password: url.password.to_vec(),
            server: url.server.to_vec(),
        }),
        Err(malformed) => {
            assert!(
                malformed.at <= text.len() && !malformed.text.is_empty(),
                "{}",
                text.escape_ascii()
            );
            None
        }
    }
}

/// `text` as two parts, what separates them left out.
fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|octet| *octet == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// RFC 3986, 2.1; None where a percent sign is not followed by two digits, or an octet may not stand there.
fn decoded(text: &[u8], may: impl Fn(u8, bool) -> bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let encoded = text[at] == b'%';
        let octet = if encoded {
            let digits = std::str::from_utf8(text.get(at + 1..at + 3)?).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            u8::from_str_radix(digits, 16).ok()?
        } else {
            text[at]
        };
        if !may(octet, encoded) {
            return None;
        }
        out.push(octet);
        at += if encoded { 3 } else { 1 };
    }
    Some(out)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn in_credential(octet: u8, encoded: bool) -> bool {
    !b"\0\r\n".contains(&octet) && (encoded || is_unreserved(octet) || b"!$&'()*+,;=:".contains(&octet))
}

/// What the grammar finds.
fn wanted(text: &[u8]) -> Option<Parts> {
    let (scheme, rest) = split_once(text, b':')?;
    let scheme = match scheme.to_ascii_lowercase().as_slice() {
        b"smtp" => Scheme::Smtp,
        b"smtp+starttls" => Scheme::StartTls,
        b"smtps" => Scheme::Smtps,
        _ => return None,
    };
    let rest = rest.strip_prefix(b"//")?;
    let authority = rest.strip_suffix(b"/").unwrap_or(rest);
    if authority.iter().any(|octet| b"/?#".contains(octet))
        || authority.iter().filter(|octet| **octet == b'@').count() > 1
    {
        return None;
    }
    let (login, host_and_port) = match split_once(authority, b'@') {
        Some((login, server)) => (Some(login), server),
        None => (None, authority),
    };
    let (mut username, mut password) = (None, Vec::new());
    if let Some(login) = login {
        let (name, secret) = split_once(login, b':').unwrap_or((login, b""));
        if name.is_empty() {
            return None;
        }
        username = Some(decoded(name, in_credential)?);
        password = decoded(secret, in_credential)?;
    }
    let (mut server, port) = if let Some(inside) = host_and_port.strip_prefix(b"[") {
        let (inside, behind) = split_once(inside, b']')?;
        let ip = decoded(inside, |octet, _| is_unreserved(octet) || b":%".contains(&octet))?;
        let port = if behind.is_empty() {
            behind
        } else {
            behind.strip_prefix(b":")?
        };
        ([b"[".as_slice(), &ip, b"]"].concat(), port)
    } else {
        let (host, port) = split_once(host_and_port, b':').unwrap_or((host_and_port, b""));
        if host.is_empty() {
            return None;
        }
        (decoded(host, |octet, _| is_unreserved(octet) || octet > 0x7F)?, port)
    };
    if !port.is_empty() {
        let digits = port.iter().all(u8::is_ascii_digit);
        let number: u128 = std::str::from_utf8(port).ok()?.trim_start_matches('0').parse().ok()?;
        if !digits || !(1..=65_535).contains(&number) {
            return None;
        }
        server.push(b':');
        server.extend(port);
    }
    Some(Parts {
        scheme,
        username,
        password,
        server,
    })
}

fn encoded(text: &[u8]) -> String {
    text.iter().map(|octet| format!("%{octet:02X}")).collect()
}

/// The input is a URL; and it is user name, password and port of one, a NUL between them.
pub fn run(input: &[u8]) {
    let got = read(input);
    assert_eq!(got, wanted(input), "{}", input.escape_ascii());
    let mut parts = input.split(|octet| *octet == 0);
    let (username, password) = (parts.next().unwrap_or(b""), parts.next().unwrap_or(b""));
    let port = input.len();
    let url = format!(
        "smtps://{}:{}@mail.example.org:{port}",
        encoded(username),
        encoded(password)
    );
    let clean = ![username, password]
        .concat()
        .iter()
        .any(|octet| b"\r\n".contains(octet));
    let fits = clean && !username.is_empty() && (1..=65_535).contains(&port);
    let made = fits.then(|| Parts {
        scheme: Scheme::Smtps,
        username: Some(username.to_vec()),
        password: password.to_vec(),
        server: format!("mail.example.org:{port}").into_bytes(),
    });
    assert_eq!(read(url.as_bytes()), made, "{url}");
}
