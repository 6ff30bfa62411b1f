//! The handshake, and a channel over a channel.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::config::Config;
use super::why::{self, Standing};
use crate::channel::{Channel, Moved};
use crate::code::Reason;

/// What a server may say until the handshake is done: a chain of a hundred certificates, and more than anybody has.
const HANDSHAKE_BYTES: usize = 256 * 1024;

/// What is kept of a server's first octets, to say what speaks there.
const FIRST: usize = 5;

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is done.
    Done,
    /// It waits for the server, or for room to send.
    Waits,
    /// It has failed.
    Failed(Reason),
}

/// Whom TLS is spoken with.
pub struct Peer {
    config: Arc<Config>,
    name: ServerName<'static>,
    implicit: bool,
}

impl Peer {
    /// A server with this name, or this address as a text; None where it is neither, or without memory. `implicit`: TLS begins with
    /// the connection.
    pub fn new(config: &Arc<Config>, host: &[u8], implicit: bool) -> Option<Self> {
        let host = core::str::from_utf8(host).ok()?;
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host)).ok()?;
        Some(Self {
            config: Arc::clone(config),
            name: name.to_owned(),
            implicit,
        })
    }

    /// A server with this address.
    pub fn of_address(config: &Arc<Config>, address: IpAddr, implicit: bool) -> Self {
        Self {
            config: Arc::clone(config),
            name: ServerName::IpAddress(address.into()),
            implicit,
        }
    }

    /// Whether TLS begins with the connection.
    pub fn is_implicit(&self) -> bool {
        self.implicit
    }
}

/// A TLS connection, without what carries it.
pub struct Tls {
    connection: ClientConnection,
    config: Arc<Config>,
    first: [u8; FIRST],
    /// Octets that the server has said in the handshake.
    heard: usize,
}

impl Tls {
    /// A connection that has not begun.
    pub fn new(peer: &Peer) -> Result<Self, Reason> {
        let Peer { config, name, .. } = peer;
        let connection = ClientConnection::new(Arc::clone(&config.client), name.clone());
        let connection = connection.map_err(|_| Reason::TlsFailed)?;
        Ok(Self {
            connection,
            config: Arc::clone(config),
            first: [0; FIRST],
            heard: 0,
        })
    }

    /// The version of the protocol, as its records have it; 0 before it is known.
    pub fn version(&self) -> u16 {
        self.connection.protocol_version().map_or(0, u16::from)
    }

    /// Goes on with the handshake as far as that is possible now.
    pub fn shake_hands(&mut self, below: &mut impl Channel) -> Progress {
        loop {
            let sent = self.flush(below);
            if let Err(Stopped::Ended(_)) = sent {
                // The server may have said why, before it closed.
                return match self.hear(below) {
                    Ok(()) => continue,
                    Err(Stopped::Ended(reason)) => Progress::Failed(reason),
                    Err(Stopped::Full) => Progress::Failed(Reason::TlsLost),
                };
            }
            if !self.connection.is_handshaking() && !self.connection.wants_write() {
                return Progress::Done;
            }
            match self.hear(below) {
                Ok(()) => {}
                Err(Stopped::Full) => return Progress::Waits,
                Err(Stopped::Ended(reason)) => return Progress::Failed(reason),
            }
        }
    }

    /// Says that nothing more is said, if there is room for it.
    pub fn say_good_bye(&mut self, below: &mut impl Channel) {
        self.connection.send_close_notify();
        let _ = self.flush(below);
    }

    /// Sends what is to be sent.
    fn flush(&mut self, below: &mut impl Channel) -> Result<(), Stopped> {
        while self.connection.wants_write() {
            let mut below = Below { below, ended: None };
            if self.connection.write_tls(&mut below).is_err() {
                return Err(below.stopped());
            }
        }
        Ok(())
    }

