//! A copy of a checked configuration. A mail keeps the one it began with.

use core::ops::Range;
use std::boxed::Box;
use std::net::SocketAddr;

use zeroize::Zeroize;

use super::memory::joined;
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
        let texts = joined(&parts)?;
        let mut end = 0usize;
        let [username, password, sender, sender_name, ehlo_name, charset] = parts.map(|part| {
            let start = end;
            end = end.saturating_add(part.len());
            start..end
        });
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
            texts,
        })
    }

    /// Another copy, for a mail; unless there is no memory for it.
    pub fn copy(&self) -> Option<Self> {
        Some(Self {
            texts: joined(&[&self.texts])?,
            username: self.username.clone(),
            password: self.password.clone(),
            sender: self.sender.clone(),
            sender_name: self.sender_name.clone(),
            ehlo_name: self.ehlo_name.clone(),
            charset: self.charset.clone(),
            allowed: self.allowed,
            timeouts: self.timeouts,
            pipelining: self.pipelining,
            server: self.server,
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
