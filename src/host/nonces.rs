//! What Message-IDs are made of.

use super::sys;
use crate::client::report::Nonce;

/// Numbers for Message-IDs. Each differs from all before it in this process and, except with a probability of 2^-64, from those
/// of all other processes. They are not secret.
pub struct Nonces {
    counter: u64,
    process: u64,
}

impl Nonces {
    /// The numbers of a new engine.
    pub fn new() -> Self {
        let number = || {
            let mut octets = [0u8; 8];
            if !sys::random(&mut octets) {
                // Soon after a device has started: the time and the process's number have to do.
                let time = sys::calendar().unwrap_or(0);
                return mixed(time ^ (u64::from(std::process::id()) << 32));
            }
            u64::from_ne_bytes(octets)
        };
        Self {
            counter: number(),
            process: number(),
        }
    }

    /// The next one.
    pub fn next(&mut self) -> Nonce {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let [high, low] = [self.counter, self.process ^ self.counter].map(mixed);
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (high.to_be_bytes(), low.to_be_bytes());
        [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_be_bytes)
    }
}

/// A permutation of the 64-bit numbers in which each bit depends on all (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
