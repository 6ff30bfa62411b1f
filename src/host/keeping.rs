//! Connections that are kept for the client's next mail: when a mail ends well, its connection stays in the engine without a buffer
//! and without a mail. The next mail of the client takes it, where nothing has changed; else it ends with QUIT.

use std::boxed::Box;

use super::calls::Promise;
use super::carried::{Carried, Functions};
use super::connection::{Connection, large_buffer, limit_to};
use super::course::Course;
use super::dialogue::Note;
use super::engine::{Engine, SHARE};
use super::kept::Keeping;
use super::link::Tools;
use super::memory;
use super::registry::Key;
use super::shared::{Start, shared};
use super::transcript::Transcript;
use crate::code::{Outcome, Reason};
use crate::limits::{Limit, SMALLEST_BUFFER};
use crate::session::State;

/// The oldest session, in milliseconds, that takes another mail: it counts its time with 32 bits.
const OLDEST: u64 = (u32::MAX / 2) as u64;

impl Connection {
    /// Whether it waits for the client's next mail.
    pub fn is_kept(&self) -> bool {
        self.keeping.until.is_some() && self.link.pump.session.state() == State::Idle
    }

    /// Since when it has waited for it, where a socket of ours carries it.
    pub fn kept_since(&self) -> Option<u64> {
        let until = self.keeping.until.filter(|_| self.is_kept() && !self.is_carried());
        until.map(|until| until.saturating_sub(u64::from(self.snapshot.keep_alive)))
    }

    /// Whether a connection that was kept still says QUIT.
    pub fn parts_still(&self) -> bool {
        self.keeping.parts && !self.is_carried() && !self.link.pump.session.closed()
    }

    /// Whether the mail has not begun on the connection that was kept for it.
    pub fn resumes(&self) -> bool {
        self.keeping.resumes
    }

