//! Base64 (RFC 4648, 4).
//!
//! What is encoded may be put piece by piece: the window keeps the bits that make no digit yet. A device decodes nothing; a system
//! does, strictly. A package that others have tested judges that (docs/adr/0002).

use crate::buffer::Window;

/// Decodes all of it; how many octets, or None where it is not base64 with its padding, or there is no room for them.
#[cfg(feature = "std")]
pub fn decode(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let padding = digits.iter().rev().take(2).take_while(|digit| **digit == b'=').count();
    let (mut bits, mut waiting, mut length) = (0u32, 0u32, 0usize);
    for digit in digits.get(..digits.len().wrapping_sub(padding))? {
        bits = bits << 6 | value_of(*digit)?;
        waiting = waiting.wrapping_add(6);
        if waiting >= 8 {
            waiting = waiting.wrapping_sub(8);
            let [octet, ..] = bits.wrapping_shr(waiting).to_le_bytes();
            *out.get_mut(length)? = octet;
            length = length.wrapping_add(1);
        }
    }
    // What is left of the last digit is zeros.
    let rest = bits & !(u32::MAX << waiting);
    (digits.len() % 4 == 0 && rest == 0).then_some(length)
}

/// What a digit stands for; None where it is none.
#[cfg(feature = "std")]
fn value_of(digit: u8) -> Option<u32> {
    let (first, value) = match digit {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => (b'+', 62),
        b'/' => (b'/', 63),
        _ => return None,
    };
    Some(u32::from(digit.wrapping_sub(first).wrapping_add(value)))
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

    /// Whatever digits come, another decoder says the same.
    #[cfg(feature = "std")]
    #[test]
    fn it_decodes_what_another_implementation_does() {
        use ::base64::engine::{Engine, general_purpose::STANDARD};
        let mut random = 1u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let mut decoded = 0;
        for _ in 0..200_000 {
            let octets: Vec<u8> = (0..next(12)).map(|_| next(256) as u8).collect();
            let mut digits = STANDARD.encode(&octets).into_bytes();
            if next(2) == 0 && !digits.is_empty() {
                let at = next(digits.len());
                match next(4) {
                    0 => digits.truncate(at),
                    1 => digits.insert(at, b"=A/+ \n-"[next(7)]),
                    2 => digits[at] = next(256) as u8,
                    _ => digits[at] = b"=AQgw/"[next(6)],
                }
            }
            let wanted = STANDARD.decode(&digits).ok();
            let mut out = [0; 16];
            let got = decode(&digits, &mut out).map(|length| out[..length].to_vec());
            assert_eq!(got, wanted, "{digits:?}");
            decoded += u32::from(got.is_some());
        }
        assert!((100_000..190_000).contains(&decoded), "{decoded}");
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
