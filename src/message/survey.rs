//! What a text needs on its way, found in one pass.

use super::body::{self, Encoding};
use crate::limits::LINE_BYTES;
use crate::octets::without_control;

/// What there is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Octets above 127.
    pub eight_bit: bool,
    /// A line of more than 998 octets, or a control character other than a tab.
    pub unsendable: bool,
    /// Octets of the text when it is sent as it is, each line with its CRLF.
    pub size: u32,
}

impl Survey {
    /// Looks at the whole text.
    pub fn of(text: &[u8]) -> Self {
        let mut found = Self {
            eight_bit: !text.is_ascii(),
            unsendable: false,
            size: 0,
        };
        let (mut at, mut line) = (0usize, 0usize);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = without_control(rest);
            line = line.wrapping_add(plain);
            found.size = found.size.wrapping_add(u32::try_from(plain).unwrap_or(u32::MAX));
            at = at.wrapping_add(plain);
            for _ in 0..8 {
                let Some(&octet) = text.get(at) else { break };
                at = at.wrapping_add(1);
                match octet {
                    b'\r' | b'\n' => {
                        found.unsendable |= line > LINE_BYTES;
                        line = 0;
                        // A CR that belongs to a CRLF, or to a CR CR LF, ends no line: their LF does.
                        let joined = octet == b'\r' && matches!(text.get(at..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
                        found.size = found.size.wrapping_add(if joined { 0 } else { 2 });
                    }
                    _ => {
                        found.unsendable |= matches!(octet, 0..0x20 | 0x7f) && octet != b'\t';
                        line = line.wrapping_add(1);
                        found.size = found.size.wrapping_add(1);
                    }
                }
            }
        }
        found.unsendable |= line > LINE_BYTES;
        if line > 0 {
            found.size = found.size.wrapping_add(2);
        }
        found
    }

    /// The octets of the text in an encoding: what SIZE counts (RFC 1870, 3), without doubled dots and the final one.
    pub fn encoded_len(self, text: &[u8], encoding: Encoding) -> u32 {
        match encoding {
            Encoding::SevenBit | Encoding::EightBit => self.size,
            Encoding::QuotedPrintable => body::encoded_len(text, encoding),
        }
    }

    /// The encoding: as it is where lines and octets allow it and the server takes it, else quoted-printable.
    pub fn encoding(self, eight_bit_mime: bool) -> Encoding {
        match self {
            Self { unsendable: true, .. } => Encoding::QuotedPrintable,
            Self { eight_bit: false, .. } => Encoding::SevenBit,
            _ if eight_bit_mime => Encoding::EightBit,
            _ => Encoding::QuotedPrintable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_follows_the_text_and_the_server() {
        let encoding = |text: &[u8], eight_bit_mime| Survey::of(text).encoding(eight_bit_mime);
        assert_eq!(encoding(b"", false), Encoding::SevenBit);
        assert_eq!(encoding(b"plain\r\ntext\n\t.", true), Encoding::SevenBit);
        assert_eq!(encoding("k\u{16f}\u{148}".as_bytes(), true), Encoding::EightBit);
        assert_eq!(encoding("k\u{16f}\u{148}".as_bytes(), false), Encoding::QuotedPrintable);
        assert_eq!(encoding(b"a\x1b[0m", true), Encoding::QuotedPrintable);
        assert_eq!(encoding(b"a\0b", true), Encoding::QuotedPrintable);
        assert_eq!(encoding(&[b'x'; 998], true), Encoding::SevenBit);
        assert_eq!(encoding(&[b'x'; 999], true), Encoding::QuotedPrintable);
        let lines = [[b'x'; 998].as_slice(), b"\r", &[b'x'; 998]].concat();
        assert_eq!(encoding(&lines, true), Encoding::SevenBit);
    }

    #[test]
    fn the_size_is_that_of_the_encoded_text() {
        // Every text of up to six octets out of these, and longer ones around the eight that are looked at at once.
        let alphabet = [b'\r', b'\n', b'x', 0xe1];
        for length in 0..=6u32 {
            for number in 0..4usize.pow(length) {
                let text: std::vec::Vec<u8> = (0..length)
                    .map(|place| alphabet[number / 4usize.pow(place) % 4])
                    .collect();
                for text in [text.clone(), [&[b'y'; 5], text.as_slice(), &[b'z'; 9]].concat()] {
                    let wanted = body::encoded_len(&text, Encoding::EightBit);
                    assert_eq!(Survey::of(&text).size, wanted, "{text:?}");
                }
            }
        }
    }
}