    /// Keeps it, where its session waits for another mail: what it does not need meanwhile is given back, and its buffer returned.
    /// Where nobody will send over it, it leaves at once.
    pub fn keep(&mut self, now: u64) -> Option<Box<[u8]>> {
        if self.link.pump.session.state() != State::Idle {
            return None;
        }
        let wanted = !self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail))
            && shared().is_of(self.key, self.snapshot.number);
        let patience = if wanted { u64::from(self.snapshot.keep_alive) } else { 0 };
        self.keeping = Keeping {
            until: Some(now.saturating_add(patience)),
            ..Keeping::default()
        };
        self.link.pump.session.events.rest();
        self.link.pump.session.wipe();
        if let Some(carried) = &mut self.carried {
            carried.rest();
        }
        Some(self.link.pump.take_buffer())
    }

    /// When it is to be looked at while it is between two mails.
    pub fn keeping_deadline(&self, session: Option<u64>) -> Option<u64> {
        if self.keeping.resumes {
            let patience = self
                .snapshot
                .limit(Limit::Connect)
                .min(self.snapshot.limit(Limit::Total));
            return Some(self.started.saturating_add(u64::from(patience)));
        }
        self.keeping.until.filter(|_| self.is_kept()).or(session)
    }

    /// Whether a mail can go over it: nothing that it was made for has changed.
    fn suits(&self, start: &Start, now: u64) -> bool {
        self.key == start.key
            && self.snapshot.number == start.snapshot.number
            && self.is_carried() == start.carried.is_some()
            // A probe tells how things stand now.
            && start.post.is_some()
            && self.link.age(now) < OLDEST
    }

    /// Takes the next mail; None without memory for what it needs.
    fn take_mail(&mut self, start: Start, promise: &mut Option<Promise>, out: Box<[u8]>) -> Option<()> {
        let Start {
            mail,
            mut post,
            order,
            started,
            ..
        } = start;
        let mut out = out;
        if let Some(post) = &mut post {
            post.compose(&self.snapshot.settings(), &mut out)?;
            if let Some(large) = large_buffer(post) {
                out = large;
            }
        }
        if let Some(extras) = &self.snapshot.extras {
            if extras.trace.is_some() || extras.keep_dialogue {
                let transcript = Transcript::new(extras.trace.is_some(), extras.keep_dialogue)?;
                self.link.pump.session.events.transcript = Some(transcript);
            }
        }
        if let Some(course) = &mut self.course {
            let server = course.server;
            **course = Course::BEGINNING;
            course.server = server;
        }
        self.link.pump.give_buffer(out);
        self.keeping = Keeping {
            reused: true,
            resumes: true,
            ..Keeping::default()
        };
        self.promise = promise.take();
        self.link.pump.session.events.verdicts = post.as_mut().and_then(|post| post.verdicts.take());
        self.begin_mail(mail, post, order, started);
        Some(())
    }

    /// Begins the mail in the session that was kept; where that is of no more use, with another connection.
    pub fn resume(&mut self, tools: &mut Tools<'_>) {
        self.make_sure(tools.poller);
        self.note(Note::Kept);
        if self.resumed(tools) {
            self.keeping.resumes = false;
            return;
        }
        self.note(Note::Anew);
        self.forsake(tools.now);
        self.open(tools);
    }

    /// The mail goes over another connection, which is still to be made: the one that was kept is of no more use.
    pub fn forsake(&mut self, now: u64) {
        self.keeping = Keeping::default();
        if let Some(course) = &mut self.course {
            course.server = 0;
        }
        if let Some(carried) = &mut self.carried {
            carried.is_over = true;
            carried.forget_server();
        }
        self.begin_session(now);
    }

    /// Where the connection that was kept has failed before the mail could be sent, has served some recipients and ended, or there was
    /// no descriptor for another one: makes another one. Nobody is told of that but the dialogue. One that was made for the mail is
    /// made again to the same server of the list.
    pub fn begin_again(&mut self, now: u64) {
        let server = self
            .course
            .as_ref()
            .filter(|_| !self.keeping.reused)
            .map(|course| course.server);
        self.link.pump.session.events.report = None;
        if self.keeping.reused {
            self.note(Note::Anew);
        }
        self.forsake(now);
        if let (Some(server), Some(course)) = (server, &mut self.course) {
            course.server = server;
        }
        self.keeping.anew = !self.is_carried();
        self.link.unfinished = true;
    }

    /// Looks whether the connection that was kept has failed its mail, and makes another one then; true where it does.
    pub fn begins_again(&mut self, now: u64) -> bool {
        if !self.keeping.reused {
            return false;
        }
        let given_up = self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail));
        let again = if self.keeping.resumes {
            self.link.pump.session.closed()
        } else {
            self.link.pump.session.events.report.is_some() && self.link.pump.session.may_begin_anew()
        };
        if given_up || !again {
            return false;
        }
        let waits = self.keeping.resumes && self.waits_for_files();
        self.begin_again(now);
        // Its thread tells when it can begin.
        self.keeping.anew &= !waits;
        true
    }

    /// Another attempt follows, or another server: what this one's session is kept for is not this mail.
    pub(super) fn leave_attempt(&mut self, now: u64) {
        let (job, link) = self.parts();
        let time = link.time(now);
        if link.pump.session.state() == State::Idle {
            link.pump.session.leave(&job, time);
            link.unfinished = true;
        }
    }

    /// Whether there was no descriptor for a connection.
    pub fn lacks_descriptor(&self) -> bool {
        let report = self.link.pump.session.events.report.as_ref();
        report.is_some_and(|report| report.reason == Reason::NoSocket && report.outcome == Outcome::NotSent)
    }

    /// Ends it with QUIT, where it was kept.
    pub fn part(&mut self, tools: &mut Tools<'_>) {
        self.make_sure(tools.poller);
        if self.say_quit(tools.now) {
            let (job, link) = self.parts();
            link.go_on(&job, tools);
        }
    }

    /// Has the session say QUIT. Without memory for it the connection is only closed.
    fn say_quit(&mut self, now: u64) -> bool {
        if !self.is_kept() {
            return false;
        }
        self.keeping = Keeping {
            parts: true,
            ..Keeping::default()
        };
        let Some(buffer) = memory::zeros(SMALLEST_BUFFER) else {
            self.lost(now, Reason::NoMemory);
            return false;
        };
        self.link.pump.give_buffer(buffer);
        let (job, link) = self.parts();
        let time = link.time(now);
        link.pump.session.leave(&job, time);
        true
    }

    /// It is kept no longer: it ends in its next turn.
    pub fn expire(&mut self, now: u64) {
        if let Some(until) = &mut self.keeping.until {
            *until = now;
        }
    }

    /// The part of a turn that the keeping has, where functions of the program carry it.
    pub(super) fn keep_outside(&mut self, carried: &mut Carried, now: u64, given_up: bool) {
        if !self.keeping.is_between() {
            return;
        }
        let late = self.keeping_deadline(None).is_some_and(|until| until <= now);
        if self.keeping.resumes && (given_up || late) {
            self.forsake(now);
            carried.is_over = true;
            carried.forget_server();
        } else if late {
            self.say_quit(now);
        }
    }

    /// What [`Connection::resume`] does, where functions of the program carry it.
    pub(super) fn resume_outside(
        &mut self,
        carried: &mut Carried,
        functions: &mut Functions,
        buffer: &mut [u8],
        now: u64,
    ) {
        self.note(Note::Kept);
        let left = self.total_left(now);
        let (mut job, link) = self.parts();
        limit_to(&mut job, left);
        let time = link.time(now);
        let more = link.read_over(&job, time, functions, buffer);
        if !more && link.pump.session.next(&job, time) {
            self.keeping.resumes = false;
            return;
        }
        self.note(Note::Anew);
        self.forsake(now);
        carried.is_over = true;
        carried.forget_server();
    }

    /// Says QUIT without waiting, where functions of the program carry it and it was kept: it is closed next. No lock may be held.
    pub fn part_once(&mut self, now: u64, buffer: &mut [u8]) {
        let Some(carried) = self.carried.take() else { return };
        if carried.is_standing() && self.say_quit(now) {
            let (job, link) = self.parts();
            link.part_over(&job, now, &mut carried.last_words(), buffer);
        }
        self.carried = Some(carried);
    }
}

