//! Base64 (RFC 4648, 4).
//!
//! What is encoded may be put piece by piece: the window keeps the bits that make no digit yet. A device decodes nothing; a system
//! does, strictly, with a package that others have tested (docs/adr/0002).

#[cfg(feature = "std")]
use ::base64::engine::{Engine, general_purpose::STANDARD};

use crate::buffer::Window;

/// Decodes all of it; how many octets, or None where it is not base64 with its padding, or there is no room for them.
#[cfg(feature = "std")]
pub fn decode(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    STANDARD.decode_slice(digits, out).ok()
}

/// Writes octets in base64.
pub fn put(octets: &[u8], out: &mut Window<'_>) {
    for &octet in octets {
        begin_octet(out, octet.into());
        if out.waiting == 6 {
            out.waiting = 0;
            put_digit(out, out.bits);
        }
    }
}

/// Ends what was put: zeros fill up the last digit, and each two of them are told by a `=`.
pub fn end(out: &mut Window<'_>) {
    if out.waiting > 0 {
        begin_octet(out, 0);
        while out.waiting <= 6 {
            out.waiting = out.waiting.wrapping_add(2);
            out.put(b'=');
        }
        out.waiting = 0;
    }
}

/// Takes an octet, and writes the first digit that ends in it.
fn begin_octet(out: &mut Window<'_>, octet: u32) {
    out.bits = out.bits << 8 | octet;
    out.waiting = out.waiting.wrapping_add(2);
    // What goes round to the upper end is no part of the digit.
    put_digit(out, out.bits.rotate_right(out.waiting));
}

/// Writes the digit of the lowest six bits.
fn put_digit(out: &mut Window<'_>, bits: u32) {
    let [value, ..] = (bits & 63).to_le_bytes();
    let mut digit = value.wrapping_add(b'A');
    if value >= 26 {
        digit = value.wrapping_add(b'a' - 26);
    }
    if value >= 52 {
        digit = value.wrapping_sub(52 - b'0');
    }
    if value == 62 {
        digit = b'+';
    }
    if value == 63 {
        digit = b'/';
    }
    out.put(digit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn digits(pieces: &[&[u8]]) -> Vec<u8> {
        let mut buffer = [0u8; 400];
        let mut window = Window::new(&mut buffer, 0);
        for piece in pieces {
            put(piece, &mut window);
        }
        end(&mut window);
        let kept = window.kept();
        buffer[..kept].to_vec()
    }

    #[test]
    fn the_test_vectors_of_rfc_4648_hold() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let plain = plain.as_bytes();
            assert_eq!(digits(&[plain]), encoded.as_bytes());
            // However it is cut into pieces, empty ones among them.
            for first in 0..=plain.len() {
                for second in first..=plain.len() {
                    let pieces = [&plain[..first], &plain[first..second], &[], &plain[second..]];
                    assert_eq!(digits(&pieces), encoded.as_bytes());
                }
            }
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn what_is_decoded_is_base64_to_the_bit() {
        let mut out = [0; 64];
        for (digits, plain) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zg", None),
            ("Zg=", None),
            ("Zg===", None),
            ("Zh==", None),
            ("Zm9v\r\n", None),
            ("Zm 9v", None),
            ("Zm9v=", None),
            ("Zm9v====", None),
            ("Zg==Zg==", None),
            ("=", None),
            ("Zm9v-_", None),
            ("?", None),
        ] {
            let length = decode(digits.as_bytes(), &mut out);
            assert_eq!(
                length.map(|length| &out[..length]),
                plain.map(str::as_bytes),
                "{digits:?}"
            );
        }
        assert_eq!(decode(b"Zm9vYmFy", &mut [0; 6]), Some(6));
        assert_eq!(decode(b"Zm9vYmFy", &mut [0; 5]), None);
    }

    #[test]
    fn every_octet_value_has_its_digits() {
        let all: Vec<u8> = (0..=255).collect();
        let text = digits(&[&all]);
        assert_eq!(&text[..8], b"AAECAwQF");
        assert_eq!(&text[text.len() - 8..], b"/P3+/w==");
    }

    #[test]
    fn every_value_of_six_bits_has_its_digit() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (value, wanted) in (0u8..).zip(alphabet) {
            assert_eq!(digits(&[&[value << 2]])[0], *wanted);
            assert_eq!(digits(&[&[0, 0, value]])[3], *wanted);
        }
    }
}
