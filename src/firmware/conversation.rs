//! What a client does when it is polled: connects, receives, sends, looks at the time; each without waiting.

use core::net::IpAddr;

use zeroize::Zeroize;

use super::member::{Member, Reading, Stage};
use crate::client::guard::Guard;
use crate::code::Reason;
use crate::session::{Session, State, Text};

/// What is taken from the transport at a time.
const IN: usize = 64;

/// What a poll does at most: so many times receive and send.
const ROUNDS: u32 = 4;

/// How soon a poll is wanted while a transport that does not wake is waited for, in milliseconds.
const AGAIN: u32 = 5;

/// The calendar's clock.
pub trait Calendar {
    /// Seconds since 1970; 0 where they are not known.
    fn seconds(&self) -> u32;
}

/// What there is to work with while a mail is in flight.
macro_rules! parts {
    ($member:ident, $transport:ident, $config:ident, $session:ident, $otherwise:expr) => {
        let Member {
            transport: Some($transport),
            config: Some($config),
            session: Some($session),
            ..
        } = $member
        else {
            return $otherwise;
        };
    };
}

impl Member {
    /// Does what is possible now; the milliseconds until it wants to be called again.
    pub fn poll(&mut self, guard: &Guard, now: u64, calendar: &impl Calendar) -> u32 {
        let mut more = false;
        if self.stage == Stage::Ordered {
            self.begin(now, calendar);
        }
        if !core::mem::take(&mut self.cancelled) {
            more = self.turn(now);
        } else if let Some(session) = &mut self.session {
            session.cancel();
        }
        let Some(session) = &mut self.session else {
            return u32::MAX;
        };
        session.tick(now);
        if self.stage == Stage::Talking && session.verdict().is_some() {
            self.publish(guard, now, calendar.seconds());
        }
        let Some(deadline) = self.session.as_ref().and_then(Session::deadline) else {
            self.hang_up();
            self.session = None;
            self.stage = Stage::Idle;
            return u32::MAX;
        };
        let left = u32::try_from(deadline.saturating_sub(now)).unwrap_or(u32::MAX);
        if more {
            0
        } else if self.transport.is_some_and(|transport| transport.wakes()) {
            left
        } else {
            left.min(AGAIN)
        }
    }

    /// Begins the mail that was ordered.
    fn begin(&mut self, now: u64, calendar: &impl Calendar) {
        self.hang_up();
        self.stage = Stage::Talking;
        self.started = now;
        let Some(config) = &mut self.config else { return };
        if let Some(mail) = &mut config.job.mail {
            mail.date = Some(u64::from(calendar.seconds())).filter(|date| *date != 0);
        }
        self.session = Some(Session::new(&config.job, now));
        if !self.cancelled {
            self.open(now);
        }
    }

    /// Begins to connect.
    fn open(&mut self, now: u64) {
        parts!(self, transport, config, session, ());
        match transport.connect(config.server, config.port) {
            Ok(_) => self.linked = true,
            Err(reason) => session.lost(&config.job, now, reason),
        }
    }

    /// Looks whether the connection stands now.
    fn connected(&mut self, now: u64) {
        parts!(self, transport, config, session, ());
        match transport.connected() {
            Ok(0) => {}
            Ok(_) => {
                let local = transport.local();
                if let Some(mail) = &mut config.job.mail {
                    let seconds = mail.date.unwrap_or(0);
                    mail.nonce = nonce(seconds, now, local, || transport.random());
                }
                session.connected(&config.job, now, local);
            }
            Err(reason) => session.lost(&config.job, now, reason),
        }
    }

    /// Receives and sends, for some rounds; whether there is more to do.
    fn turn(&mut self, now: u64) -> bool {
        for _ in 0..ROUNDS {
            let Some(session) = &mut self.session else { return false };
            if session.wants_reconnect() {
                self.hang_up();
                self.open(now);
                return true;
            }
            match session.state() {
                State::Closed => return false,
                State::Connecting => self.connected(now),
                _ => {}
            }
            let received = self.receive(now);
            if !self.send_some(now) && !received {
                return false;
            }
        }
        true
    }

