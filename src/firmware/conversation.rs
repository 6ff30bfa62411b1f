//! What a client does when it is polled: connects, receives, sends, looks at the time; each without waiting.

use super::member::{Member, Reading, Stage};
use super::transport::Link;
use crate::code::Reason;
use crate::octets;
use crate::session::{Job, Mail, Session, State, Text};

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

impl Member {
    /// Does what is possible now; the milliseconds until it wants to be called again.
    #[inline(never)]
    pub fn poll(&mut self, now: u32, calendar: &impl Calendar) -> u32 {
        if self.stage == Stage::Idle {
            return u32::MAX;
        }
        if self.stage == Stage::Ordered {
            self.hang_up();
            self.stage = Stage::Talking;
            self.told_time = now;
            self.begun = self.begun.wrapping_add(1);
            if let Some(mail) = self.config.as_mut().and_then(|config| config.job.mail.as_mut()) {
                mail.date = calendar.seconds();
            }
        }
        // The difference is right across the wrap. A time before the last one told is no time gone by: it comes of a call in an
        // interrupt, with a newer time.
        let gone = now.wrapping_sub(self.told_time);
        if gone <= u32::MAX / 2 {
            self.told_time = now;
            self.time = self.time.saturating_add(gone);
        }
        let more = self.turn();
        self.session.tick(self.time);
        if self.stage == Stage::Talking && self.session.settled() {
            self.publish(calendar.seconds());
        }
        let Some(deadline) = self.session.deadline() else {
            self.hang_up();
            self.stage = Stage::Idle;
            return u32::MAX;
        };
        if more {
            return 0;
        }
        // The deadline is still to come: else `tick` had ended the session. Never so late that the program's clock could be taken
        // for one that goes backwards.
        let left = deadline.wrapping_sub(self.time).min(u32::MAX / 2);
        // The source of a text wakes nobody.
        let wakes = !self.waits && self.transport.is_some_and(|transport| transport.wakes());
        if wakes { left } else { left.min(AGAIN) }
    }

    /// Connects, receives and sends, for some rounds; whether there is more to do.
    fn turn(&mut self) -> bool {
        let mut left = ROUNDS;
        while self.round() {
            left = left.wrapping_sub(1);
            if left == 0 {
                return true;
            }
        }
        false
    }

    /// Does one thing; false where there is none to do before the transport has made progress.
    fn round(&mut self) -> bool {
        if self.session.state() == State::Connecting {
            return self.connect();
        }
        let received = self.receive();
        // It may have ended just now. What leaves then could be taken for the whole of a mail that was not sent.
        if matches!(self.session.state(), State::Connecting | State::Closed) {
            return true;
        }
        self.transmit() || received
    }

    /// Sends once; false where nothing left.
    #[inline(never)]
    fn transmit(&mut self) -> bool {
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref_mut()) else {
            return false;
        };
        let session = &mut self.session;
        if self.from == self.to {
            if let Some(reading) = &mut self.reading {
                self.waits = (reading.next)(reading, session, &mut config.job, self.time);
            }
            self.from = 0;
            self.to = session.transmit(&config.job, self.time, &mut self.out);
        }
        if self.to <= self.from {
            return false;
        }
        let Some(octets) = self.out.get(self.from..self.to) else {
            return false;
        };
        match transport.send(octets) {
            // No progress: the deadline stays.
            (None, 0) => return false,
            (None, length) => {
                self.from = self.from.wrapping_add(length);
                session.sent(&config.job, self.time, length);
                if self.from == self.to {
                    // There may have been a password in it.
                    octets::wipe(&mut self.out);
                }
            }
            (Some(reason), _) => {
                if reason == Reason::BadTransport {
                    // It took something: all of it, perhaps, and the final dot with it.
                    session.sent(&config.job, self.time, octets.len());
                }
                // The server may have said why, before it closed.
                while self.receive() {}
                // Reading may have found the end already, and the session may be connecting anew.
                if self.session.state() != State::Connecting {
                    self.lost(reason);
                }
            }
        }
        true
    }

    /// Connects; false while the connection does not stand yet.
    #[inline(never)]
    fn connect(&mut self) -> bool {
        if self.link == Link::Stands {
            // The session wants another one.
            self.hang_up();
        }
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref_mut()) else {
            return false;
        };
        match transport.connect(self.link, &config.job.settings.server) {
            (Some(reason), _) => self.lost(reason),
            _ if self.link == Link::None => self.link = Link::Begun,
            (None, 0) => return false,
            _ => {
                self.link = Link::Stands;
                let local = self.session.local();
                transport.local(local);
                if let Some(mail) = &mut config.job.mail {
                    let [a, b, c, d, .., w, x, y, z] = local.octets;
                    let host = u32::from_le_bytes([a, b, c, d]);
                    // That of the loopback stands for one that is not known.
                    let host = match host & 0xFF {
                        127 => 0,
                        _ => host ^ u32::from_le_bytes([w, x, y, z]),
                    };
                    let client = u32::try_from(core::ptr::from_ref(self.status).addr() & 0xFFFF_FFFF).unwrap_or(0);
                    let number = self.told_time.wrapping_add(self.begun);
                    let mut nonce = [mail.date, number, client, host];
                    if transport.complete(&mut nonce) {
                        mail.nonce = Some(nonce);
                    }
                }
                self.session.stands(&config.job, self.time);
            }
        }
        true
    }

    /// Receives once; whether anything came.
    #[inline(never)]
    fn receive(&mut self) -> bool {
        if matches!(self.session.state(), State::Connecting | State::Closed) {
            return false;
        }
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref()) else {
            return false;
        };
        let mut octets = [0u8; IN];
        match transport.receive(&mut octets) {
            (None, length) => {
                let Some(received) = octets.get(..length) else {
                    return false;
                };
                self.session.receive(&config.job, self.time, received);
                // A server may repeat what it was told.
                octets::wipe(&mut octets);
                length > 0
            }
            (Some(reason), _) => {
                self.lost(reason);
                false
            }
        }
    }

    /// Tells the session that the connection cannot be made, or ended.
    #[inline(never)]
    fn lost(&mut self, reason: Reason) {
        if let Some(config) = &self.config {
            self.session.lost(&config.job, self.time, reason);
        }
    }
}

impl Reading {
    /// Gets the piece of the text that the session wants, if it does; whether it has to wait for it.
    pub(super) fn next(&mut self, session: &mut Session, job: &mut Job<'static>, time: u32) -> bool {
        let (Some(wanted), Some(Mail { text, .. })) = (session.wants_text(), &mut job.mail) else {
            return false;
        };
        self.read(text, wanted).unwrap_or_else(|reason| {
            session.lost(job, time, reason);
            false
        })
    }

    /// Asks for the piece of the text that begins at `wanted`; whether there is none yet.
    fn read(&mut self, text: &mut Text<'static>, wanted: usize) -> Result<bool, Reason> {
        (text.octets, text.from) = (&[], wanted);
        let Some(given) = self.source.read(wanted, self.buffer)? else {
            return Ok(true);
        };
        text.octets = self.source.piece(self.buffer, given);
        text.last = given == 0;
        // No octet is wanted twice.
        self.place = self.place.after_all(text.octets);
        if text.utf8 && (self.place.is_broken() || (text.last && !self.place.may_end())) {
            return Err(Reason::NotUtf8);
        }
        Ok(false)
    }
}
