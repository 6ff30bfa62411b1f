//! What a client does when it is polled: connects, receives, sends, looks at the time; each without waiting.

use zeroize::Zeroize;

use super::member::{Member, Reading, Stage};
use super::transport::sds_smtp_transport;
use crate::client::guard::Guard;
use crate::code::Reason;
use crate::session::{Job, Session, State, Text};

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
    pub fn poll(&mut self, guard: &Guard, now: u32, calendar: &impl Calendar) -> u32 {
        if self.stage == Stage::Idle {
            return u32::MAX;
        }
        if self.stage == Stage::Ordered {
            self.begin(now, calendar.seconds());
        }
        // The difference is right across the wrap. A time before the last one told is no time gone by: it comes of a call in an
        // interrupt, with a newer time.
        let gone = now.wrapping_sub(self.told_time);
        if gone <= u32::MAX / 2 {
            self.told_time = now;
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
        if more {
            return 0;
        }
        // Never so late that the program's clock could be taken for one that goes backwards.
        let left = deadline.saturating_sub(self.time).min(u32::MAX / 2);
        // The source of a text wakes nobody.
        let wakes = self.session.wants_text().is_none() && self.transport.is_some_and(sds_smtp_transport::wakes);
        if wakes { left } else { left.min(AGAIN) }
    }

    /// Begins the mail that was ordered.
    fn begin(&mut self, now: u32, seconds: u32) {
        self.hang_up();
        self.stage = Stage::Talking;
        (self.told_time, self.time) = (now, 0);
        self.begun = self.begun.wrapping_add(1);
        if let Some(config) = &mut self.config {
            if let Some(mail) = &mut config.job.mail {
                mail.date = seconds;
            }
            self.session.begin(&config.job);
        }
    }

    /// Connects, receives and sends, for some rounds; whether there is more to do.
    fn turn(&mut self) -> bool {
        let client = u32::try_from(core::ptr::from_ref(self).addr() & 0xFFFF_FFFF).unwrap_or(0);
        let number = self.told_time.wrapping_add(self.begun);
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref_mut()) else {
            return false;
        };
        let (session, time) = (&mut self.session, self.time);
        for _ in 0..ROUNDS {
            if session.wants_reconnect() {
                self.linked = false;
                transport.close();
                (self.from, self.to) = (0, 0);
            }
            if session.state() == State::Connecting {
                let connected = if self.linked {
                    transport.connected()
                } else {
                    transport.connect(&config.server)
                };
                match connected {
                    Ok(0) if self.linked => return false,
                    Ok(0) => self.linked = true,
                    Ok(_) => {
                        let local = transport.local();
                        if let Some(mail) = &mut config.job.mail {
                            let seconds = mail.date;
                            let [a, b, c, d, .., w, x, y, z] = local.octets;
                            // That of the loopback stands for one that is not known.
                            let host = match [a, b, c, d] {
                                [127, ..] => 0,
                                _ => u32::from_le_bytes([a ^ w, b ^ x, c ^ y, d ^ z]),
                            };
                            mail.nonce = transport.nonce([seconds, number, client, host]);
                        }
                        session.connected(&config.job, time, &local);
                    }
                    Err(reason) => session.lost(&config.job, time, reason),
                }
                continue;
            }
            let received = receive(transport, session, &config.job, time);
            // It may have ended just now. What leaves then could be taken for the whole of a mail that was not sent.
            if matches!(session.state(), State::Connecting | State::Closed) {
                continue;
            }
            if self.from == self.to {
                if let (Some(wanted), Some(mail), Some(reading)) =
                    (session.wants_text(), &mut config.job.mail, &mut self.reading)
                {
                    if let Err(reason) = (reading.next)(reading, &mut mail.text, wanted) {
                        session.lost(&config.job, time, reason);
                    }
                }
                self.from = 0;
                self.to = session.transmit(&config.job, time, &mut self.out);
                self.secret |= session.secret_in_flight();
            }
            let octets = self.out.get(self.from..self.to).unwrap_or(&[]);
            if octets.is_empty() {
                if !received {
                    return false;
                }
                continue;
            }
            match transport.send(octets) {
                // No progress: the deadline stays.
                Ok(0) if !received => return false,
                Ok(0) => {}
                Ok(length) => {
                    self.from = self.from.saturating_add(length);
                    session.sent(&config.job, time, length);
                    if self.from == self.to && core::mem::take(&mut self.secret) {
                        self.out.zeroize();
                    }
                }
                Err(reason) => {
                    if reason == Reason::BadTransport {
                        // It took something: all of it, perhaps, and the final dot with it.
                        session.sent(&config.job, time, octets.len());
                    }
                    // The server may have said why, before it closed.
                    while receive(transport, session, &config.job, time) {}
                    // Reading may have found the end already, and the session may be connecting anew.
                    if session.state() != State::Connecting {
                        session.lost(&config.job, time, reason);
                    }
                }
            }
        }
        !session.closed()
    }
}

/// Receives once; whether anything came.
#[inline(never)]
fn receive(transport: &sds_smtp_transport, session: &mut Session, job: &Job<'_>, time: u32) -> bool {
    if matches!(session.state(), State::Connecting | State::Closed) {
        return false;
    }
    let mut octets = [0u8; IN];
    match transport.receive(&mut octets) {
        Ok(length) => {
            let secret = session.secret_in_flight();
            session.receive(job, time, octets.get(..length).unwrap_or(&[]));
            if secret {
                // A server may repeat what it was told.
                octets.zeroize();
            }
            length > 0
        }
        Err(reason) => {
            session.lost(job, time, reason);
            false
        }
    }
}

impl Reading {
    /// Asks for the piece of the text that begins at `wanted`.
    pub(super) fn next(&mut self, text: &mut Text<'static>, wanted: usize) -> Result<(), Reason> {
        (text.octets, text.from) = (&[], wanted);
        if let Some(given) = self.source.read(wanted, self.buffer)? {
            text.octets = self.source.piece(self.buffer, given);
            text.last = given == 0;
            // No octet is wanted twice.
            if text.utf8 && !(self.place.feed_all(text.octets) && (given > 0 || self.place.may_end())) {
                return Err(Reason::NotUtf8);
            }
        }
        Ok(())
    }
}
