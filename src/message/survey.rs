//! What a text needs on its way, found in one pass.

use super::body::Encoding;
use crate::limits::{LINE_BYTES, Size};
use crate::octets::without_control;

/// Whether to look at several octets at a time, and to count them on the way: it takes more code.
pub(super) const FAST: bool = cfg!(fast);

/// What there is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Octets above 127.
    pub eight_bit: bool,
    /// A line of more than 998 octets, or a control character other than a tab.
    pub unsendable: bool,
    /// All lines end with CRLF, and none but the first begins with a dot: it can be copied in pieces of any length; only [`FAST`]
    /// finds that.
    pub clean: bool,
    /// Octets of the text when it is sent as it is, each line with its CRLF; only [`FAST`] counts them.
    pub size: Size,
}

impl Survey {
    /// Looks at the whole text.
    pub fn of(text: &[u8]) -> Self {
        let mut found = Self {
            eight_bit: FAST && !text.is_ascii(),
            unsendable: false,
            clean: FAST,
            size: 0,
        };
        let (mut rest, mut line) = (text, 0usize);
        loop {
            // Only the faster way to the same end.
            if FAST {
                let plain = without_control(rest);
                line = line.wrapping_add(plain);
                found.count(plain);
                rest = rest.get(plain..).unwrap_or(&[]);
                if let [b'\r', b'\n', behind @ ..] = rest {
                    found.unsendable |= line > LINE_BYTES;
                    found.clean &= behind.first() != Some(&b'.');
                    found.count(2);
                    (rest, line) = (behind, 0);
                    continue;
                }
            }
            found.unsendable |= line > LINE_BYTES;
            let Some((&octet, after)) = rest.split_first() else {
                break;
            };
            rest = after;
            line = line.wrapping_add(1);
            found.count(1);
            found.eight_bit |= !octet.is_ascii();
            if octet.is_ascii_control() {
                if matches!(octet, b'\r' | b'\n') {
                    line = 0;
                    found.clean = false;
                    // A CR that belongs to a CRLF, or to a CR CR LF, ends no line: their LF does.
                    match (octet, after) {
                        (b'\r', [b'\n', ..] | [b'\r', b'\n', ..]) if FAST => found.size = found.size.wrapping_sub(1),
                        _ => found.count(1),
                    }
                } else {
                    found.unsendable |= octet != b'\t';
                }
            }
        }
        if line > 0 {
            found.count(2);
        }
        found
    }

    fn count(&mut self, octets: usize) {
        if FAST {
            self.size = self.size.wrapping_add(Size::try_from(octets).unwrap_or(Size::MAX));
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
    use super::super::body::Encoder;
    use super::*;
    use crate::buffer::Window;

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

    #[cfg(fast)]
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
                    let mut window = Window::counting();
                    Encoder::new(Encoding::EightBit).write(&text, true, &mut window);
                    let wanted = window.written() as Size;
                    assert_eq!(Survey::of(&text).size, wanted, "{text:?}");
                }
            }
        }
    }
}
