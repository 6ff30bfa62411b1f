//! Base64 (RFC 4648, 4), encoding only, octet by octet out of an iterator.
//!
//! Nothing is ever decoded: what a server asks in base64 while logging in is not looked at. Encoding from an iterator
//! needs no buffer that could keep a password, and has no index that could panic.

use crate::buffer::Sink;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The digit for the lowest six bits of `bits`.
fn digit(bits: u32) -> u8 {
    let index = usize::try_from(bits & 63).unwrap_or(0);
    ALPHABET.get(index).copied().unwrap_or(b'=')
}

/// The digits of `octets` in base64, with padding.
pub fn digits(octets: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    Digits {
        octets,
        quad: [0; 4],
        next: 4,
    }
}

/// Writes `octets` in base64.
pub fn encode(octets: impl Iterator<Item = u8>, out: &mut impl Sink) {
    for digit in digits(octets) {
        out.put(digit);
    }
}

/// The length of `octets` octets in base64.
pub fn encoded_len(octets: usize) -> usize {
    octets.div_ceil(3).saturating_mul(4)
}

struct Digits<I> {
    octets: I,
    quad: [u8; 4],
    next: usize,
}

impl<I: Iterator<Item = u8>> Iterator for Digits<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(&digit) = self.quad.get(self.next) {
            self.next = self.next.wrapping_add(1);
            return Some(digit);
        }
        let first = u32::from(self.octets.next()?);
        let second = self.octets.next().map(u32::from);
        let third = second.and_then(|_| self.octets.next()).map(u32::from);
        let bits = (first << 16) | (second.unwrap_or(0) << 8) | third.unwrap_or(0);
        let pad = |known: bool, shift: u32| if known { digit(bits >> shift) } else { b'=' };
        self.quad = [
            digit(bits >> 18),
            digit(bits >> 12),
            pad(second.is_some(), 6),
            pad(third.is_some(), 0),
        ];
        self.next = 1;
        self.quad.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

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
            let got: Vec<u8> = digits(plain.bytes()).collect();
            assert_eq!(got, encoded.as_bytes());
            assert_eq!(encoded_len(plain.len()), encoded.len());
        }
    }

    #[test]
    fn every_octet_value_has_its_digits() {
        let all: Vec<u8> = (0..=255).collect();
        let text: Vec<u8> = digits(all.iter().copied()).collect();
        assert_eq!(&text[..8], b"AAECAwQF");
        assert_eq!(&text[text.len() - 8..], b"/P3+/w==");
    }
}
