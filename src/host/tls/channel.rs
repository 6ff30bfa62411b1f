//! The handshake, and a channel over a channel.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::super::memory::{Boxed, wipe_stack};
use super::super::sys;
use super::config::Config;
use super::why::{self, Standing};
use crate::channel::{Channel, Moved};
use crate::code::Reason;

/// What a server may say without a word to the session, until the handshake is done and behind it: a chain of a hundred certificates,
/// and more than anybody has; or a thousand session tickets.
const WORDLESS_BYTES: usize = 256 * 1024;

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
    /// A server with this name, or this address as a text; or why there can be none: it is neither, or there is no memory.
    /// `implicit`: TLS begins with the connection.
    pub fn new(config: &Arc<Config>, host: &[u8], implicit: bool) -> Result<Self, Reason> {
        let host = core::str::from_utf8(host).map_err(|_| Reason::OtherName)?;
        if let Ok(address) = host.parse() {
            return Ok(Self::of_address(config, address, implicit));
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let name = ServerName::try_from(name).map_err(|_| Reason::OtherName)?;
        Ok(Self {
            config: Arc::clone(config),
            name: sys::guarded(|| name.to_owned()).ok_or(Reason::NoMemory)?,
            implicit,
        })
    }

    /// A server with this address: an IPv4 address, too, where it is written as an IPv6 one.
    pub fn of_address(config: &Arc<Config>, address: IpAddr, implicit: bool) -> Self {
        Self {
            config: Arc::clone(config),
            name: ServerName::IpAddress(address.to_canonical().into()),
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
    records: ClientConnection,
    shows_certificate: bool,
    implicit: bool,
    first: [u8; FIRST],
    /// Octets that the server has said.
    heard: usize,
    /// Of them, those without a word to the session: since the last one.
    wordless: usize,
    /// It has said something to the session.
    spoken: bool,
    /// Why nothing more can be sent.
    sends_no_more: Option<Reason>,
    /// Why nothing more is heard.
    hears_no_more: Option<Reason>,
}

impl Tls {
    /// A connection that has not begun.
    fn new(peer: &Peer) -> Option<Boxed<Self>> {
        let client = Arc::clone(peer.config.client.as_ref()?);
        Boxed::new(Self {
            records: ClientConnection::new(client, peer.name.clone()).ok()?,
            shows_certificate: peer.config.shows_certificate,
            implicit: peer.implicit,
            first: [0; FIRST],
            heard: 0,
            wordless: 0,
            spoken: false,
            sends_no_more: None,
            hears_no_more: None,
        })
    }

    fn shake_hands(&mut self, below: &mut dyn Channel) -> Progress {
        loop {
            if let Err(Stopped::Ended(_)) = self.flush(below) {
                // The server may have said why, before it closed.
                return match self.hear(below) {
                    Ok(()) => continue,
                    Err(Stopped::Ended(reason)) => Progress::Failed(reason),
                    Err(Stopped::Full) => Progress::Failed(Reason::TlsLost),
                };
            }
            if !self.records.is_handshaking() && !self.records.wants_write() {
                return Progress::Done;
            }
            match self.hear(below) {
                Ok(()) => {}
                Err(Stopped::Full) => return Progress::Waits,
                Err(Stopped::Ended(reason)) => return Progress::Failed(reason),
            }
        }
    }

    /// Sends what is to be sent.
    fn flush(&mut self, below: &mut dyn Channel) -> Result<(), Stopped> {
        while self.records.wants_write() {
            if let Some(reason) = self.sends_no_more {
                return Err(Stopped::Ended(reason));
            }
            let mut below = Below { below, ended: None };
            if self.records.write_tls(&mut below).is_err() {
                self.sends_no_more = below.ended;
                return Err(below.stopped());
            }
        }
        Ok(())
    }

    /// Takes what has arrived, once.
    fn hear(&mut self, below: &mut dyn Channel) -> Result<(), Stopped> {
        if sys::is_refused() {
            // Nothing comes of it.
            return Err(Stopped::Full);
        }
        if let Some(reason) = self.hears_no_more {
            return Err(Stopped::Ended(reason));
        }
        let heard = self.hear_more(below);
        if let Err(Stopped::Ended(reason)) = heard {
            self.hears_no_more = Some(reason);
        }
        heard
    }

    fn hear_more(&mut self, below: &mut dyn Channel) -> Result<(), Stopped> {
        let established = !self.records.is_handshaking();
        let mut heard = Heard {
            below: Below { below, ended: None },
            first: &mut self.first,
            before: self.heard,
        };
        match self.records.read_tls(&mut heard) {
            Ok(length) => {
                self.heard = self.heard.saturating_add(length);
                self.wordless = self.wordless.saturating_add(length);
            }
            Err(error) => {
                return Err(match (heard.below.ended, error.kind()) {
                    (Some(Reason::Lost), _) if !established => Stopped::Ended(Reason::TlsLost),
                    (Some(reason), _) => Stopped::Ended(reason),
                    (None, io::ErrorKind::WouldBlock) => Stopped::Full,
                    // It is more than rustls keeps of a message.
                    (None, _) if !established => Stopped::Ended(Reason::TlsEndless),
                    (None, _) => Stopped::Ended(Reason::Lost),
                });
            }
        }
        match self.records.process_new_packets() {
            Err(error) => {
                let standing = Standing {
                    agreed: self.records.negotiated_cipher_suite().is_some(),
                    established,
                    spoken: self.spoken,
                    shows_certificate: self.shows_certificate,
                    implicit: self.implicit,
                    first: self.first.get(..self.heard.min(FIRST)).unwrap_or(&[]),
                };
                let reason = why::reason(&error, standing);
                // The server is told why. Whether it hears it is its own affair.
                let _ = self.flush(below);
                Err(Stopped::Ended(reason))
            }
            Ok(_) if self.wordless > WORDLESS_BYTES && established => Err(Stopped::Ended(Reason::NotSmtp)),
            Ok(_) if self.wordless > WORDLESS_BYTES => Err(Stopped::Ended(Reason::TlsEndless)),
            Ok(_) => Ok(()),
        }
    }

    /// Takes octets to be protected: how many, and what became of them.
    fn send(&mut self, below: &mut dyn Channel, octets: &[u8], taken: &mut usize) -> Result<(), Stopped> {
        self.flush(below)?;
        match self.records.writer().write(octets) {
            Ok(length) => *taken = length,
            Err(_) => return Err(Stopped::Ended(Reason::Lost)),
        }
        // What was taken may leave from now on, whatever becomes of the rest.
        self.flush(below)
    }

    fn receive(&mut self, below: &mut dyn Channel, octets: &mut [u8]) -> Moved {
        // What the channel below had no room for before. If it has ended, the server may have said why.
        let flushed = self.flush(below);
        loop {
            match self.records.reader().read(octets) {
                Ok(length @ 1..) => {
                    self.spoken = true;
                    self.wordless = 0;
                    return Moved::octets(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The server has said that it closes.
                Ok(0) | Err(_) => return Moved::ended(Reason::Lost),
            }
            match self.hear(below) {
                Ok(()) => {}
                Err(Stopped::Full) => {
                    return match flushed {
                        Err(Stopped::Ended(reason)) => Moved::ended(reason),
                        _ => Moved::NOTHING,
                    };
                }
                // What came before the end is told first.
                Err(Stopped::Ended(reason)) => {
                    return match self.records.reader().read(octets) {
                        Ok(length @ 1..) => Moved::octets(length),
                        _ => Moved::ended(reason),
                    };
                }
            }
        }
    }
}

/// A place for a TLS connection. Where memory is refused to one, it ends, and the process goes on. Nothing of it is left in memory
/// afterwards.
pub struct Place {
    tls: Option<Boxed<Tls>>,
    /// A handshake has begun.
    is_taken: bool,
    /// The version of one that was refused memory.
    version: u16,
}

impl Place {
    /// Whether there can be one.
    pub const SPEAKS: bool = true;

    /// Nothing.
    pub const EMPTY: Self = Self {
        tls: None,
        is_taken: false,
        version: 0,
    };

    /// Whether a handshake has begun.
    pub fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// The version of the protocol, as its records have it; 0 before it is known.
    pub fn version(&self) -> u16 {
        let version = self.tls.as_ref().and_then(|tls| tls.records.protocol_version());
        version.map_or(self.version, u16::from)
    }

    /// Begins a handshake, or goes on with it, as far as that is possible now.
    pub fn shake_hands(&mut self, peer: &Peer, below: &mut dyn Channel) -> Progress {
        let begins = !core::mem::replace(&mut self.is_taken, true);
        let progress = sys::guarded(|| {
            if begins {
                self.tls = Tls::new(peer);
            }
            self.tls.as_mut().map(|tls| tls.shake_hands(below))
        });
        self.unless_refused(progress)
            .flatten()
            .unwrap_or(Progress::Failed(Reason::NoMemory))
    }

    /// A channel that this one protects, over another one, for a turn. The handshake is done.
    pub fn over<'t>(&'t mut self, below: &'t mut dyn Channel) -> Over<'t> {
        Over { tls: self, below }
    }

    /// Says that nothing more is said, if there is room for it.
    pub fn say_good_bye(&mut self, below: &mut dyn Channel) {
        let said = sys::guarded(|| {
            if let Some(tls) = &mut self.tls {
                tls.records.send_close_notify();
                let _ = tls.flush(below);
            }
        });
        self.unless_refused(said);
    }

    /// What became of a connection, which ends where it was refused memory: with it the reserve is free again.
    fn unless_refused<T>(&mut self, made: Option<T>) -> Option<T> {
        if made.is_none() {
            self.version = self.version();
            self.end();
        }
        made
    }

    /// Forgets the connection, without a word.
    pub fn clear(&mut self) {
        if core::mem::take(&mut self.is_taken) {
            self.end();
            self.version = 0;
        }
    }

    fn end(&mut self) {
        sys::guarded(|| self.tls = None);
        wipe_stack();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
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
struct Below<'c> {
    below: &'c mut dyn Channel,
    ended: Option<Reason>,
}

impl Below<'_> {
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

impl Write for Below<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let moved = self.below.send(octets);
        self.moved(moved)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same for reading: keeps the first octets.
struct Heard<'c> {
    below: Below<'c>,
    first: &'c mut [u8; FIRST],
    before: usize,
}

impl Read for Heard<'_> {
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

/// A channel whose octets TLS protects, over another one, for a turn.
pub struct Over<'t> {
    tls: &'t mut Place,
    below: &'t mut dyn Channel,
}

impl Channel for Over<'_> {
    fn send(&mut self, octets: &[u8]) -> Moved {
        let Some(tls) = &mut self.tls.tls else {
            return Moved::ended(Reason::NoMemory);
        };
        let mut taken = 0;
        let sent = sys::guarded(|| tls.send(self.below, octets, &mut taken));
        match self.tls.unless_refused(sent) {
            Some(Ok(()) | Err(Stopped::Full)) => Moved::octets(taken),
            Some(Err(Stopped::Ended(reason))) => Moved {
                octets: taken,
                ended: Some(reason),
            },
            None => Moved {
                octets: taken,
                ended: Some(Reason::NoMemory),
            },
        }
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        let Some(tls) = &mut self.tls.tls else {
            return Moved::ended(Reason::NoMemory);
        };
        let moved = sys::guarded(|| tls.receive(self.below, octets));
        let moved = self.tls.unless_refused(moved);
        moved.unwrap_or(Moved::ended(Reason::NoMemory))
    }
}
