//! What EHLO announces, against a reader that splits lines into words.

use sds_smtp::limits::Size;
use sds_smtp::wire::capability::{Capability, Parser};

/// The mechanisms of a system.
const OTHERS: [(&str, Capability); 5] = [
    ("CRAM-MD5", Capability::CramMd5),
    ("SCRAM-SHA-1", Capability::ScramSha1),
    ("SCRAM-SHA-256", Capability::ScramSha256),
    ("XOAUTH2", Capability::XOAuth2),
    ("OAUTHBEARER", Capability::OAuthBearer),
];

/// What a server announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    pub pipelining: bool,
    pub eight_bit_mime: bool,
    pub auth: bool,
    pub plain: bool,
    pub login: bool,
    /// The mechanisms of a system, in the order of [`OTHERS`].
    pub others: [bool; OTHERS.len()],
    pub size: Option<Size>,
}

/// What the lines behind the first one announce (RFC 5321, 4.1.1.1).
pub fn announced(lines: &[&[u8]]) -> Announced {
    let mut all = Announced::default();
    for line in lines.iter().skip(1) {
        // `AUTH=LOGIN` was written for `AUTH LOGIN` once: a keyword ends at a `=`, too.
        let ends = |octet: &u8| b" \t=".contains(octet);
        let start = line.iter().position(|octet| !ends(octet)).unwrap_or(line.len());
        let line = &line[start..];
        let end = line.iter().position(ends).unwrap_or(line.len());
        let (keyword, rest) = (&line[..end], line.get(end + 1..).unwrap_or(&[]));
        let mut parameters = rest
            .split(|octet| b" \t".contains(octet))
            .filter(|word| !word.is_empty());
        match keyword.to_ascii_uppercase().as_slice() {
            b"PIPELINING" => all.pipelining = true,
            b"8BITMIME" => all.eight_bit_mime = true,
            b"SIZE" => all.size = Some(limit(parameters.next(), all.size)),
            b"AUTH" => {
                all.auth = true;
                for mechanism in parameters {
                    all.plain |= mechanism.eq_ignore_ascii_case(b"PLAIN");
                    all.login |= mechanism.eq_ignore_ascii_case(b"LOGIN");
                    for (known, (name, _)) in all.others.iter_mut().zip(OTHERS) {
                        *known |= mechanism.eq_ignore_ascii_case(name.as_bytes());
                    }
                }
            }
            _ => {}
        }
    }
    all
}

/// The limit of SIZE: a number too large is the largest; what is no number, and none, say no limit.
fn limit(word: Option<&[u8]>, before: Option<Size>) -> Size {
    let Some(word) = word else { return before.unwrap_or(0) };
    if !word.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = std::str::from_utf8(word).expect("digits").trim_start_matches('0');
    if digits.is_empty() {
        0
    } else {
        digits.parse().unwrap_or(Size::MAX)
    }
}

fn read(lines: &[&[u8]], runs: bool) -> Announced {
    let mut parser = Parser::new();
    for line in lines {
        if runs {
            parser.feed_all(line);
        } else {
            line.iter().for_each(|octet| parser.feed(*octet));
        }
        parser.end_of_text();
        parser.next_line();
    }
    let read = Announced {
        pipelining: parser.offers(Capability::Pipelining),
        eight_bit_mime: parser.offers(Capability::EightBitMime),
        auth: parser.offers(Capability::Auth),
        plain: parser.offers(Capability::Plain),
        login: parser.offers(Capability::Login),
        others: OTHERS.map(|(_, capability)| parser.offers(capability)),
        size: parser.size(),
    };
    parser.forget();
    assert!(parser.found().is_empty());
    assert_eq!(parser.size(), None);
    read
}

/// The lines' texts, each up to its LF.
pub fn run(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|octet| *octet == b'\n').collect();
    let wanted = announced(&lines);
    assert_eq!(read(&lines, false), wanted, "octet by octet");
    assert_eq!(read(&lines, true), wanted, "in runs");
}
