//! A client of its own for a test, and a server's usual words.

// Each test program uses a part of it.
#![allow(dead_code)]

use sds_smtp::client::settings::Draft;
use sds_smtp::code::Code;
use sds_smtp::host::{Client, Wait};

use super::peer::{Peer, Server};

/// Longer than any test's mail takes.
pub const LIMIT: Wait = Wait::Milliseconds(20_000);

/// A configuration for a test's server.
pub fn draft(server: &Server) -> Draft<'static> {
    Draft {
        server: Some(if server.address.is_ipv6() { b"::1" } else { b"127.0.0.1" }),
        port: u32::from(server.address.port()),
        sender: Some(b"sds@example.test"),
        ..Draft::default()
    }
}

/// A client of its own, freed at the end.
pub struct Device(pub Client);

impl Device {
    /// Made and configured.
    pub fn new(draft: &Draft<'_>) -> Self {
        let client = Client::new().expect("a client");
        client.configure(draft).expect("a configuration");
        Self(client)
    }

    /// Starts a mail.
    pub fn send(&self, text: &str) -> Result<(), Code> {
        self.0.send(Some(b"someone@example.test"), b"alarm", text.as_bytes())
    }

    /// Sends and waits for the end.
    pub fn deliver(&self, text: &str) -> u8 {
        self.send(text).expect("started");
        self.0.wait(LIMIT).expect("a living client")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.0.free();
    }
}

/// Answers everything as a server does that takes every mail; returns the mail.
pub fn accept(peer: &mut Peer) -> Vec<u8> {
    peer.greet();
    peer.envelope();
    let mail = peer.data();
    peer.say("250 2.0.0 queued");
    peer.bye();
    mail
}
