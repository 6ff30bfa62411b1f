//! Whether octets are UTF-8 (RFC 3629), octet by octet: a text may come in pieces.

/// How far a text is read: the first octet of the current character, shifted left by one bit for each octet that followed.
/// While its two highest bits are set, more octets of the character have to follow. Ones are shifted in, so that the value
/// of an invalid text, all ones, does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8(u8);

const INVALID: Utf8 = Utf8(0xFF);

impl Utf8 {
    /// Between two characters.
    pub const START: Self = Self(0);

    /// The value behind one more octet.
    #[must_use]
    pub fn after(self, octet: u8) -> Self {
        if self.may_end() {
            return match octet {
                0x80..0xC2 | 0xF5.. => INVALID,
                first => Self(first),
            };
        }
        // The bounds of the second octet depend on the first: no form longer than needed, no surrogates, nothing beyond the
        // last character (RFC 3629, 4). A shifted octet is never one of the four below.
        let upper = octet & if self.0 < 0xF0 { 0x20 } else { 0x30 } != 0;
        match self.0 {
            _ if octet & 0xC0 != 0x80 => INVALID,
            0xE0 | 0xF0 if !upper => INVALID,
            0xED | 0xF4 if upper => INVALID,
            first => Self(first << 1 | 1),
        }
    }

    /// The value behind more octets.
    #[must_use]
    pub fn after_all(self, octets: &[u8]) -> Self {
        let mut state = self;
        for octet in octets {
            state = state.after(*octet);
        }
        state
    }

    /// Whether the text is not UTF-8, whatever follows.
    pub fn is_broken(self) -> bool {
        self == INVALID
    }

    /// Whether the text may end here: not within a character.
    pub fn may_end(self) -> bool {
        self.0 < 0xC0
    }
}

/// Whether a whole text is UTF-8.
pub fn is_utf8(text: &[u8]) -> bool {
    // The same answer, several octets at a time.
    if cfg!(fast) {
        return core::str::from_utf8(text).is_ok();
    }
    Utf8::START.after_all(text).may_end()
}

/// Whether a character ends a line or turns the direction of writing: with it a text looks like another one.
#[cfg(feature = "std")]
pub fn misleads(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_octets(text: &[u8]) -> bool {
        Utf8::START.after_all(text).may_end()
    }

    fn check(text: &[u8]) {
        let wanted = core::str::from_utf8(text).is_ok();
        assert_eq!(by_octets(text), wanted, "{text:x?}");
        assert_eq!(is_utf8(text), wanted, "{text:x?}");
    }

    #[test]
    fn every_beginning_is_judged_as_by_the_standard_library() {
        // All first and second octets, and the bounds of those that follow.
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
    fn every_character_is_accepted() {
        let mut octets = [0u8; 4];
        for character in '\0'..=char::MAX {
            let text = character.encode_utf8(&mut octets).as_bytes();
            assert!(by_octets(text), "{character:?}");
            assert!(!by_octets(&text[..text.len() - 1]) || text.len() == 1, "{character:?}");
        }
    }

    #[test]
    fn an_invalid_text_stays_invalid() {
        for text in [
            &b"\xc3\x28"[..],
            b"\xe2\x82",
            b"a\xff b",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
        ] {
            assert!(!by_octets(text), "{text:x?}");
            assert!(!by_octets(&[text, b"x\x80\xC2\x80"].concat()), "{text:x?}");
        }
    }
}
