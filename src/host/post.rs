//! A copy of a mail, from the call that sends it until the verdict.

use core::ops::Range;
use std::boxed::Box;

use super::memory::{joined, wipe};
use crate::client::report::Nonce;
use crate::limits::Count;
use crate::session::{Date, Mail, Settings, Text};

/// The mail: recipients, subject and text in one piece of memory, wiped when it ends.
pub struct Post {
    texts: Box<[u8]>,
    /// The header block, composed once; empty where it is composed when it is sent.
    header: Box<[u8]>,
    /// How many recipients there are.
    pub recipients: Count,
    subject_at: usize,
    text_at: usize,
    /// Seconds since 1970; 0 without a clock.
    pub date: u32,
    /// What the Message-ID is made of.
    pub nonce: Nonce,
}

impl Post {
    /// A copy, unless there is no memory for it.
    pub fn new(recipients: &[u8], count: Count, subject: &[u8], text: &[u8]) -> Option<Self> {
        let subject_at = recipients.len();
        Some(Self {
            texts: joined(&[recipients, subject, text])?,
            header: Box::default(),
            recipients: count,
            subject_at,
            text_at: subject_at.checked_add(subject.len())?,
            date: 0,
            nonce: [0; 4],
        })
    }

    /// The mail for a session.
    // Saves 600 instructions a mail.
    #[inline(always)]
    pub fn mail(&self) -> Mail<'_> {
        let part = |range: Range<usize>| self.texts.get(range).unwrap_or(&[]);
        Mail {
            date: Date::at(self.date),
            nonce: Some(self.nonce),
            composed: (!self.header.is_empty()).then_some(&*self.header),
            count: self.recipients,
            ..Mail::new(
                part(0..self.subject_at),
                part(self.subject_at..self.text_at),
                Text::whole(part(self.text_at..self.texts.len())),
            )
        }
    }
}

impl Post {
    /// Composes the header block, for all that follows, in a buffer; a larger one, or one without memory, is composed when it is
    /// sent.
    pub fn compose(&mut self, settings: &Settings<'_>, buffer: &mut [u8]) {
        let length = self.mail().compose(settings, buffer);
        let block = buffer.get_mut(..length).unwrap_or(&mut []);
        if let Some(header) = joined(&[block]) {
            self.header = header;
        }
        wipe(block);
    }
}

impl Drop for Post {
    /// The text is wiped as fast as memory allows; credentials, which are not in here, are wiped octet by octet.
    fn drop(&mut self) {
        wipe(&mut self.texts);
        wipe(&mut self.header);
    }
}
