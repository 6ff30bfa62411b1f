//! What a password comes to with SCRAM: thousands of rounds of HMAC, made in slices, so that nobody waits for all of them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

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

/// The rounds of a derivation (PBKDF2: RFC 8018, 5.2, one block).
pub enum Rounds {
    /// With SHA-1.
    Sha1(Of<Hmac<Sha1>>),
    /// With SHA-256.
    Sha256(Of<Hmac<Sha256>>),
}

impl Rounds {
    /// The first of so many.
    pub fn begin(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Option<Self> {
        match hash {
            Hash::Sha1 => Of::begin(hash, password, salt, rounds).map(Self::Sha1),
            Hash::Sha256 => Of::begin(hash, password, salt, rounds).map(Self::Sha256),
        }
    }

    /// Makes so many of them at most; the keys, where these were the last ones.
    pub fn go_on(&mut self, most: u32) -> Option<Keys> {
        match self {
            Self::Sha1(rounds) => rounds.go_on(most),
            Self::Sha256(rounds) => rounds.go_on(most),
        }
    }
}

/// The same with one of the hashes.
pub struct Of<M> {
    hash: Hash,
    /// With the password as its key.
    keyed: M,
    last: [u8; MOST],
    sum: [u8; MOST],
    left: u32,
}

impl<M> Drop for Of<M> {
    fn drop(&mut self) {
        wipe(&mut self.last);
        wipe(&mut self.sum);
    }
}

impl<M: Mac + KeyInit + Clone> Of<M> {
    /// The first round.
    fn begin(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Option<Self> {
        let keyed: M = keyed(password)?;
        let mut mac = keyed.clone();
        add(&mut mac, salt);
        // The number of the block.
        add(&mut mac, &1u32.to_be_bytes());
        let mut last = [0; MOST];
        finish(mac, &mut last);
        Some(Self {
            hash,
            keyed,
            last,
            sum: last,
            left: rounds.saturating_sub(1),
        })
    }

    fn go_on(&mut self, most: u32) -> Option<Keys> {
        let length = self.hash.length();
        for _ in 0..most.min(self.left) {
            let mut mac = self.keyed.clone();
            add(&mut mac, self.last.get(..length)?);
            finish(mac, &mut self.last);
            for (sum, last) in self.sum.iter_mut().zip(&self.last) {
                *sum ^= last;
            }
        }
        self.left = self.left.saturating_sub(most);
        (self.left == 0).then(|| Keys::of(self.hash, self.sum.get(..length).unwrap_or(&[])))
    }
}

/// Who hands over what a mac is of.
pub type Parts<'p> = &'p mut dyn FnMut(&mut dyn FnMut(&[u8]));

fn mac_with<M: Mac + KeyInit>(key: &[u8], parts: Parts<'_>) -> [u8; MOST] {
    let mut sum = [0; MOST];
    // A key of any length will do.
    if let Some(mut mac) = keyed::<M>(key) {
        parts(&mut |part| add(&mut mac, part));
        finish(mac, &mut sum);
    }
    sum
}

/// HMAC with a key.
// Saves 100 bytes.
#[inline(never)]
pub fn keyed<M: KeyInit>(key: &[u8]) -> Option<M> {
    M::new_from_slice(key).ok()
}

/// Adds octets to what a mac is of.
pub fn add<M: Mac>(mac: &mut M, octets: &[u8]) {
    mac.update(octets);
}

/// The mac; as much as there is room for.
pub fn finish<M: Mac>(mac: M, sum: &mut [u8]) {
    copy(sum, &mac.finalize().into_bytes());
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

/// The HMAC of the parts.
pub fn mac(hash: Hash, key: &[u8], parts: Parts<'_>) -> [u8; MOST] {
    match hash {
        Hash::Sha1 => mac_with::<Hmac<Sha1>>(key, parts),
        Hash::Sha256 => mac_with::<Hmac<Sha256>>(key, parts),
    }
}

/// The hash.
pub fn hashed(hash: Hash, octets: &[u8]) -> [u8; MOST] {
    let mut sum = [0; MOST];
    match hash {
        Hash::Sha1 => copy(&mut sum, &Sha1::digest(octets)),
        Hash::Sha256 => copy(&mut sum, &Sha256::digest(octets)),
    };
    sum
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
