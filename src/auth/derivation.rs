//! What a password comes to with SCRAM: thousands of rounds of HMAC, made in slices, so that nobody waits for all of them.

use super::digest::{Hash, MOST, Mac};
use crate::octets::wipe;

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
pub struct Rounds {
    hash: Hash,
    /// With the password as its key.
    keyed: Mac,
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
    pub fn begin(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Self {
        let keyed = Mac::new(hash, password);
        let mut mac = keyed.clone();
        mac.add(salt);
        // The number of the block.
        mac.add(&1u32.to_be_bytes());
        let last = mac.finish();
        Self {
            hash,
            keyed,
            last,
            sum: last,
            left: rounds.saturating_sub(1),
        }
    }

    /// Makes so many of them at most; the keys, where these were the last ones.
    pub fn go_on(&mut self, most: u32) -> Option<Keys> {
        let length = self.hash.length();
        for _ in 0..most.min(self.left) {
            let mut mac = self.keyed.clone();
            mac.add(self.last.get(..length)?);
            self.last = mac.finish();
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

/// The HMAC of the parts.
pub fn mac(hash: Hash, key: &[u8], parts: Parts<'_>) -> [u8; MOST] {
    let mut mac = Mac::new(hash, key);
    parts(&mut |part| mac.add(part));
    mac.finish()
}

/// Whether this is the HMAC of the parts. It takes a time that says nothing of where they differ.
pub fn is_signed(hash: Hash, key: &[u8], parts: Parts<'_>, signature: &[u8]) -> bool {
    let mut sum = mac(hash, key, parts);
    let mut differ = 0;
    for (one, other) in sum.iter().zip(signature) {
        differ = core::hint::black_box(differ | one ^ other);
    }
    wipe(&mut sum);
    signature.len() == hash.length() && differ == 0
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
