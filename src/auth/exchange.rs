//! What a mechanism with challenges remembers from step to step, in memory that its owner lends.

use super::derivation::{Keys, Rounds};
use crate::base64;
use crate::buffer::Window;
use crate::limits::{REPLY_TEXT_BYTES, SASL_MESSAGE_BYTES};
use crate::octets::{printable, trimmed, wipe};

/// Random octets of a nonce.
pub const NONCE_BYTES: usize = 18;

/// The digits of a nonce: its octets in base64, which is what SCRAM allows in one.
pub const NONCE_DIGITS: usize = NONCE_BYTES / 3 * 4;

/// How much is kept of what a server says of a login that it refuses. What was cut off fills a reply's text then, and that is how
/// a secret is found of which only the beginning is there ([`super::redaction`]).
const TOLD_BYTES: usize = REPLY_TEXT_BYTES;

/// Whole groups of digits, of no less than that.
const TOLD_DIGITS: usize = TOLD_BYTES.div_ceil(3) * 4;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The server has said nothing that was read.
    Begun,
    /// The keys are being derived.
    Derives,
    /// The proof is there to be said.
    Proves,
    /// The server has proved that it knows the keys, too.
    Proved,
    /// The server has said why it will refuse.
    Refused,
}

/// Of one login.
pub struct Exchange {
    /// How far it has come.
    pub stage: Stage,
    /// Our nonce, in base64.
    pub(super) nonce: [u8; NONCE_DIGITS],
    message: [u8; SASL_MESSAGE_BYTES],
    length: usize,
    /// CRAM-MD5: our answer.
    pub(super) digest: [u8; 16],
    /// SCRAM: the rounds that are left,
    pub(super) rounds: Option<Rounds>,
    /// and what they come to.
    pub(super) keys: Option<Keys>,
    told: [u8; TOLD_BYTES],
    told_length: usize,
}

impl Exchange {
    /// One that has not begun, with these random octets.
    pub fn new(random: &[u8; NONCE_BYTES]) -> Self {
        let mut nonce = [0; NONCE_DIGITS];
        let mut out = Window::new(&mut nonce, 0);
        base64::put(random, &mut out);
        base64::end(&mut out);
        Self {
            stage: Stage::Begun,
            nonce,
            message: [0; SASL_MESSAGE_BYTES],
            length: 0,
            digest: [0; 16],
            rounds: None,
            keys: None,
            told: [0; TOLD_BYTES],
            told_length: 0,
        }
    }

    /// The server's message that is kept.
    pub(super) fn message(&self) -> &[u8] {
        self.message.get(..self.length).unwrap_or(&[])
    }

    /// Keeps the server's message, base64 taken off; false where it is none, or too long.
    pub(super) fn keep(&mut self, challenge: &[u8]) -> bool {
        let length = base64::decode(trimmed(challenge), &mut self.message);
        self.length = length.unwrap_or(0);
        length.is_some()
    }

    /// Keeps what the server says of its refusal, as text: the beginning of it, as it is where it is not base64.
    pub(super) fn keep_refusal(&mut self, challenge: &[u8]) {
        self.stage = Stage::Refused;
        let challenge = trimmed(challenge);
        let mut words = [0; TOLD_DIGITS / 4 * 3];
        let digits = challenge.get(..TOLD_DIGITS).unwrap_or(challenge);
        match base64::decode(digits, &mut words) {
            Some(length) => self.tell(words.get(..length).unwrap_or(&[])),
            None => self.tell(challenge),
        }
        wipe(&mut words);
    }

    /// Keeps words of the server.
    pub(super) fn tell(&mut self, words: &[u8]) {
        self.told_length = 0;
        for (kept, octet) in self.told.iter_mut().zip(words) {
            // JSON in several lines is one line here.
            *kept = match octet {
                b'\r' | b'\n' => b' ',
                octet => printable(*octet),
            };
            self.told_length = self.told_length.wrapping_add(1);
        }
    }

    /// What the server has said of its refusal: printable ASCII; all that there is room for, where it was cut off.
    pub fn told(&self) -> &[u8] {
        let told = self.told.get(..self.told_length).unwrap_or(&[]);
        if told.len() < TOLD_BYTES { trimmed(told) } else { told }
    }

    /// Whether there are rounds left.
    pub fn derives(&self) -> bool {
        self.stage == Stage::Derives
    }

    /// Goes on with the derivation, so many rounds at most; whether it is done.
    pub fn derive(&mut self, most: u32) -> bool {
        let Some(rounds) = &mut self.rounds else { return true };
        if let Some(keys) = rounds.go_on(most) {
            self.take(keys);
        }
        !self.derives()
    }

    /// Takes keys that were derived before.
    pub fn take(&mut self, keys: Keys) {
        self.keys = Some(keys);
        self.rounds = None;
        self.stage = Stage::Proves;
    }

    /// The keys, for the next login.
    pub fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        wipe(&mut self.message);
        wipe(&mut self.digest);
        wipe(&mut self.told);
    }
}