    /// Takes what has arrived, once.
    fn hear(&mut self, below: &mut impl Channel) -> Result<(), Stopped> {
        let established = !self.connection.is_handshaking();
        let mut heard = Heard {
            below: Below { below, ended: None },
            first: &mut self.first,
            before: self.heard,
        };
        match self.connection.read_tls(&mut heard) {
            Ok(0) => {
                let ended = if established { Reason::Lost } else { Reason::TlsLost };
                return Err(Stopped::Ended(ended));
            }
            Ok(length) => self.heard = self.heard.saturating_add(length),
            Err(_) => return Err(heard.below.stopped()),
        }
        let standing = Standing {
            established,
            shows_certificate: self.config.shows_certificate,
            first: self.first.get(..self.heard.min(FIRST)).unwrap_or(&[]),
        };
        match self.connection.process_new_packets() {
            Err(error) => {
                let reason = why::reason(&error, standing);
                // The server is told why. Whether it hears it is its own affair.
                let _ = self.flush(below);
                Err(Stopped::Ended(reason))
            }
            Ok(_) if !established && self.heard > HANDSHAKE_BYTES => Err(Stopped::Ended(Reason::TlsEndless)),
            Ok(_) => Ok(()),
        }
    }
}

/// Why nothing more is moved.
enum Stopped {
    /// Nothing can be moved now.
    Full,
    /// The channel has ended.
    Ended(Reason),
}

/// What carries the records, as rustls wants it.
struct Below<'c, C> {
    below: &'c mut C,
    ended: Option<Reason>,
}

impl<C: Channel> Below<'_, C> {
    fn stopped(&self) -> Stopped {
        self.ended.map_or(Stopped::Full, Stopped::Ended)
    }

    fn moved(&mut self, moved: Moved) -> io::Result<usize> {
        self.ended = moved.ended;
        match moved {
            Moved { ended: Some(_), .. } => Err(io::ErrorKind::ConnectionAborted.into()),
            Moved { octets: 0, .. } => Err(io::ErrorKind::WouldBlock.into()),
            Moved { octets, .. } => Ok(octets),
        }
    }
}

impl<C: Channel> Write for Below<'_, C> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let moved = self.below.send(octets);
        self.moved(moved)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same for reading: keeps the first octets.
struct Heard<'c, C> {
    below: Below<'c, C>,
    first: &'c mut [u8; FIRST],
    before: usize,
}

impl<C: Channel> Read for Heard<'_, C> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let moved = self.below.below.receive(octets);
        let length = self.below.moved(moved)?;
        let missing = self.first.iter_mut().skip(self.before);
        for (kept, octet) in missing.zip(octets.iter().take(length)) {
            *kept = *octet;
        }
        Ok(length)
    }
}

/// A channel whose octets TLS protects, over another one, for a turn. The handshake is done.
pub struct Over<'t, C> {
    tls: &'t mut Tls,
    below: C,
}

impl<'t, C: Channel> Over<'t, C> {
    /// TLS over a channel.
    pub fn new(tls: &'t mut Tls, below: C) -> Self {
        Self { tls, below }
    }
}

impl<C: Channel> Channel for Over<'_, C> {
    fn send(&mut self, octets: &[u8]) -> Moved {
        match self.tls.flush(&mut self.below) {
            Ok(()) => {}
            Err(Stopped::Full) => return Moved::NOTHING,
            Err(Stopped::Ended(reason)) => return Moved::ended(reason),
        }
        let Ok(taken) = self.tls.connection.writer().write(octets) else {
            return Moved::ended(Reason::Lost);
        };
        // What was taken may leave from now on, whatever became of the rest.
        match self.tls.flush(&mut self.below) {
            Err(Stopped::Ended(reason)) => Moved {
                octets: taken,
                ended: Some(reason),
            },
            _ => Moved::octets(taken),
        }
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        // What the channel below had no room for before. If it has ended, the server may have said why.
        let _ = self.tls.flush(&mut self.below);
        loop {
            match self.tls.connection.reader().read(octets) {
                Ok(length @ 1..) => return Moved::octets(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The server has said that it closes, or has closed without a word.
                Ok(0) | Err(_) => return Moved::ended(Reason::Lost),
            }
            match self.tls.hear(&mut self.below) {
                Ok(()) => {}
                Err(Stopped::Full) => return Moved::NOTHING,
                // What came before the end is told first.
                Err(Stopped::Ended(reason)) => {
                    return match self.tls.connection.reader().read(octets) {
                        Ok(length @ 1..) => Moved::octets(length),
                        _ => Moved::ended(reason),
                    };
                }
            }
        }
    }
}
