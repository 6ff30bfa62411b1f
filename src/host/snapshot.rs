//! A copy of a checked configuration, which its client and its mails share. A mail keeps the one it began with.

use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;
use std::net::{IpAddr, SocketAddr};

use super::memory::{Boxed, Counted, joined};
use super::security::Protection;
use super::servers::{Servers, Target};
use crate::channel::callbacks::Trace;
use crate::client::settings::Checked;
use crate::limits::{LIMITS, Limit, Timeouts};
use crate::octets::wipe;
use crate::session::Settings;
use crate::session::job::{Field, Login, Phrase, Security, TEXTS};
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

/// What few configurations have.
pub struct Extras {
    /// All servers.
    pub servers: Servers,
    /// Our own address.
    pub source: Option<IpAddr>,
    /// Is told the lines of the conversation.
    pub trace: Option<Trace>,
    /// Whether the last conversation is kept.
    pub keep_dialogue: bool,
    /// How often a mail is attempted again.
    pub retry_max: u32,
    /// The wait before the first time, in milliseconds; 0 is the default.
    pub retry_delay: u32,
    /// Where TLS protects the mails.
    pub protection: Option<Boxed<Protection>>,
    /// User name and password as SCRAM has them, where they differ from those that are configured.
    pub prepared: Option<Prepared>,
}

/// User name and password, prepared (RFC 4013); wiped when they end.
pub struct Prepared {
    texts: Box<[u8]>,
    username: usize,
}

impl Prepared {
    /// Of these texts; None without memory.
    pub fn new(username: &[u8], password: &[u8]) -> Option<Self> {
        Some(Self {
            texts: joined(&[username, password])?,
            username: username.len(),
        })
    }

    fn texts(&self) -> [&[u8]; 2] {
        let (username, password) = self.texts.split_at_checked(self.username).unwrap_or_default();
        [username, password]
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        wipe(&mut self.texts);
    }
}

/// The number of the next configuration.
static NUMBERS: AtomicU32 = AtomicU32::new(0);

/// A configuration, for one of those that hold it.
pub struct Snapshot {
    configuration: Counted<Configuration>,
    /// Which configuration of this process it is: those that share it have the same number.
    pub number: u32,
}

/// The configuration: all its texts in one piece of memory, wiped when the last ends that holds it.
pub struct Configuration {
    texts: Box<[u8]>,
    lengths: [usize; TEXTS],
    mechanisms: Capabilities,
    limits: [u32; LIMITS],
    pipelining: bool,
    chunking: bool,
    phrase: Option<Phrase>,
    /// PLAIN and LOGIN need a verified server.
    guarded: bool,
    /// The devices' own function made it: results have the devices' codes only.
    pub device: bool,
    /// How long the connection is kept for the next mail, in milliseconds; 0: it is not.
    pub keep_alive: u32,
    /// Where the server listens, where there is one server, with an address.
    pub server: Option<SocketAddr>,
    /// What few configurations have.
    pub extras: Option<Boxed<Extras>>,
}

impl Snapshot {
    /// A copy, unless there is no memory for it. `device`: the devices' own function made it. `keep_alive`: how long the connection
    /// is kept.
    pub fn new(
        checked: &Checked<'_>,
        server: Option<SocketAddr>,
        extras: Option<Boxed<Extras>>,
        device: bool,
        keep_alive: u32,
    ) -> Option<Self> {
        let settings = &checked.settings;
        let configuration = Counted::new(Configuration {
            texts: joined(&settings.texts)?,
            lengths: settings.texts.map(<[u8]>::len),
            mechanisms: settings.mechanisms,
            limits: settings.limits,
            pipelining: settings.pipelining,
            chunking: settings.chunking,
            phrase: settings.phrase,
            guarded: settings.login.guarded,
            device,
            keep_alive,
            server,
            extras,
        })?;
        Some(Self {
            configuration,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// The same, for a mail.
    pub fn share(&self) -> Self {
        Self {
            configuration: self.configuration.share(),
            number: self.number,
        }
    }

    /// From now on it is another one: no connection and no key of it is used.
    pub fn renumber(&mut self) {
        self.number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    }
}

impl Deref for Snapshot {
    type Target = Configuration;

    fn deref(&self) -> &Configuration {
        &self.configuration
    }
}

impl Configuration {
    /// How long something may take, in milliseconds.
    pub fn limit(&self, limit: Limit) -> u32 {
        match self.limits.get(limit as usize) {
            Some(0) | None => Timeouts::RFC_5321.in_order().get(limit as usize).copied().unwrap_or(0),
            Some(given) => *given,
        }
    }

    /// One of its texts.
    pub fn text(&self, field: Field) -> &[u8] {
        let before = self.lengths.iter().take(field as usize).sum::<usize>();
        let length = self.lengths.get(field as usize).copied().unwrap_or(0);
        let text = self.texts.get(before..).and_then(|rest| rest.get(..length));
        text.unwrap_or(&[])
    }

    /// A server of the list.
    pub fn server_at(&self, number: usize) -> Option<Target<'_>> {
        self.extras.as_ref()?.servers.get(number)
    }

    /// Where TLS protects its mails.
    pub fn protection(&self) -> Option<&Protection> {
        self.extras.as_ref()?.protection.as_deref()
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
            chunking: self.chunking,
            security: self
                .protection()
                .map_or(Security::None, |protection| protection.mode.of_session()),
            device: self.device,
            phrase: self.phrase,
            limits: self.limits,
            login: Login {
                guarded: self.guarded,
                verified: self.protection().is_some_and(Protection::verifies),
                prepared: self
                    .extras
                    .as_ref()
                    .and_then(|extras| extras.prepared.as_ref())
                    .map(Prepared::texts),
                host: &[],
            },
        }
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        wipe(&mut self.texts);
    }
}
