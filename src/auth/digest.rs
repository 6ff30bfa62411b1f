//! The hashes of the logins, and HMAC (RFC 2104) with each of them.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::octets::{copy, wipe};

/// Which hash it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// The octets of the longest hash.
pub const MOST: usize = 32;

/// What each of them takes at a time.
const BLOCK: usize = 64;

impl Hash {
    /// Its octets.
    pub const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => MOST,
        }
    }

    /// The hash of these octets.
    pub fn of(self, octets: &[u8]) -> [u8; MOST] {
        let mut hashing = Hashing::new(self);
        hashing.add(octets);
        hashing.finish()
    }
}

/// A hash that is being made. It wipes itself.
pub enum Hashing {
    /// MD5.
    Md5(Md5),
    /// SHA-1.
    Sha1(Sha1),
    /// SHA-256.
    Sha256(Sha256),
}

impl Clone for Hashing {
    // Saves 500 bytes.
    #[inline(never)]
    fn clone(&self) -> Self {
        match self {
            Self::Md5(hash) => Self::Md5(hash.clone()),
            Self::Sha1(hash) => Self::Sha1(hash.clone()),
            Self::Sha256(hash) => Self::Sha256(hash.clone()),
        }
    }
}

impl Hashing {
    /// Of nothing yet.
    // Saves 200 bytes.
    #[inline(never)]
    pub fn new(hash: Hash) -> Self {
        match hash {
            Hash::Md5 => Self::Md5(Md5::new()),
            Hash::Sha1 => Self::Sha1(Sha1::new()),
            Hash::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    /// Goes on with these octets.
    pub fn add(&mut self, octets: &[u8]) {
        match self {
            Self::Md5(hash) => hash.update(octets),
            Self::Sha1(hash) => hash.update(octets),
            Self::Sha256(hash) => hash.update(octets),
        }
    }

    /// The hash, and zeros behind it.
    pub fn finish(self) -> [u8; MOST] {
        let mut sum = [0; MOST];
        match self {
            Self::Md5(hash) => copy(&mut sum, &hash.finalize()),
            Self::Sha1(hash) => copy(&mut sum, &hash.finalize()),
            Self::Sha256(hash) => copy(&mut sum, &hash.finalize()),
        };
        sum
    }
}

/// An HMAC that is being made.
#[derive(Clone)]
pub struct Mac {
    hash: Hash,
    inner: Hashing,
    outer: Hashing,
}

impl Mac {
    /// With this key, of nothing yet.
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if key.len() > BLOCK {
            let mut short = hash.of(key);
            copy(&mut block, &short);
            wipe(&mut short);
        } else {
            copy(&mut block, key);
        }
        let mut padded = |pad| {
            let mut hashing = Hashing::new(hash);
            for octet in &mut block {
                *octet ^= pad;
            }
            hashing.add(&block);
            hashing
        };
        let inner = padded(INNER);
        // The other one stands there already.
        let outer = padded(INNER ^ OUTER);
        wipe(&mut block);
        Self { hash, inner, outer }
    }

    /// Goes on with these octets.
    pub fn add(&mut self, octets: &[u8]) {
        self.inner.add(octets);
    }

    /// The HMAC, and zeros behind it.
    pub fn finish(mut self) -> [u8; MOST] {
        let sum = self.inner.finish();
        self.outer.add(sum.get(..self.hash.length()).unwrap_or(&sum));
        self.outer.finish()
    }
}

/// What each octet of the key is changed by.
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit};
    use std::vec::Vec;

    /// The same by a package that others have tested.
    fn independent<M: hmac::Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    #[test]
    fn it_is_the_hmac_of_another_implementation() {
        let octets: Vec<u8> = (0..=255).cycle().take(300).collect();
        for key in (0..=130).chain([255, 300]) {
            for length in [0, 1, 20, 55, 56, 63, 64, 65, 119, 120, 128, 200] {
                let (key, text) = (&octets[300 - key..], &octets[..length]);
                let parts = [&text[..length / 3], &text[length / 3..]];
                for (hash, wanted) in [
                    (Hash::Md5, independent::<Hmac<Md5>>(key, &parts)),
                    (Hash::Sha1, independent::<Hmac<Sha1>>(key, &parts)),
                    (Hash::Sha256, independent::<Hmac<Sha256>>(key, &parts)),
                ] {
                    let mut mac = Mac::new(hash, key);
                    for part in parts {
                        mac.add(part);
                    }
                    let sum = mac.clone().finish();
                    assert_eq!(sum[..hash.length()], wanted, "{hash:?} {}", key.len());
                    assert!(sum[hash.length()..].iter().all(|octet| *octet == 0));
                }
            }
        }
    }

    #[test]
    fn it_is_the_hmac_of_the_rfcs() {
        // RFC 2202, 2 and 3, test case 2; RFC 4231, 4.3.
        let text = b"what do ya want for nothing?";
        for (hash, wanted) in [
            (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (
                Hash::Sha256,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let mut mac = Mac::new(hash, b"Jefe");
            mac.add(text);
            let sum = mac.finish();
            let digits: std::string::String = sum[..hash.length()]
                .iter()
                .map(|octet| std::format!("{octet:02x}"))
                .collect();
            assert_eq!(digits, wanted);
        }
    }
}
