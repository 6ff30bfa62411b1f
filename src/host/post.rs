//! A copy of a mail, from the call that sends it until the verdict.

use core::ops::Range;
use std::boxed::Box;

use super::memory::{Boxed, joined, wipe};
use super::parts::{Fed, Parts};
use super::reading::Work;
use super::registry::Slot;
use crate::client::report::Nonce;
use crate::code::Reason;
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
    /// What it has that is no plain text of its own.
    pub parts: Option<Boxed<Parts>>,
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
            parts: None,
        })
    }

    /// The same with more than its plain text; unless there is no memory for it.
    pub fn with(mut self, mut parts: Parts, slot: &'static Slot) -> Option<Self> {
        parts.prepare(self.text(), slot)?;
        self.parts = Some(Boxed::new(parts)?);
        Some(self)
    }

    /// The mail for a session.
    // Saves 600 instructions a mail.
    #[inline(always)]
    pub fn mail(&self) -> Mail<'_> {
        let part = |range: Range<usize>| self.texts.get(range).unwrap_or(&[]);
        let mail = Mail {
            date: Date::at(self.date),
            nonce: Some(self.nonce),
            composed: (!self.header.is_empty()).then_some(&*self.header),
            count: self.recipients,
            ..Mail::new(
                part(0..self.subject_at),
                part(self.subject_at..self.text_at),
                Text::whole(part(self.text_at..self.texts.len())),
            )
        };
        match &self.parts {
            None => mail,
            Some(parts) => parts.amended(mail),
        }
    }

    fn text(&self) -> &[u8] {
        self.texts.get(self.text_at..).unwrap_or(&[])
    }

    /// Whether its body is worth a larger buffer.
    pub fn is_large(&self) -> bool {
        match &self.parts {
            None => self.text().len() >= LARGE,
            Some(parts) => parts.is_fed() || parts.length(self.text()) >= LARGE,
        }
    }

    /// What its parts have, and the text of the mail.
    fn both(&mut self) -> Option<(&mut Parts, &[u8])> {
        let text = self.texts.get(self.text_at..).unwrap_or(&[]);
        self.parts.as_mut().map(|parts| (&mut **parts, text))
    }

    /// Makes the next piece of a body that comes in pieces.
    pub fn feed(&mut self, wanted: usize, eight_bit_mime: bool) -> Fed {
        match self.both() {
            Some((parts, text)) => parts.feed(text, wanted, eight_bit_mime),
            None => Fed::Failed(Reason::Defect),
        }
    }

    /// Takes what a thread has done; true where the mail can begin now.
    pub fn take(&mut self, work: Boxed<Work>) -> Result<bool, Reason> {
        match self.both() {
            Some((parts, text)) => parts.take(text, work),
            None => Ok(false),
        }
    }
}

/// From this length on a text is sent with a larger buffer.
const LARGE: usize = 32 * 1024;

impl Post {
    /// Composes the header block, for all that follows, in a buffer; a larger one, or one without memory, is composed when it is
    /// sent. None without memory for the heads of its parts.
    pub fn compose(&mut self, settings: &Settings<'_>, buffer: &mut [u8]) -> Option<()> {
        if let Some((parts, text)) = self.both() {
            parts.compose(text, settings.charset())?;
            if parts.is_raw() {
                return Some(());
            }
        }
        let length = self.mail().compose(settings, buffer);
        let block = buffer.get_mut(..length).unwrap_or(&mut []);
        if let Some(header) = joined(&[block]) {
            self.header = header;
        }
        wipe(block);
        Some(())
    }
}

impl Drop for Post {
    /// The text is wiped as fast as memory allows; credentials, which are not in here, are wiped octet by octet.
    fn drop(&mut self) {
        wipe(&mut self.texts);
        wipe(&mut self.header);
    }
}
