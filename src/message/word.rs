//! Unstructured header text: as it is where it can be, else encoded words (RFC 2047).

use crate::base64;
use crate::buffer::{Sink, Window};
use crate::limits::{ENCODED_WORD_BYTES, HEADER_LINE_BYTES};
use crate::utf8::is_utf8;

/// The charset's name for this text: UTF-8 where it is UTF-8, else what the configuration says its bytes are.
pub fn charset_of<'a>(text: &[u8], configured: &'a [u8]) -> &'a [u8] {
    if is_utf8(text) { b"UTF-8" } else { configured }
}

/// Whether a text may stand in a header as it is: printable ASCII, single blanks between its words and none at its
/// ends, so that folding changes nothing, no word over a line, and nothing that a reader takes for an encoded word.
pub fn is_plain(text: &[u8]) -> bool {
    text.is_empty()
        || (text.iter().all(|octet| matches!(octet, 0x20..=0x7e))
            && text
                .split(|&octet| octet == b' ')
                .all(|word| !word.is_empty() && word.len() < HEADER_LINE_BYTES.saturating_sub(16))
            && !text.windows(2).any(|pair| pair == b"=?"))
}

/// Writes text behind a header's name, folded.
pub fn write(text: &[u8], charset: &[u8], out: &mut Window<'_>) {
    if is_plain(text) {
        write_folded(text, out);
    } else {
        write_encoded(text, charset, out);
    }
}

fn write_folded(text: &[u8], out: &mut Window<'_>) {
    for (at, word) in text.split(|&octet| octet == b' ').enumerate() {
        if at > 0 {
            if out.column().saturating_add(word.len()) >= HEADER_LINE_BYTES {
                out.end_line();
            }
            out.put(b' ');
        }
        out.put_all(word);
    }
}

/// Writes text as encoded words in base64, each of at most 75 octets and of whole characters, one a line.
pub fn write_encoded(text: &[u8], configured: &[u8], out: &mut Window<'_>) {
    let charset = charset_of(text, configured);
    let utf8 = is_utf8(text);
    let mut rest = text;
    let mut first = true;
    while !rest.is_empty() {
        if !first {
            out.end_line();
            out.put(b' ');
        }
        first = false;
        // "=?" charset "?B?" ... "?=", on a line of at most 76 octets.
        let space = ENCODED_WORD_BYTES
            .min(HEADER_LINE_BYTES.saturating_sub(out.column()))
            .saturating_sub(charset.len().saturating_add(7));
        let most = (space / 4).saturating_mul(3).max(4);
        let length = whole_characters(rest, most, utf8);
        let (word, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        out.put_all(b"=?");
        out.put_all(charset);
        out.put_all(b"?B?");
        base64::encode(word.iter().copied(), out);
        out.put_all(b"?=");
    }
}

/// The length of the longest beginning of `text` of at most `most` octets that ends between two characters.
fn whole_characters(text: &[u8], most: usize, utf8: bool) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let mut length = most;
    // In UTF-8 a character's later octets are 10xxxxxx; a character has at most four octets and `most` is at least 4.
    while utf8 && length > 1 && text.get(length).is_some_and(|octet| octet & 0xC0 == 0x80) {
        length = length.saturating_sub(1);
    }
    length
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
