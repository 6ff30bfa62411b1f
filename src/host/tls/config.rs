//! A configuration of TLS that was read. Equal ones share it: the anchors of a system's trust store are some 90 KB.

use std::sync::{Arc, Weak};
use std::vec::Vec;

use rustls::ClientConfig;

use super::super::sys;

/// What tells equal configurations by: a SHA-256.
pub type Digest = [u8; 32];

/// A configuration.
pub struct Config {
    /// It is there until this is dropped.
    pub(super) client: Option<Arc<ClientConfig>>,
    /// We have a certificate to show.
    pub(super) shows_certificate: bool,
}

impl Config {
    pub(super) fn new(client: ClientConfig, shows_certificate: bool) -> Self {
        Self {
            client: Some(Arc::new(client)),
            shows_certificate,
        }
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // There may be a private key in it.
        sys::guarded(|| self.client = None);
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
        let mut equal = self.all.iter().filter(|(known, _)| known == digest);
        equal.find_map(|(_, config)| config.upgrade())
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
