//! The forms in which a mail travels, read back slowly and plainly.

/// Base64 (RFC 4648, 4).
pub fn base64(octets: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> = octets
        .iter()
        .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
        .collect();
    let mut digits: Vec<u8> = bits
        .chunks(6)
        .map(|six| DIGITS[(0..6).fold(0, |value, bit| value << 1 | usize::from(six.get(bit) == Some(&true)))])
        .collect();
    while !digits.len().is_multiple_of(4) {
        digits.push(b'=');
    }
    digits
}

/// A text with CRLF for each of its line ends (CR CR LF, CRLF, CR, LF), and one at its end unless it is empty.
pub fn with_line_ends(text: &[u8]) -> Vec<u8> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = [&b"\r\r\n"[..], b"\r\n", b"\r", b"\n"]
            .into_iter()
            .find(|end| text[at..].starts_with(end));
        match end {
            Some(end) => {
                all.extend(b"\r\n");
                at += end.len();
            }
            None => {
                all.push(text[at]);
                at += 1;
            }
        }
    }
    if !all.is_empty() && !all.ends_with(b"\r\n") {
        all.extend(b"\r\n");
    }
    all
}

/// The lines of what was said, each without its CRLF. A CR or LF anywhere else is an error.
pub fn lines(octets: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = octets.split(|octet| *octet == b'\n').collect();
    assert_eq!(lines.pop(), Some(&b""[..]), "no line end at the end");
    for line in &mut lines {
        *line = line.strip_suffix(b"\r").expect("a CR before each LF");
        assert!(!line.contains(&b'\r'), "a CR without its LF");
    }
    lines
}

/// A mail as it was said, from its first line to its final dot.
pub struct Said {
    /// The lines of its header block.
    pub header: Vec<Vec<u8>>,
    /// Its body, dots undone.
    pub body: Vec<u8>,
    /// Header block, empty line and body: the message, dots undone.
    pub message: Vec<u8>,
}

impl Said {
    /// Reads a mail. Every line but the last that begins with a dot has to begin with two of them (RFC 5321, 4.5.2).
    pub fn read(mail: &[u8]) -> Self {
        let mut lines = lines(mail);
        assert_eq!(lines.pop(), Some(&b"."[..]), "a mail without its final dot");
        let mut message = Vec::new();
        for line in lines {
            let line = match line.strip_prefix(b".") {
                Some(rest) => {
                    assert!(rest.starts_with(b"."), "a dot that is not doubled");
                    rest
                }
                None => line,
            };
            // RFC 5321, 4.5.3.1.6.
            assert!(line.len() <= 998, "a line of {} octets", line.len());
            assert!(!line.contains(&0), "a NUL");
            message.extend(line);
            message.extend(b"\r\n");
        }
        let empty = message
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("an empty line behind the header block");
        let (header, body) = message.split_at(empty + 2);
        let header = self::lines(header).into_iter().map(<[u8]>::to_vec).collect();
        let body = body[2..].to_vec();
        Self { header, body, message }
    }

    /// What stands behind a field's name: the only one of this name.
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        let start = format!("{name}: ").into_bytes();
        let mut fields = self
            .header
            .iter()
            .enumerate()
            .filter(|(_, line)| line.starts_with(&start));
        let (at, line) = fields.next()?;
        assert!(fields.next().is_none(), "{name} twice");
        let mut field = line[start.len()..].to_vec();
        for more in self.header[at + 1..].iter().take_while(|line| line.starts_with(b" ")) {
            field.extend(more);
        }
        Some(field)
    }

    /// The text that was given.
    pub fn text(&self) -> Vec<u8> {
        match self.field("Content-Transfer-Encoding").as_deref() {
            Some(b"7bit") => {
                assert!(self.body.is_ascii(), "8-bit octets in a 7bit text");
                self.body.clone()
            }
            Some(b"8bit") => self.body.clone(),
            Some(b"quoted-printable") => quoted_printable(&self.body),
            other => panic!("Content-Transfer-Encoding {other:?}"),
        }
    }
}

/// Decodes quoted-printable (RFC 2045, 6.7), strictly.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines(body) {
        assert!(line.len() <= 76, "a line of {} octets in quoted-printable", line.len());
        assert!(
            !line.ends_with(b" ") && !line.ends_with(b"\t"),
            "a blank at a line's end"
        );
        let (line, soft) = line.strip_suffix(b"=").map_or((line, false), |line| (line, true));
        let mut rest = line;
        while let Some((&octet, after)) = rest.split_first() {
            rest = after;
            match octet {
                b'=' => {
                    let digits = std::str::from_utf8(rest.get(..2).expect("two digits")).expect("two digits");
                    assert!(!digits.bytes().any(|digit| digit.is_ascii_lowercase()), "a small digit");
                    text.push(u8::from_str_radix(digits, 16).expect("two digits"));
                    rest = &rest[2..];
                }
                b'\t' | b' '..=b'~' => text.push(octet),
                _ => panic!("octet {octet} in quoted-printable"),
            }
        }
        if !soft {
            text.extend(b"\r\n");
        }
    }
    text
}
