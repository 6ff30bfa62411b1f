//! What a text needs on its way, found in one pass.

use super::body::Encoding;
use crate::limits::LINE_BYTES;

/// What there is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Octets above 127.
    pub eight_bit: bool,
    /// A line of more than 998 octets, or a control character other than a tab.
    pub unsendable: bool,
}

impl Survey {
    /// Looks at the whole text.
    pub fn of(text: &[u8]) -> Self {
        let mut found = Self::default();
        let mut line = 0usize;
        for &octet in text {
            line = line.wrapping_add(1);
            match octet {
                b'\r' | b'\n' => line = 0,
                0x20..=0x7e | b'\t' => {}
                0x80..=0xff => found.eight_bit = true,
                _ => found.unsendable = true,
            }
            if line > LINE_BYTES {
                found.unsendable = true;
            }
        }
        found
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
}
