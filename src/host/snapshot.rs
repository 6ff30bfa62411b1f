//! A copy of a checked configuration. A mail keeps the one it began with.

use std::boxed::Box;
use std::net::SocketAddr;

use zeroize::Zeroize;

use super::memory::joined;
use crate::client::settings::Checked;
use crate::limits::{LIMITS, Limit, Timeouts};
use crate::session::Settings;
use crate::session::job::{Phrase, TEXTS};
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

/// The configuration: all its texts in one piece of memory, wiped when it ends.
pub struct Snapshot {
    texts: Box<[u8]>,
    lengths: [usize; TEXTS],
    mechanisms: Capabilities,
    limits: [u32; LIMITS],
    pipelining: bool,
    phrase: Option<Phrase>,
    /// Where the server listens.
    pub server: SocketAddr,
}

impl Snapshot {
    /// A copy, unless there is no memory for it.
    pub fn new(checked: &Checked<'_>) -> Option<Self> {
        let settings = &checked.settings;
        Some(Self {
            texts: joined(&settings.texts)?,
            lengths: settings.texts.map(<[u8]>::len),
            mechanisms: settings.mechanisms,
            limits: settings.limits,
            pipelining: settings.pipelining,
            phrase: settings.phrase,
            server: SocketAddr::new(
                Option::from(settings.server)?,
                u16::try_from(settings.server.port).unwrap_or(0),
            ),
        })
    }

    /// Another copy, for a mail; unless there is no memory for it.
    pub fn copy(&self) -> Option<Self> {
        Some(Self {
            texts: joined(&[&self.texts])?,
            lengths: self.lengths,
            mechanisms: self.mechanisms,
            limits: self.limits,
            pipelining: self.pipelining,
            phrase: self.phrase,
            server: self.server,
        })
    }

    /// How long the greeting is waited for.
    pub fn greeting(&self) -> u32 {
        match self.limits.get(Limit::Greeting as usize) {
            Some(0) | None => Timeouts::RFC_5321.greeting,
            Some(greeting) => *greeting,
        }
    }

    /// The settings for a session.
    pub fn settings(&self) -> Settings<'_> {
        let mut rest = &*self.texts;
        let texts = self.lengths.map(|length| {
            let (text, behind) = rest.split_at_checked(length).unwrap_or_default();
            rest = behind;
            text
        });
        Settings {
            // The connection is made by who has this snapshot.
            server: Address::NONE,
            texts,
            mechanisms: self.mechanisms,
            pipelining: self.pipelining,
            phrase: self.phrase,
            limits: self.limits,
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.texts.zeroize();
    }
}
