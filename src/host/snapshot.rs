//! A copy of a checked configuration. A mail keeps the one it began with.

use core::ops::Range;
use std::boxed::Box;
use std::net::SocketAddr;
use std::vec::Vec;

use zeroize::Zeroize;

use crate::auth::{Allowed, Credentials};
use crate::client::settings::Checked;
use crate::limits::Timeouts;
use crate::session::{Login, Settings};

/// The configuration: all its texts in one piece of memory, wiped when it ends.
pub struct Snapshot {
    texts: Box<[u8]>,
    username: Range<usize>,
    password: Range<usize>,
    sender: Range<usize>,
    sender_name: Range<usize>,
    ehlo_name: Range<usize>,
    charset: Range<usize>,
    allowed: Option<Allowed>,
    timeouts: Timeouts,
    pipelining: bool,
    /// Where the server listens.
    pub server: SocketAddr,
}

impl Snapshot {
    /// A copy, unless there is no memory for it.
    pub fn new(checked: &Checked<'_>) -> Option<Self> {
        let settings = &checked.settings;
        let (username, password) = settings.login.map_or((&[][..], &[][..]), |login| {
            (login.credentials.username, login.credentials.password)
        });
        let ehlo_name = settings.ehlo_name.unwrap_or(&[]);
        let parts = [
            username,
            password,
            settings.sender,
            settings.sender_name,
            ehlo_name,
            settings.charset,
        ];
        let length = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        let mut texts = Vec::new();
        // In one piece from the start: a vector that grew would leave copies behind.
        texts.try_reserve_exact(length).ok()?;
        let mut ranges = parts.iter().map(|part| {
            let start = texts.len();
            texts.extend_from_slice(part);
            start..texts.len()
        });
        let mut next = || ranges.next().unwrap_or(0..0);
        let [username, password, sender, sender_name, ehlo_name, charset] =
            [next(), next(), next(), next(), next(), next()];
        Some(Self {
            username,
            password,
            sender,
            sender_name,
            ehlo_name,
            charset,
            allowed: settings.login.map(|login| login.allowed),
            timeouts: settings.timeouts,
            pipelining: settings.pipelining,
            server: SocketAddr::new(checked.server, checked.port),
            texts: texts.into_boxed_slice(),
        })
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.texts.get(range.clone()).unwrap_or(&[])
    }

    /// The time limits.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// The settings for a session.
    pub fn settings(&self) -> Settings<'_> {
        Settings {
            login: self.allowed.map(|allowed| Login {
                allowed,
                credentials: Credentials {
                    username: self.text(&self.username),
                    password: self.text(&self.password),
                },
            }),
            sender: self.text(&self.sender),
            sender_name: self.text(&self.sender_name),
            ehlo_name: Some(self.text(&self.ehlo_name)).filter(|name| !name.is_empty()),
            charset: self.text(&self.charset),
            timeouts: self.timeouts,
            pipelining: self.pipelining,
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.texts.zeroize();
    }
}
