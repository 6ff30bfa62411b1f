//! A server that repeats what we logged in with ("500 unknown command: AUTH PLAIN AHNkcw...").
//!
//! Result and log keep the server's words, so in the words of a refused login the credentials are masked, plain or in
//! base64. Where the kept text was cut off, a secret's beginning at its end counts, too.

use crate::limits::REPLY_TEXT_BYTES;
use crate::octets::printable;

/// Masks each place where the secret stands, with asterisks. Case matters not: servers fold it.
pub fn mask(text: &mut [u8], secret: &[u8]) {
    let full = text.len() >= REPLY_TEXT_BYTES;
    let mut rest = text;
    while !rest.is_empty() {
        let mut length = 0usize;
        let found = loop {
            let Some(wanted) = secret.get(length) else {
                break true;
            };
            let Some(kept) = rest.get(length) else {
                // As much of the secret as the kept text had room for.
                break full;
            };
            if !same(*kept, *wanted) {
                break false;
            }
            length = length.wrapping_add(1);
        };
        if found {
            if let Some(secret) = rest.get_mut(..length) {
                secret.fill(b'*');
            }
        }
        rest = rest.get_mut(1..).unwrap_or(&mut []);
    }
}

/// Whether an octet of the secret may be kept as this one: in either case, which some signs have like letters.
fn same(kept: u8, wanted: u8) -> bool {
    (kept ^ printable(wanted)) & !0x20 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn masked(text: &str, secret: &[u8]) -> String {
        let mut octets = text.as_bytes().to_vec();
        mask(&mut octets, secret);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn each_place_is_masked_whatever_its_case() {
        for (text, wanted) in [
            ("535 user kotelna unknown", "535 user ******* unknown"),
            ("USER KOTELNA Kotelna", "USER ******* *******"),
            ("kotelna", "*******"),
            ("kokotelnakotelna", "ko**************"),
        ] {
            assert_eq!(masked(text, b"kotelna"), wanted);
        }
    }

    #[test]
    fn other_texts_are_kept() {
        for text in ["5.7.8 Error: authentication failed", "", "kotel", "kot elna", "?otelna"] {
            assert_eq!(masked(text, b"kotelna"), text);
        }
        assert_eq!(masked("5.7.8 no", b""), "5.7.8 no");
    }

    #[test]
    fn a_secret_that_was_cut_off_with_the_text_is_masked() {
        let text = "x".repeat(REPLY_TEXT_BYTES - 6) + "tajne-";
        assert_eq!(
            masked(&text, b"tajne-heslo"),
            "x".repeat(REPLY_TEXT_BYTES - 6) + "******"
        );
        assert_eq!(masked(&text[1..], b"tajne-heslo"), text[1..]);
    }

    #[test]
    fn every_octet_of_a_secret_is_masked_as_the_reader_keeps_it() {
        for octet in 0..=255u8 {
            let secret = [b'x', octet, b'y', octet];
            let mut text = std::vec![b':'];
            text.extend(secret.map(printable));
            text.push(b':');
            mask(&mut text, &secret);
            assert_eq!(text, b":****:", "{octet}");
        }
    }

    #[test]
    fn eight_bit_secrets_are_found_in_cleaned_text() {
        assert_eq!(masked("no: p??esn??", b"p\xc5\x99esn\xc4\x9b"), "no: ********");
    }
}
