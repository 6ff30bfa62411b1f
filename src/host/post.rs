//! A copy of a mail, from the call that sends it until the verdict.

use core::ops::Range;
use std::boxed::Box;

use super::memory::{joined, wipe};
use crate::client::report::Nonce;
use crate::session::{Mail, Text};

/// The mail: recipients, subject and text in one piece of memory, wiped when it ends.
pub struct Post {
    texts: Box<[u8]>,
    subject_at: usize,
    text_at: usize,
    /// Seconds since 1970; 0 without a clock.
    pub date: u32,
    /// What the Message-ID is made of.
    pub nonce: Nonce,
}

impl Post {
    /// A copy, unless there is no memory for it.
    pub fn new(recipients: &[u8], subject: &[u8], text: &[u8]) -> Option<Self> {
        let subject_at = recipients.len();
        Some(Self {
            texts: joined(&[recipients, subject, text])?,
            subject_at,
            text_at: subject_at.checked_add(subject.len())?,
            date: 0,
            nonce: [0; 4],
        })
    }

    /// The mail for a session.
    pub fn mail(&self) -> Mail<'_> {
        let part = |range: Range<usize>| self.texts.get(range).unwrap_or(&[]);
        Mail {
            date: self.date,
            nonce: Some(self.nonce),
            ..Mail::new(
                part(0..self.subject_at),
                part(self.subject_at..self.text_at),
                Text::whole(part(self.text_at..self.texts.len())),
            )
        }
    }
}

impl Drop for Post {
    /// The text is wiped as fast as memory allows; credentials, which are not in here, are wiped octet by octet.
    fn drop(&mut self) {
        wipe(&mut self.texts);
    }
}
