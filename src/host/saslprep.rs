//! SASLprep (RFC 4013): user names and passwords with characters outside ASCII, in one form of the several that look the same.

use std::boxed::Box;

/// Prepares a text in UTF-8 for SCRAM. `Some(None)` where it stays as it is: it is of ASCII, not UTF-8, or has a character that is
/// prohibited. None without memory: another password than the prepared one would be refused.
///
/// Characters that Unicode 3.2 did not have yet stay, too: a text that is compared is a query (RFC 3454, 7).
#[cfg(feature = "unicode")]
pub fn prepared(text: &[u8]) -> Option<Option<Box<[u8]>>> {
    use stringprep::tables;
    use unicode_normalization::UnicodeNormalization;

    if text.is_ascii() {
        return Some(None);
    }
    let Ok(text) = core::str::from_utf8(text) else {
        return Some(None);
    };
    // What follows allocates for long rows of marks only, and cannot be refused that.
    drop(super::memory::zeros(
        SPARE.saturating_add(text.len().saturating_mul(4)),
    )?);
    let normalized = || {
        let mapped = text.chars().map(|letter| match letter {
            letter if tables::non_ascii_space_character(letter) => ' ',
            letter => letter,
        });
        mapped
            .filter(|letter| !tables::commonly_mapped_to_nothing(*letter))
            .nfkc()
    };
    if normalized().any(is_prohibited) {
        return Some(None);
    }
    // A text with a letter that is written from right to left begins and ends with one, and has none of the others.
    if normalized().any(tables::bidi_r_or_al) {
        let (mut first, mut last) = (None, None);
        for letter in normalized() {
            first = first.or(Some(letter));
            last = Some(letter);
            if tables::bidi_l(letter) {
                return Some(None);
            }
        }
        if !(first.is_some_and(tables::bidi_r_or_al) && last.is_some_and(tables::bidi_r_or_al)) {
            return Some(None);
        }
    }
    let length = normalized().map(char::len_utf8).sum::<usize>();
    let mut octets = super::memory::zeros(length)?;
    let mut room = &mut *octets;
    for letter in normalized() {
        let (place, behind) = core::mem::take(&mut room).split_at_mut_checked(letter.len_utf8())?;
        letter.encode_utf8(place);
        room = behind;
    }
    // Nothing is no password.
    Some((length > 0).then_some(octets))
}

/// Memory that there must be before a text is prepared.
#[cfg(feature = "unicode")]
const SPARE: usize = 16 * 1024;

/// RFC 4013, 2.3.
#[cfg(feature = "unicode")]
fn is_prohibited(letter: char) -> bool {
    use stringprep::tables;

    tables::non_ascii_space_character(letter)
        || tables::ascii_control_character(letter)
        || tables::non_ascii_control_character(letter)
        || tables::private_use(letter)
        || tables::non_character_code_point(letter)
        || tables::inappropriate_for_plain_text(letter)
        || tables::inappropriate_for_canonical_representation(letter)
        || tables::change_display_properties_or_deprecated(letter)
        || tables::tagging_character(letter)
}

/// Without the feature `unicode` all stays as it is.
#[cfg(not(feature = "unicode"))]
pub fn prepared(_text: &[u8]) -> Option<Option<Box<[u8]>>> {
    Some(None)
}

#[cfg(all(test, feature = "unicode"))]
mod tests {
    use super::*;

    fn made(text: &[u8]) -> Option<Box<[u8]>> {
        prepared(text).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_4013_hold() {
        for (text, wanted) in [
            ("I\u{AD}X", Some("IX")),
            ("user", None),
            ("USER", None),
            ("\u{AA}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
        ] {
            assert_eq!(made(text.as_bytes()).as_deref(), wanted.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn one_form_is_made_of_those_that_look_the_same() {
        for (text, wanted) in [
            // Composed, and in other words.
            ("\u{10D}e\u{161}tina", Some("\u{10D}e\u{161}tina")),
            ("c\u{30C}es\u{30C}tina", Some("\u{10D}e\u{161}tina")),
            ("a\u{A0}b\u{3000}c", Some("a b c")),
            ("\u{FF50}\u{FF57}", Some("pw")),
            ("\u{FB01}", Some("fi")),
            ("\u{627}\u{628}", Some("\u{627}\u{628}")),
            // Characters of a later Unicode.
            ("\u{1F600}", Some("\u{1F600}")),
            // From right to left and from left to right; not at both ends.
            ("\u{627}a\u{628}", None),
            ("1\u{627}", None),
            // Private, not a character, a control character, a mark of direction, a replacement, a tag.
            ("x\u{E000}", None),
            ("x\u{FFFE}", None),
            ("x\u{85}\u{E1}", None),
            ("x\u{200E}", None),
            ("x\u{FFFD}", None),
            ("x\u{E0041}", None),
            // Nothing is left.
            ("\u{AD}", None),
        ] {
            assert_eq!(made(text.as_bytes()).as_deref(), wanted.map(str::as_bytes), "{text:?}");
        }
        for octets in [&b"\xFF"[..], b"p\xC5", b"\xED\xA0\x80"] {
            assert_eq!(made(octets), None);
        }
    }

    #[test]
    fn a_long_row_of_marks_is_prepared() {
        let text = std::string::String::from("a") + &"\u{301}".repeat(2000);
        let prepared = made(text.as_bytes()).unwrap();
        assert_eq!(prepared.len(), 2 + 2 * 1999);
    }
}
