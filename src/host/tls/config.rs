//! A configuration of TLS that was read. Equal ones share it: the anchors of a system's trust store are some 90 KB.

use std::sync::{Arc, Weak};
use std::vec::Vec;

use rustls::ClientConfig;

/// What tells equal configurations by: a SHA-256.
pub type Digest = [u8; 32];

/// A configuration.
pub struct Config {
    pub(super) client: Arc<ClientConfig>,
    /// We have a certificate to show.
    pub(super) shows_certificate: bool,
}

impl Config {
    pub(super) fn new(client: ClientConfig, shows_certificate: bool) -> Self {
        Self {
            client: Arc::new(client),
            shows_certificate,
        }
    }
}

/// The configurations that clients have. A part of what the shared lock protects.
pub struct Configs {
    all: Vec<(Digest, Weak<Config>)>,
}

impl Configs {
    /// None.
    pub const NONE: Self = Self { all: Vec::new() };

    /// The one with this digest, while somebody has it.
    pub fn get(&self, digest: &Digest) -> Option<Arc<Config>> {
        let mut all = self.all.iter();
        all.find_map(|(known, config)| config.upgrade().filter(|_| known == digest))
    }

    /// Takes a new one, or gives the equal one that another thread has read meanwhile. Without memory to note it, it is not shared.
    pub fn share(&mut self, digest: Digest, config: Arc<Config>) -> Arc<Config> {
        if let Some(known) = self.get(&digest) {
            return known;
        }
        self.all.retain(|(_, config)| config.strong_count() > 0);
        if self.all.try_reserve(1).is_ok() {
            self.all.push((digest, Arc::downgrade(&config)));
        }
        config
    }
}
