//! Base64 (RFC 4648, 4), encoding only, digit by digit.
//!
//! Nothing is ever decoded: what a server asks in base64 while logging in is not looked at. What is encoded may stand in
//! several places, and any digit can be asked for: that needs no buffer that could keep a password.

use crate::buffer::{Sink, Window};

/// What is encoded: these, laid end to end.
pub type Parts<'a> = [&'a [u8]; 4];

/// One text, to be encoded.
pub fn one(text: &[u8]) -> Parts<'_> {
    [text, &[], &[], &[]]
}

/// The octet number `at` of the octets of `parts`, laid end to end.
pub fn octet(parts: &Parts<'_>, at: usize) -> Option<u8> {
    let mut at = at;
    for part in parts {
        if let Some(octet) = part.get(at) {
            return Some(*octet);
        }
        at = at.wrapping_sub(part.len());
    }
    None
}

/// The digit number `at` of the octets of `parts`, laid end to end, in base64; without padding.
pub fn digit(parts: &Parts<'_>, at: usize) -> Option<u8> {
    // Its six bits lie in two octets: they begin at bit 0, 6, 4 or 2 of the first of them.
    let place = at.wrapping_mul(3) / 4;
    let first = octet(parts, place)?;
    let second = octet(parts, place.wrapping_add(1)).unwrap_or(0);
    let shift = u32::try_from(at.wrapping_mul(6) & 7).unwrap_or(0);
    let [value, _] = u16::from_be_bytes([first, second]).wrapping_shl(shift).to_be_bytes();
    Some(digit_of(value >> 2))
}

fn digit_of(value: u8) -> u8 {
    match value {
        0..26 => value.wrapping_add(b'A'),
        26..52 => value.wrapping_add(b'a' - 26),
        52..62 => value.wrapping_sub(52 - b'0'),
        62 => b'+',
        _ => b'/',
    }
}

/// Writes the octets of `parts`, laid end to end, in base64.
#[cfg(not(feature = "std"))]
pub fn encode(parts: &Parts<'_>, out: &mut Window<'_>) {
    let mut at = 0usize;
    while let Some(digit) = digit(parts, at) {
        out.put(digit);
        at = at.wrapping_add(1);
    }
    while at % 4 != 0 {
        out.put(b'=');
        at = at.wrapping_add(1);
    }
}

/// Writes the octets of `parts`, laid end to end, in base64: four digits at a time, which is faster and more code.
#[cfg(feature = "std")]
pub fn encode(parts: &Parts<'_>, out: &mut Window<'_>) {
    let mut octets = parts.iter().copied().flatten();
    while let Some(first) = octets.next() {
        let (second, third) = (octets.next(), octets.next());
        let octet = |octet: Option<&u8>| octet.copied().unwrap_or(0);
        let bits = u32::from_be_bytes([0, *first, octet(second), octet(third)]);
        let digit = |shift: u32| {
            let [value, ..] = bits.wrapping_shr(shift).to_le_bytes();
            digit_of(value & 63)
        };
        out.put_all(&[
            digit(18),
            digit(12),
            second.map_or(b'=', |_| digit(6)),
            third.map_or(b'=', |_| digit(0)),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn digits(parts: &Parts<'_>) -> Vec<u8> {
        let mut buffer = [0u8; 400];
        let mut window = Window::new(&mut buffer, 0);
        encode(parts, &mut window);
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
            assert_eq!(digits(&one(plain)), encoded.as_bytes());
            let one_by_one = (0..).map_while(|at| digit(&one(plain), at));
            let unpadded = encoded.trim_end_matches('=').as_bytes();
            assert_eq!(one_by_one.collect::<Vec<u8>>(), unpadded);
            // However it is cut into parts, empty ones among them.
            for first in 0..=plain.len() {
                for second in first..=plain.len() {
                    let parts = [&plain[..first], &plain[first..second], &[], &plain[second..]];
                    assert_eq!(digits(&parts), encoded.as_bytes());
                }
            }
        }
    }

    #[test]
    fn every_octet_value_has_its_digits() {
        let all: Vec<u8> = (0..=255).collect();
        let text = digits(&one(&all));
        assert_eq!(&text[..8], b"AAECAwQF");
        assert_eq!(&text[text.len() - 8..], b"/P3+/w==");
    }

    #[test]
    fn every_value_of_six_bits_has_its_digit() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (value, wanted) in (0u8..).zip(alphabet) {
            assert_eq!(digit(&one(&[value << 2]), 0), Some(*wanted));
            assert_eq!(digit(&one(&[0, 0, value]), 3), Some(*wanted));
        }
    }
}
