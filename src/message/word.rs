//! Unstructured header text: as it is where it can be, else encoded words (RFC 2047).

use crate::base64;
use crate::buffer::Window;
use crate::limits::{CHARSET_BYTES, ENCODED_WORD_BYTES, HEADER_LINE_BYTES};
use crate::utf8::is_utf8;

/// The longest display name that is written as a quoted string.
const PHRASE_BYTES: usize = 50;

// A blank or a header's name stands before each encoded word, and leaves it room for characters.
const _: () = assert!(HEADER_LINE_BYTES - 1 <= ENCODED_WORD_BYTES);
const _: () = assert!("Subject: =?".len() + CHARSET_BYTES + "?B?".len() + 8 + "?=".len() <= HEADER_LINE_BYTES);

/// The length of the word that a text begins with, where it may stand in a header as it is: printable ASCII, not over a line, and
/// nothing that a reader takes for an encoded word. Else 0.
fn plain_word(text: &[u8]) -> usize {
    let (mut before, mut length) = (0u8, 0usize);
    for &octet in text {
        if octet == b' ' {
            break;
        }
        if !matches!(octet, 0x21..=0x7e) || (before == b'=' && octet == b'?') {
            return 0;
        }
        before = octet;
        length = length.wrapping_add(1);
    }
    if length < HEADER_LINE_BYTES - 16 { length } else { 0 }
}

/// Writes text behind a header's name, folded: as it is where folding changes nothing in it, which is such words, single blanks
/// between them and none at its ends.
pub fn write(text: &[u8], charset: &[u8], out: &mut Window<'_>) {
    let begun = out.mark();
    let mut rest = text;
    loop {
        let length = plain_word(rest);
        let Some(word) = rest.get(..length).filter(|word| !word.is_empty()) else {
            break;
        };
        if rest.len() < text.len() {
            out.fold(length.wrapping_add(1));
        }
        out.put_seldom(word);
        match rest.get(length.wrapping_add(1)..) {
            Some(words) => rest = words,
            None => return,
        }
    }
    out.take_back(begun);
    if !text.is_empty() {
        write_encoded(text, charset, out);
    }
}

/// Writes a display name: a quoted string where it is plain and short enough for a line.
pub fn write_phrase(name: &[u8], charset: &[u8], out: &mut Window<'_>) {
    if name.len() > PHRASE_BYTES || !name.split(|octet| *octet == b' ').all(|word| plain_word(word) > 0) {
        write_encoded(name, charset, out);
        return;
    }
    out.put(b'"');
    for &octet in name {
        if matches!(octet, b'"' | b'\\') {
            out.put(b'\\');
        }
        out.put(octet);
    }
    out.put(b'"');
}

/// Writes text as encoded words in base64, each of at most 75 octets and of whole characters, one a line. Text that
/// is not UTF-8 is in the configured charset.
fn write_encoded(text: &[u8], configured: &[u8], out: &mut Window<'_>) {
    let utf8 = is_utf8(text);
    let charset = if utf8 { b"UTF-8" } else { configured };
    let mut rest = text;
    loop {
        // "=?" charset "?B?" ... "?=", on a line of at most 76 octets.
        let taken = out.column().wrapping_add(charset.len()).wrapping_add(7);
        let mut length = (HEADER_LINE_BYTES.wrapping_sub(taken) / 4).wrapping_mul(3);
        // No word ends within a character, whose later octets are 10xxxxxx: three at the most.
        while utf8 && rest.get(length).is_some_and(|octet| octet & 0xC0 == 0x80) {
            length = length.wrapping_sub(1);
        }
        let word = rest.get(..length).unwrap_or(rest);
        out.put_seldom(b"=?");
        out.put_seldom(charset);
        out.put_seldom(b"?B?");
        base64::put(word, out);
        base64::end(out);
        out.put_seldom(b"?=");
        rest = rest.get(word.len()..).unwrap_or(&[]);
        if rest.is_empty() {
            return;
        }
        out.fold(HEADER_LINE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn subject(text: &[u8], charset: &[u8]) -> String {
        let mut buffer = std::vec![0u8; 20_000];
        let mut window = Window::new(&mut buffer, 0);
        window.put_all(b"Subject: ");
        write(text, charset, &mut window);
        let kept = window.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    #[test]
    fn ascii_stays_as_it_is() {
        assert_eq!(subject(b"testovaci email", b"x"), "Subject: testovaci email");
        assert_eq!(subject(b"", b"x"), "Subject: ");
    }

    #[test]
    fn long_ascii_is_folded_between_words_and_unfolds_to_itself() {
        let text = "alarm number one ".repeat(60);
        let text = text.trim_end();
        let got = subject(text.as_bytes(), b"x");
        assert!(got.lines().all(|line| line.len() <= 78), "{got}");
        assert_eq!(got.replace("\r\n", ""), std::format!("Subject: {text}"));
    }

    #[test]
    fn diacritics_become_words_of_whole_characters() {
        let text = "P\u{159}\u{ed}li\u{161} \u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148} ".repeat(30);
        let got = subject(text.as_bytes(), b"windows-1250");
        let mut decoded = Vec::new();
        for (at, line) in got.split("\r\n").enumerate() {
            assert!(line.len() <= 76, "{line}");
            let word = line.strip_prefix(if at == 0 { "Subject: " } else { " " }).unwrap();
            assert!(word.len() <= 75);
            let digits = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
            let octets = decode(digits);
            assert!(std::str::from_utf8(&octets).is_ok());
            decoded.extend(octets);
        }
        assert_eq!(decoded, text.as_bytes());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_sent_under_the_configured_charset() {
        assert_eq!(
            subject(b"\xf8eka", b"windows-1250"),
            "Subject: =?windows-1250?B?+GVrYQ==?="
        );
    }

    #[test]
    fn what_folding_or_a_reader_would_change_is_encoded() {
        for text in ["a  b", " a", "a ", "=?UTF-8?B?YQ==?=", "a\tb"] {
            assert!(
                subject(text.as_bytes(), b"x").starts_with("Subject: =?UTF-8?B?"),
                "{text}"
            );
        }
        let long = "x".repeat(500);
        assert!(
            subject(long.as_bytes(), b"x")
                .split("\r\n")
                .all(|line| line.len() <= 76)
        );
    }

    #[test]
    fn the_longest_charset_name_still_leaves_room() {
        let charset = [b'c'; crate::limits::CHARSET_BYTES];
        let got = subject(&[0xf8; 200], &charset);
        assert!(got.split("\r\n").all(|line| line.len() <= 76), "{got}");
    }

    fn decode(digits: &str) -> Vec<u8> {
        let value = |digit: u8| match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let mut octets = Vec::new();
        let (mut bits, mut count) = (0u32, 0);
        for digit in digits.bytes().filter(|digit| *digit != b'=') {
            bits = (bits << 6) | u32::from(value(digit));
            count += 6;
            if count >= 8 {
                count -= 8;
                octets.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        octets
    }
}
