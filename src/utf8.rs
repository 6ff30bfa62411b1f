//! Whether octets are UTF-8 (RFC 3629), octet by octet: a text may come in pieces.

/// Where a text stands in its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8 {
    /// Octets that the current character still has.
    missing: u8,
    /// Its first octet, until the second has come.
    first: u8,
}

impl Utf8 {
    /// Between two characters.
    pub const START: Self = Self { missing: 0, first: 0 };

    /// Takes an octet; false where no text can go on with it.
    pub fn feed(&mut self, octet: u8) -> bool {
        if self.missing > 0 {
            self.missing = self.missing.wrapping_sub(1);
            // The second octet's bounds depend on the first: no longer form than needed, no surrogates, nothing
            // beyond the last character (RFC 3629, 4).
            let fits = match core::mem::take(&mut self.first) {
                0xE0 => octet >= 0xA0,
                0xED => octet < 0xA0,
                0xF0 => octet >= 0x90,
                0xF4 => octet < 0x90,
                _ => true,
            };
            return fits && octet & 0xC0 == 0x80;
        }
        self.first = octet;
        self.missing = match octet {
            0..=0x7F => 0,
            0xC2..=0xDF => 1,
            0xE0..=0xEF => 2,
            0xF0..=0xF4 => 3,
            _ => return false,
        };
        true
    }

    /// Takes octets; false where no text can go on with them.
    pub fn feed_all(&mut self, octets: &[u8]) -> bool {
        octets.iter().all(|octet| self.feed(*octet))
    }

    /// Whether the text may end here: no character has begun.
    pub fn may_end(self) -> bool {
        self.missing == 0
    }
}

/// Whether a whole text is UTF-8.
pub fn is_utf8(text: &[u8]) -> bool {
    // The same answer, several octets at a time.
    if cfg!(feature = "std") {
        return core::str::from_utf8(text).is_ok();
    }
    let mut place = Utf8::START;
    place.feed_all(text) && place.may_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_octets(text: &[u8]) -> bool {
        let mut place = Utf8::START;
        text.iter().all(|octet| place.feed(*octet)) && place.may_end()
    }

    fn check(text: &[u8]) {
        let wanted = core::str::from_utf8(text).is_ok();
        assert_eq!(by_octets(text), wanted, "{text:x?}");
        assert_eq!(is_utf8(text), wanted, "{text:x?}");
    }

    #[test]
    fn every_beginning_is_judged_as_the_standard_library_does() {
        // All of three octets, with what may follow a fourth's place.
        for first in 0..=255u8 {
            check(&[first]);
            for second in 0..=255 {
                check(&[first, second]);
                for third in [0, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] {
                    check(&[first, second, third]);
                    for fourth in [0x7F, 0x80, 0xBF, 0xC0] {
                        check(&[first, second, third, fourth]);
                        check(&[first, second, third, fourth, b'x']);
                    }
                }
            }
        }
    }

    #[test]
    fn every_character_is_taken() {
        let mut octets = [0u8; 4];
        for character in '\0'..=char::MAX {
            let text = character.encode_utf8(&mut octets).as_bytes();
            assert!(by_octets(text), "{character:?}");
            assert!(!by_octets(&text[..text.len() - 1]) || text.len() == 1, "{character:?}");
        }
    }

    #[test]
    fn what_follows_a_broken_character_does_not_mend_it() {
        for text in [
            &b"\xc3\x28"[..],
            b"\xe2\x82",
            b"a\xff b",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
        ] {
            assert!(!by_octets(text), "{text:x?}");
        }
    }
}