    /// Receives once; whether anything came.
    fn receive(&mut self, now: u64) -> bool {
        parts!(self, transport, config, session, false);
        if matches!(session.state(), State::Connecting | State::Closed) {
            return false;
        }
        let mut octets = [0u8; IN];
        match transport.receive(&mut octets) {
            Ok(length) => {
                let secret = session.secret_in_flight();
                session.receive(&config.job, now, octets.get(..length).unwrap_or(&[]));
                if secret {
                    // A server may repeat what it was told.
                    octets.zeroize();
                }
                length > 0
            }
            Err(reason) => {
                session.lost(&config.job, now, reason);
                // It may want to connect anew.
                session.state() == State::Connecting
            }
        }
    }

    /// Sends once; whether anything left.
    fn send_some(&mut self, now: u64) -> bool {
        if self.from == self.to {
            self.fill(now);
        }
        let octets = self.out.get(self.from..self.to).unwrap_or(&[]);
        if octets.is_empty() {
            return false;
        }
        parts!(self, transport, config, session, false);
        match transport.send(octets) {
            Ok(length) => {
                self.from = self.from.saturating_add(length);
                session.sent(&config.job, now, length);
                if self.from == self.to && core::mem::take(&mut self.secret) {
                    self.out.zeroize();
                }
                length > 0
            }
            Err(reason) => {
                // The server may have said why, before it closed.
                while self.receive(now) {}
                parts!(self, transport, config, session, false);
                let _ = transport;
                // Reading may have found the end already, and the session may be connecting anew.
                if session.state() != State::Connecting {
                    session.lost(&config.job, now, reason);
                }
                session.state() == State::Connecting
            }
        }
    }

    /// Writes what is to be sent next into the empty buffer.
    fn fill(&mut self, now: u64) {
        let Member {
            config: Some(config),
            session: Some(session),
            ..
        } = self
        else {
            return;
        };
        if let (Some(wanted), Some(mail), Some(reading)) =
            (session.wants_text(), &mut config.job.mail, &mut self.reading)
        {
            if let Err(reason) = reading.next(&mut mail.text, wanted) {
                session.lost(&config.job, now, reason);
            }
        }
        self.from = 0;
        self.to = session.transmit(&config.job, now, &mut self.out);
        self.secret |= session.secret_in_flight();
    }
}

impl Reading {
    /// Asks for the piece of the text that begins at `wanted`.
    fn next(&mut self, text: &mut Text<'static>, wanted: usize) -> Result<(), Reason> {
        let Text::Piece { octets, from, last, .. } = text else {
            return Ok(());
        };
        (*octets, *from) = (&[], wanted);
        if let Some(given) = self.source.read(wanted, self.buffer)? {
            *octets = self.source.piece(self.buffer, given);
            *last = given == 0;
        }
        Ok(())
    }
}

/// What the Message-ID is made of: the time, the time since the start, our address, chance. Without time and chance it could
/// be like another: then there is none.
fn nonce(seconds: u64, now: u64, local: IpAddr, random: impl Fn() -> Option<u32>) -> Option<[u8; 16]> {
    if seconds == 0 {
        random()?;
    }
    let mut nonce = match local {
        IpAddr::V4(v4) => v4.to_ipv6_compatible().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let known = seconds.to_le_bytes().into_iter().zip(now.to_le_bytes());
    for (places, (a, b)) in nonce.chunks_exact_mut(2).zip(known) {
        if let [first, second] = places {
            *first ^= a;
            *second ^= b;
        }
    }
    for place in nonce.chunks_exact_mut(4) {
        for (octet, chance) in place.iter_mut().zip(random().unwrap_or(0).to_le_bytes()) {
            *octet ^= chance;
        }
    }
    Some(nonce)
}
