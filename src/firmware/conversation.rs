//! What a client does when it is polled: connects, receives, sends, looks at the time; each without waiting.

use super::callbacks::Clock;
use super::member::{CLOSING, Link, Member, Stage};
use super::reading::Piece;
use crate::channel::{Called, Turn};
use crate::session::State;

/// What is taken from the transport at a time.
const IN: usize = 64;

/// How soon a poll is wanted while a transport that does not wake is waited for, in milliseconds.
const AGAIN: u32 = 5;

impl Member {
    /// Does what is possible now; the milliseconds until it wants to be called again.
    // Saves 76 bytes of the small library.
    #[inline(never)]
    pub fn poll(&mut self, now: u32, clock: &Clock) -> u32 {
        if self.stage == Stage::Idle {
            return u32::MAX;
        }
        if self.stage == Stage::Ordered {
            self.told_time = now;
            self.hang_up();
            self.stage = Stage::Talking;
            self.begun = self.begun.wrapping_add(1);
            if let Some(mail) = self.config.as_mut().and_then(|config| config.job.mail.as_mut()) {
                mail.date = clock.date();
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
        self.pump.session.tick(self.time);
        if self.stage == Stage::Talking && self.pump.session.settled() {
            self.publish(clock.seconds());
        }
        let (more, left) = match self.pump.session.deadline() {
            // It is still to come: else `tick` had ended the session. Never so late that the program's clock could be taken for
            // one that goes backwards.
            Some(deadline) => (more, deadline.wrapping_sub(self.time).min(u32::MAX / 2)),
            None => {
                let closed = self.hang_up();
                if closed == Called::Done {
                    self.stage = Stage::Idle;
                    return u32::MAX;
                }
                (closed == Called::Again, CLOSING.wrapping_sub(self.closing_for()))
            }
        };
        if more {
            return 0;
        }
        // The source of a text wakes nobody.
        let wakes = !self.waits && self.transport.is_some_and(|transport| transport.wakes());
        if wakes { left } else { left.min(AGAIN) }
    }

    /// Connects, and carries what can be carried; whether there is more to do at once.
    fn turn(&mut self) -> bool {
        while self.pump.session.state() == State::Connecting {
            match self.connect() {
                Called::Done => {}
                called => return called == Called::Again,
            }
        }
        let (Some(mut transport), Some(config)) = (self.transport, self.config.as_deref_mut()) else {
            return false;
        };
        let mut buffer = [0; IN];
        let turn = self.pump.turn(&config.job, self.time, &mut transport, &mut buffer);
        #[cfg(feature = "complete")]
        if turn == Turn::Secure {
            return self.secure();
        }
        if turn != Turn::Idle {
            return true;
        }
        let Some(reading) = &mut self.reading else {
            return false;
        };
        let piece = (reading.next)(reading, &mut self.pump, &mut config.job, self.time);
        self.waits = piece == Piece::Later;
        piece == Piece::Here
    }

    /// Goes on with the handshake behind STARTTLS; whether there is more to do at once.
    #[cfg(feature = "complete")]
    fn secure(&mut self) -> bool {
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref()) else {
            return false;
        };
        let session = &mut self.pump.session;
        match config.tls.secure(transport, config.named.as_ref()) {
            Called::Done => session.secured(&config.job, self.time),
            Called::Failed(reason) => session.lost(&config.job, self.time, reason),
            later => return later == Called::Again,
        }
        true
    }

    /// Takes the next step to a connection; [`Called::Done`] when it was taken.
    // Saves 4 bytes, and 8 of the complete library.
    #[inline(never)]
    fn connect(&mut self) -> Called {
        if matches!(self.link, Link::Stands | Link::Closing) {
            // The session wants another one.
            return self.hang_up();
        }
        let (Some(transport), Some(config)) = (self.transport, self.config.as_deref_mut()) else {
            return Called::NotYet;
        };
        let (job, session) = (&mut config.job, &mut self.pump.session);
        let called = if self.link == Link::None {
            let found = match &config.named {
                Some(named) => (named.look_up)(named, transport, &mut job.settings.server),
                None => Called::Done,
            };
            match found {
                Called::Done => match transport.connect(&job.settings.server) {
                    Called::NotYet => {
                        self.link = Link::Begun;
                        return Called::Done;
                    }
                    failed => failed,
                },
                later => later,
            }
        } else {
            match transport.connected() {
                Called::Done => config.tls.begin(transport, config.named.as_ref()),
                later => later,
            }
        };
        match called {
            Called::Done => {}
            Called::Failed(reason) => {
                session.lost(job, self.time, reason);
                return Called::Done;
            }
            later => return later,
        }
        self.link = Link::Stands;
        let local = session.local();
        transport.local(local);
        if let Some(mail) = &mut job.mail {
            let [a, b, c, d, .., w, x, y, z] = local.octets;
            let host = u32::from_le_bytes([a, b, c, d]);
            // That of the loopback stands for one that is not known.
            let host = match host & 0xFF {
                127 => 0,
                _ => host ^ u32::from_le_bytes([w, x, y, z]),
            };
            let client = u32::try_from(core::ptr::from_ref(self.status).addr() & 0xFFFF_FFFF).unwrap_or(0);
            let number = self.told_time.wrapping_add(self.begun);
            let seconds = mail.date.map_or(0, |date| date.seconds);
            let mut nonce = [seconds, number, client, host];
            // Without chance, and time or address, it could be like another's: then there is none.
            if transport.randomise(&mut nonce) || (seconds != 0 && host != 0) {
                mail.nonce = Some(nonce);
            }
        }
        session.stands(job, self.time);
        Called::Done
    }
}
