//! What a client does when it is polled: connects, receives, sends, looks at the time; each without waiting.

use core::net::IpAddr;

use zeroize::Zeroize;

use super::member::{Member, Reading, Stage};
use super::transport::Transport;
use crate::client::guard::Guard;
use crate::code::Reason;
use crate::session::{State, Text};

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
    ($member:ident, $transport:ident, $config:ident, $otherwise:expr) => {
        let Member {
            transport: Some($transport),
            config: Some($config),
            ..
        } = $member
        else {
            return $otherwise;
        };
    };
}

impl Member {
    /// Does what is possible now; the milliseconds until it wants to be called again.
    pub fn poll(&mut self, guard: &Guard, now: u32, calendar: &impl Calendar) -> u32 {
        match self.stage {
            Stage::Idle => return u32::MAX,
            Stage::Ordered => self.begin(now, calendar),
            Stage::Talking | Stage::Leaving => {}
        }
        // The difference is right across the wrap. A time before the last one told is no time gone by: it comes of a call in an
        // interrupt, with a newer time.
        let gone = now.wrapping_sub(self.told);
        if gone <= u32::MAX / 2 {
            self.told = now;
            self.time = self.time.saturating_add(gone);
        }
        let more = if core::mem::take(&mut self.cancelled) {
            self.session.cancel();
            false
        } else {
            self.turn()
        };
        self.session.tick(self.time);
        if self.stage == Stage::Talking {
            if let Some(verdict) = self.session.verdict() {
                self.publish(guard, verdict, calendar.seconds());
            }
        }
        let Some(deadline) = self.session.deadline() else {
            self.hang_up();
            self.stage = Stage::Idle;
            return u32::MAX;
        };
        // Never so late that the program's clock could be taken for one that goes backwards.
        let left = deadline.saturating_sub(self.time).min(u32::MAX / 2);
        // The source of a text wakes nobody.
        let wakes = self.session.wants_text().is_none() && self.transport.is_some_and(|transport| transport.wakes());
        if more {
            0
        } else if wakes {
            left
        } else {
            left.min(AGAIN)
        }
    }

    /// Begins the mail that was ordered.
    fn begin(&mut self, now: u32, calendar: &impl Calendar) {
        self.hang_up();
        self.stage = Stage::Talking;
        (self.told, self.time) = (now, 0);
        self.begun = self.begun.wrapping_add(1);
        if let Some(config) = &mut self.config {
            if let Some(mail) = &mut config.job.mail {
                mail.date = Some(u64::from(calendar.seconds())).filter(|date| *date != 0);
            }
            self.session.begin(&config.job);
        }
        if !self.cancelled {
            self.open();
        }
    }

    /// Begins to connect.
    fn open(&mut self) {
        parts!(self, transport, config, ());
        match transport.connect(config.server, config.port) {
            Ok(_) => self.linked = true,
            Err(reason) => self.session.lost(&config.job, self.time, reason),
        }
    }

    /// Looks whether the connection stands now.
    fn connected(&mut self) {
        let address = u32::try_from(core::ptr::from_ref(self).addr() & 0xFFFF_FFFF).unwrap_or(0);
        let number = (self.told.wrapping_add(self.begun), address);
        parts!(self, transport, config, ());
        match transport.connected() {
            Ok(0) => {}
            Ok(_) => {
                let local = transport.local();
                if let Some(mail) = &mut config.job.mail {
                    mail.nonce = nonce(mail.date.unwrap_or(0), number, local, *transport);
                }
                self.session.connected(&config.job, self.time, local);
            }
            Err(reason) => self.session.lost(&config.job, self.time, reason),
        }
    }

    /// Receives and sends, for some rounds; whether there is more to do.
    fn turn(&mut self) -> bool {
        for _ in 0..ROUNDS {
            if self.session.wants_reconnect() {
                self.hang_up();
                self.open();
                return true;
            }
            match self.session.state() {
                State::Closed => return false,
                State::Connecting => self.connected(),
                _ => {}
            }
            let received = self.receive();
            if !self.send_some() && !received {
                return false;
            }
        }
        true
    }

    /// Receives once; whether anything came.
    fn receive(&mut self) -> bool {
        parts!(self, transport, config, false);
        let session = &mut self.session;
        if matches!(session.state(), State::Connecting | State::Closed) {
            return false;
        }
        let mut octets = [0u8; IN];
        match transport.receive(&mut octets) {
            Ok(length) => {
                let secret = session.secret_in_flight();
                session.receive(&config.job, self.time, octets.get(..length).unwrap_or(&[]));
                if secret {
                    // A server may repeat what it was told.
                    octets.zeroize();
                }
                length > 0
            }
            Err(reason) => {
                session.lost(&config.job, self.time, reason);
                // It may want to connect anew.
                session.state() == State::Connecting
            }
        }
    }

    /// Sends once; whether anything left.
    fn send_some(&mut self) -> bool {
        if self.from == self.to {
            self.fill();
        }
        let octets = self.out.get(self.from..self.to).unwrap_or(&[]);
        if octets.is_empty() {
            return false;
        }
        // It may have ended just now. What leaves then could be taken for the whole of a mail that was not sent.
        if matches!(self.session.state(), State::Connecting | State::Closed) {
            return false;
        }
        let sent = match self.transport {
            Some(transport) => transport.send(octets),
            None => return false,
        };
        if sent.is_err() {
            // The server may have said why, before it closed.
            while self.receive() {}
        }
        let Some(config) = &self.config else { return false };
        match sent {
            // No progress: the deadline stays.
            Ok(0) => false,
            Ok(length) => {
                self.from = self.from.saturating_add(length);
                self.session.sent(&config.job, self.time, length);
                if self.from == self.to && core::mem::take(&mut self.secret) {
                    self.out.zeroize();
                }
                true
            }
            // Reading may have found the end already, and the session may be connecting anew.
            Err(reason) if self.session.state() != State::Connecting => {
                self.session.lost(&config.job, self.time, reason);
                self.session.state() == State::Connecting
            }
            Err(_) => true,
        }
    }

    /// Writes what is to be sent next into the empty buffer.
    fn fill(&mut self) {
        let Some(config) = &mut self.config else { return };
        if let (Some(wanted), Some(mail), Some(reading)) =
            (self.session.wants_text(), &mut config.job.mail, &mut self.reading)
        {
            if let Err(reason) = reading.next(&mut mail.text, wanted) {
                self.session.lost(&config.job, self.time, reason);
            }
        }
        self.from = 0;
        self.to = self.session.transmit(&config.job, self.time, &mut self.out);
        self.secret |= self.session.secret_in_flight();
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

/// What the Message-ID is made of: the time, a number that no other mail of this client has in that second, the client, our
/// address, and chance in each part. Without time and chance it could be like another: then there is none.
fn nonce(seconds: u64, (mail, client): (u32, u32), local: IpAddr, transport: &dyn Transport) -> Option<[u8; 16]> {
    let address = match local {
        IpAddr::V4(v4) => u32::from(v4),
        IpAddr::V6(v6) => {
            let [.., high, low] = v6.segments();
            (u32::from(high) << 16) | u32::from(low)
        }
    };
    let seconds = u32::try_from(seconds).unwrap_or(0);
    let mut known = seconds != 0;
    let mut nonce = [0u8; 16];
    for (place, word) in nonce.chunks_exact_mut(4).zip([seconds, mail, address, client]) {
        let chance = transport.random();
        known |= chance.is_some();
        place.copy_from_slice(&(word ^ chance.unwrap_or(0)).to_le_bytes());
    }
    known.then_some(nonce)
}
