//! What a password comes to with SCRAM: thousands of rounds of HMAC, made in slices, so that nobody waits for all of them.

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::Sha256;

use crate::octets::{copy, wipe};

/// Which hash it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// The octets of the longest hash.
pub const MOST: usize = 32;

impl Hash {
    /// Its octets.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => MOST,
        }
    }
}

/// What the password comes to, with a salt and a number of rounds.
#[derive(Clone)]
pub struct Keys {
    /// With which hash.
    pub hash: Hash,
    /// What we prove that we know.
    pub client: [u8; MOST],
    /// What the server does.
    pub server: [u8; MOST],
}

impl Drop for Keys {
    fn drop(&mut self) {
        wipe(&mut self.client);
        wipe(&mut self.server);
    }
}

/// Who hands over what a hash or a mac is of.
pub type Parts<'p> = &'p mut dyn FnMut(&mut dyn FnMut(&[u8]));

/// What comes of the parts, with a hash or a mac that has begun; as much as there is room for.
pub fn sum_of<const N: usize>(mut begun: impl FixedOutput, parts: Parts<'_>) -> [u8; N] {
    parts(&mut |part| begun.update(part));
    let mut sum = [0; N];
    copy(&mut sum, &begun.finalize_fixed());
    sum
}

/// The hash of the parts.
pub fn hashed(hash: Hash, parts: Parts<'_>) -> [u8; MOST] {
    match hash {
        Hash::Sha1 => sum_of(Sha1::default(), parts),
        Hash::Sha256 => sum_of(Sha256::default(), parts),
    }
}

/// HMAC with a key.
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl Keyed {
    /// A key of any length will do.
    fn new(hash: Hash, key: &[u8]) -> Option<Self> {
        match hash {
            Hash::Sha1 => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            Hash::Sha256 => Hmac::new_from_slice(key).ok().map(Self::Sha256),
        }
    }

    /// The HMAC of the parts.
    fn mac(&self, parts: Parts<'_>) -> [u8; MOST] {
        match self {
            Self::Sha1(keyed) => sum_of(keyed.clone(), parts),
            Self::Sha256(keyed) => sum_of(keyed.clone(), parts),
        }
    }
}

/// The HMAC of the parts.
pub fn mac(hash: Hash, key: &[u8], parts: Parts<'_>) -> [u8; MOST] {
    Keyed::new(hash, key).map_or([0; MOST], |keyed| keyed.mac(parts))
}

/// Whether this is the HMAC of the parts. It takes a time that says nothing of where they differ.
pub fn is_signed(hash: Hash, key: &[u8], parts: Parts<'_>, signature: &[u8]) -> bool {
    let mut sum = mac(hash, key, parts);
    let differ = sum
        .iter()
        .zip(signature)
        .fold(0, |differ, (one, other)| core::hint::black_box(differ | one ^ other));
    wipe(&mut sum);
    signature.len() == hash.length() && differ == 0
}

/// The rounds of a derivation (PBKDF2: RFC 8018, 5.2, one block).
pub struct Rounds {
    hash: Hash,
    /// With the password as its key.
    keyed: Keyed,
    last: [u8; MOST],
    sum: [u8; MOST],
    left: u32,
}

impl Drop for Rounds {
    fn drop(&mut self) {
        wipe(&mut self.last);
        wipe(&mut self.sum);
    }
}

impl Rounds {
    /// The first of so many.
    pub fn begin(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Option<Self> {
        let keyed = Keyed::new(hash, password)?;
        let last = keyed.mac(&mut |put| {
            put(salt);
            // The number of the block.
            put(&1u32.to_be_bytes());
        });
        Some(Self {
            hash,
            keyed,
            last,
            sum: last,
            left: rounds.saturating_sub(1),
        })
    }

    /// Makes so many of them at most; the keys, where these were the last ones.
    pub fn go_on(&mut self, most: u32) -> Option<Keys> {
        let length = self.hash.length();
        for _ in 0..most.min(self.left) {
            let last = self.last.get(..length)?;
            self.last = self.keyed.mac(&mut |put| put(last));
            for (sum, last) in self.sum.iter_mut().zip(&self.last) {
                *sum ^= last;
            }
        }
        self.left = self.left.saturating_sub(most);
        (self.left == 0).then(|| Keys::of(self.hash, self.sum.get(..length).unwrap_or(&[])))
    }
}

impl Keys {
    fn of(hash: Hash, salted: &[u8]) -> Self {
        Self {
            hash,
            client: mac(hash, salted, &mut |put| put(b"Client Key")),
            server: mac(hash, salted, &mut |put| put(b"Server Key")),
        }
    }
}