impl Engine {
    /// The connection that is kept for this client; or one of the client that had its place before.
    pub(super) fn kept(&mut self, key: Key) -> Option<u64> {
        let token = self.connections.lingering(key.place)?;
        self.connections.get(token)?.is_kept().then_some(token)
    }

    /// Has a mail go over the connection that is kept for its client. None without memory; the mail itself where it has to have its own
    /// connection.
    pub(super) fn reuse(
        &mut self,
        token: u64,
        start: Start,
        promise: &mut Option<Promise>,
        now: u64,
    ) -> Option<Result<(), Start>> {
        let suits = |connection: &mut Connection| connection.suits(&start, now);
        if !self.connections.get(token).is_some_and(suits) {
            self.part(token, now);
            return Some(Err(start));
        }
        let out = self.connections.take_buffer()?;
        let key = start.key;
        self.connections.get(token)?.take_mail(start, promise, out)?;
        self.connections.activate(key, token);
        Some(Ok(()))
    }

    /// Ends a connection that is kept with QUIT.
    pub(super) fn part(&mut self, token: u64, now: u64) {
        if self.is_carried(token) {
            if let Some(connection) = self.connections.get(token) {
                connection.expire(now);
            }
            self.leave(token);
        } else {
            self.carry(token, now, Connection::part);
        }
    }

    /// Where there was no descriptor for a connection: ends the one that has been kept longest, and has the other one made again.
    pub(super) fn make_room_for(&mut self, token: u64, now: u64) {
        let Some(oldest) = self.connections.oldest_kept() else {
            return;
        };
        self.part(oldest, now);
        self.remove(oldest);
        if let Some(connection) = self.connections.get(token) {
            connection.begin_again(now);
        }
    }

    /// Ends some of the connections that are kept; whether there may be more.
    pub fn part_with_some(&mut self, now: u64) -> bool {
        let mut tokens = [0; SHARE];
        let count = self.connections.some_kept(&mut tokens);
        for token in tokens.into_iter().take(count) {
            self.part(token, now);
        }
        count == SHARE
    }

    /// Whether a connection that was kept still says QUIT.
    pub fn has_parting(&self) -> bool {
        self.connections.has_parting()
    }
}
