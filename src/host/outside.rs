//! Turns of connections that functions of the program carry. Each is taken out of the engine for its turn, so that no lock is held
//! while the functions run, and put back.

use std::net::SocketAddr;

use super::calls::{self, Running, Wanted};
use super::carried::{Carried, Functions, Stage};
use super::clock;
use super::connecting::unresolved;
use super::connection::Connection;
use super::course::{Stage as Course, Then};
use super::current::engine;
use super::dialogue::Note;
use super::engine::ROUNDS;
use super::memory::{Boxed, wipe_stack};
use super::registry::{self, Key};
use super::resolve::{self, Asker, Unresolved};
use super::runner::Ran;
use super::security::Protection;
use super::servers::Target;
use super::shared::Worker;
use super::sys;
use crate::channel::{Called, Turn};
use crate::code::{Code, Phase, Reason};
use crate::session::State;
use crate::session::job::Security;

/// What is received at a time.
const BUFFER: usize = 2048;

/// Steps of a turn at most: then the others have theirs.
const STEPS: u32 = 16;

impl Connection {
    /// Notes that it is queued for a turn of the program's functions; false where it was before.
    pub fn leave(&mut self) -> bool {
        let carried = self.carried.as_mut();
        carried.is_some_and(|carried| !core::mem::replace(&mut carried.queued, true))
    }

    /// Notes that it is queued no more.
    pub fn is_left(&mut self) {
        self.queued = false;
        if let Some(carried) = &mut self.carried {
            carried.queued = false;
        }
    }

    /// After a turn of the program's functions: has the list told of their descriptor.
    pub fn settle(&mut self, now: u64, register: impl FnOnce(isize) -> bool) {
        let kept = self.is_kept();
        if let Some(carried) = &mut self.carried {
            carried.settle(now, register);
            if kept {
                carried.rest();
            }
        }
    }

    /// Waits for the connection of the mail before to be closed; when it looks again.
    pub fn wait(&mut self, now: u64) -> u64 {
        self.carried.as_mut().map_or(now, |carried| carried.wait(now))
    }

    /// Calls close once, without waiting, where functions of the program carry a connection. No lock may be held.
    pub fn close_once(&mut self) {
        if let Some(carried) = &mut self.carried {
            carried.close_once();
        }
    }

    /// Notes that a server is connected to.
    fn note_server(&mut self, server: SocketAddr) {
        self.link.address = Some(server);
        self.note(Note::Connecting);
    }

    /// Takes the answer to the library's lookup of the server's name.
    pub fn keep_answer(&mut self, answer: Result<&[SocketAddr], Unresolved>, now: u64) {
        let Some(mut carried) = self.carried.take() else { return };
        let port = self.port();
        if let (Stage::Asking, Some(port)) = (carried.stage, port) {
            carried.stage = Stage::Nothing;
            let kept = match answer {
                Ok(addresses) => carried.set_targets(addresses, port).ok_or(Reason::NoMemory),
                Err(why) => Err(unresolved(why)),
            };
            match kept {
                Ok(()) => self.talk(),
                Err(reason) => self.lost(now, reason),
            }
        }
        self.carried = Some(carried);
    }

    /// No name is looked up any more.
    fn talk(&mut self) {
        if let Some(course) = &mut self.course {
            course.stage = Course::Talking;
        }
    }

    /// Does what can be done now, by the functions of the program. No lock may be held.
    pub fn turn_outside(&mut self, now: u64, buffer: &mut [u8], worker: Worker) {
        if self.is_kept() && self.key.slot().is_none() {
            // Who frees the client closes it.
            return;
        }
        let Some(mut carried) = self.carried.take() else { return };
        let mut functions = carried.functions(self.key);
        let given_up = self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail));
        let waits = match self.course.as_ref().map(|course| course.stage) {
            Some(Course::Waiting { until }) => Some(until),
            _ => None,
        };
        let late = self.link.session_deadline().is_some_and(|deadline| deadline <= now);
        // An answer that was there in time counts.
        if waits.is_none() && (given_up || late) && carried.stage == Stage::Open {
            let (job, link) = self.parts();
            let time = link.time(now);
            link.read_over(&job, time, &mut functions, buffer);
        }
        self.keep_outside(&mut carried, now, given_up);
        if given_up && !self.give_up_course(Code::Cancelled, Reason::Cancelled) {
            self.link.pump.session.cancel();
        }
        match waits.filter(|_| !given_up) {
            Some(until) if now < until => {}
            Some(_) => {
                self.next_attempt(now);
                carried.forget_server();
            }
            None => self.link.pump.session.tick(self.link.time(now)),
        }
        let waits = matches!(
            self.course.as_ref().map(|course| course.stage),
            Some(Course::Waiting { .. })
        );
        let waits = waits || !(given_up || self.is_measured(now, worker));
        let mut left = if waits { 0 } else { STEPS };
        while left > 0 && self.step(&mut carried, &mut functions, buffer, now, worker) {
            left = left.saturating_sub(1);
        }
        self.link.unfinished |= left == 0 && !waits;
        carried.ask_descriptor(&functions);
        self.carried = Some(carried);
    }

    /// Takes a step; whether there is another one to take.
    fn step(
        &mut self,
        carried: &mut Carried,
        functions: &mut Functions,
        buffer: &mut [u8],
        now: u64,
        worker: Worker,
    ) -> bool {
        let session = &self.link.pump.session;
        let closed = session.closed();
        if carried.is_open() && (closed || carried.is_over) {
            return match carried.close(functions, now) {
                Ok(()) => true,
                Err(called) => self.later(called),
            };
        }
        if closed {
            carried.stage = Stage::Nothing;
            if self.is_over_for_others() {
                self.begin_again(now);
                carried.forget_server();
                return true;
            }
            return self.go_to_next(carried, now);
        }
        match carried.stage {
            Stage::Nothing => match carried.target() {
                Some(server) => {
                    self.note_server(server);
                    if self.prepare_tls(carried, now).is_none() {
                        return true;
                    }
                    match carried.connect(functions, server) {
                        Called::Failed(reason) => self.try_next(carried, reason, now),
                        _ => true,
                    }
                }
                None => self.find_server(carried, now, worker),
            },
            Stage::Asking => false,
            Stage::Resolving => match carried.resolve(functions, self.port().unwrap_or(0)) {
                Called::Done => {
                    self.talk();
                    carried.stage = Stage::Nothing;
                    true
                }
                Called::Failed(reason) => {
                    carried.stage = Stage::Nothing;
                    self.lost(now, reason);
                    true
                }
                called => self.later(called),
            },
            Stage::Connecting => match carried.connected(functions, self.secures_at_once()) {
                Called::Done => {
                    carried.stage = Stage::Securing;
                    true
                }
                Called::Failed(reason) => self.try_next(carried, reason, now),
                called => self.later(called),
            },
            Stage::Securing => {
                let (job, link) = self.parts();
                if link.is_implicit() && !link.shake_hands(&job, now, functions) {
                    // A handshake that failed has closed the session.
                    link.pump.session.closed()
                } else {
                    carried.stage = Stage::Open;
                    let time = link.time(now);
                    functions.local(link.pump.session.local());
                    link.pump.session.stands(&job, time);
                    true
                }
            }
            Stage::Open if self.resumes() => {
                self.resume_outside(carried, functions, buffer, now);
                true
            }
            Stage::Open => {
                let (job, link) = self.parts();
                let turn = link.turn_over(&job, now, functions, buffer);
                self.feed(now, worker);
                match turn {
                    Turn::Idle => self.link.pump.session.closed(),
                    Turn::More => {
                        self.link.unfinished = true;
                        false
                    }
                    Turn::Connect => {
                        self.link.pump.clear();
                        carried.is_over = true;
                        true
                    }
                    Turn::Secure => self.secure_outside(carried, functions, now),
                    Turn::Derive => {
                        self.derive(now, &mut { ROUNDS });
                        false
                    }
                }
            }
            Stage::Closing(_) => false,
        }
    }

    /// Notes whom TLS is to be spoken with. None where it cannot be, and the connection is lost.
    fn prepare_tls(&mut self, carried: &mut Carried, now: u64) -> Option<()> {
        self.link.forget_tls();
        if !self.secures {
            return self.find_peer(now);
        }
        let protection = self.snapshot.protection();
        if protection.is_some_and(|protection| protection.config.is_some()) {
            // Certificates were configured that this transport would not look at.
            self.lost(now, Reason::OtherTransport);
            return None;
        }
        let name = protection.and_then(|protection| protection.name.as_deref());
        let kept = name.is_none_or(|name| carried.set_tls_name(name).is_some());
        if !kept {
            self.lost(now, Reason::NoMemory);
        }
        kept.then_some(())
    }

    /// Whether the functions of the program speak TLS from the beginning.
    fn secures_at_once(&self) -> bool {
        let by_session = |protection: &Protection| protection.mode.of_session() != Security::None;
        self.secures && !self.snapshot.protection().is_some_and(by_session)
    }

    /// Goes on with the handshake behind STARTTLS; whether there is another step to take.
    fn secure_outside(&mut self, carried: &Carried, functions: &mut Functions, now: u64) -> bool {
        let secures = self.secures;
        let (job, link) = self.parts();
        let done = if secures {
            match carried.start_tls(functions) {
                Called::Done => true,
                Called::Failed(reason) => {
                    link.lost(&job, now, reason);
                    return true;
                }
                called => return self.later(called),
            }
        } else {
            link.shake_hands(&job, now, functions)
        };
        if done {
            let time = link.time(now);
            link.pump.session.secured(&job, time);
        }
        done || link.pump.session.closed()
    }

    /// A function has not done what it was called for.
    fn later(&mut self, called: Called) -> bool {
        self.link.unfinished |= called == Called::Again;
        false
    }

    /// An address does not answer: the next one is tried, where there is one. What TLS says is said of the server.
    fn try_next(&mut self, carried: &mut Carried, reason: Reason, now: u64) -> bool {
        let of_tls = matches!(reason, Reason::Untrusted | Reason::TlsFailed);
        carried.is_over = true;
        if !of_tls && carried.next_target() {
            self.note(Note::Failure(Phase::Connect, reason));
        } else {
            self.lost(now, reason);
            // A session that would connect anew has no address to do it with.
            if self.link.pump.session.state() == State::Connecting {
                self.lost(now, reason);
            }
        }
        true
    }

    /// Finds the server whose turn it is.
    fn find_server(&mut self, carried: &mut Carried, now: u64, worker: Worker) -> bool {
        let no_memory = Err(Reason::NoMemory);
        let found = match (self.snapshot.server, &self.snapshot.extras, &mut self.course) {
            (Some(server), ..) => carried.set_target(server).map_or(no_memory, Ok),
            (None, Some(extras), Some(course)) => match extras.servers.get(course.server) {
                Some(Target::Address(server)) => carried.set_target(server).map_or(no_memory, Ok),
                Some(Target::Name { name, asked, .. }) => {
                    let asker = Asker {
                        engine: worker.number,
                        token: self.link.token,
                    };
                    course.stage = Course::Resolving(asker);
                    // Not that of the server before.
                    self.link.address = None;
                    let kept = carried.set_name(name);
                    let found = if kept.is_some() && carried.resolves() {
                        carried.stage = Stage::Resolving;
                        Ok(())
                    } else if kept.is_some() && resolve::ask(asked, asker, worker.waker).is_some() {
                        carried.stage = Stage::Asking;
                        Ok(())
                    } else {
                        no_memory
                    };
                    self.note(Note::LookingUp);
                    found
                }
                None => Err(Reason::NotConfigured),
            },
            _ => Err(Reason::NotConfigured),
        };
        if let Err(reason) = found {
            self.lost(now, reason);
        }
        true
    }

    /// After a connection is closed: goes on to the next server, or waits for the next attempt.
    fn go_to_next(&mut self, carried: &mut Carried, now: u64) -> bool {
        let then = self.course.as_mut().and_then(|course| course.then.take());
        self.note_next(then, now);
        let Some(course) = &mut self.course else { return false };
        match then {
            Some(Then::Server) => {
                course.server = course.server.saturating_add(1);
                carried.forget_server();
                self.begin_session(now);
                true
            }
            Some(Then::Attempt { at }) => {
                course.stage = Course::Waiting { until: at };
                false
            }
            None => false,
        }
    }
}

/// Further turns at a time, of connections to which something has happened in their turn.
const MISSED: u32 = 16;

/// Makes the turns that are due, of connections of clients that are `wanted`. The caller is the only thread that calls functions
/// of the program, and holds no lock.
pub fn run(wanted: Wanted) -> Ran {
    let mut ran = Ran::Nothing;
    let mut buffer = [0; BUFFER];
    // Those that are due again have their share in the next turn.
    let (mut turns, mut missed) = (calls::carried(), MISSED);
    while turns > 0 {
        turns = turns.saturating_sub(1);
        let Some((mut connection, worker, running)) = take(wanted) else {
            // One may wait for another to be closed: it is to be looked at soon.
            ran = Ran::Some;
            break;
        };
        let key = connection.key;
        let (forks, now) = (calls::forks(), clock::now());
        calls::begin_to_carry(key);
        let computed = connection.computes();
        let sound = sys::is_sound(&mut || connection.turn_outside(now, &mut buffer, worker));
        let forgotten = calls::end_to_carry();
        if computed || connection.computes() {
            wipe_stack();
        }
        if forks != calls::forks() {
            return Ran::InChild;
        }
        ran = Ran::Some;
        if key.slot().is_none() && !forgotten {
            // Who frees the client waits for this.
            connection.part_once(clock::now(), &mut buffer);
            connection.close_once();
        }
        let again = put_back(connection, worker.number, forgotten, sound);
        drop(running);
        if again && missed > 0 {
            missed = missed.saturating_sub(1);
            turns = turns.saturating_add(1);
        }
    }
    ran
}

/// Takes out the next connection. Who frees its client finds it in the engine, or waits until it is back.
fn take(wanted: Wanted) -> Option<(Boxed<Connection>, Worker, Option<Running>)> {
    let mut engine = engine();
    let engine = engine.as_mut()?;
    let connection = engine.next_outside(wanted)?;
    let running = connection.key.place().map(|slot| Running::of(&slot.calls));
    Some((connection, engine.worker(), running))
}

/// Puts a connection back, or ends it where its engine or its client is gone; whether it has another turn.
fn put_back(mut connection: Boxed<Connection>, number: u32, forgotten: bool, sound: bool) -> bool {
    let mut engine = engine();
    let now = clock::now();
    if let Some(engine) = engine.as_mut().filter(|engine| engine.number == number) {
        if !forgotten {
            return engine.put_back(connection, now, sound);
        }
        engine.discard(connection);
        return false;
    }
    drop(engine);
    registry::count_connection(connection.key.place, false);
    if !forgotten {
        super::engine::end_abandoned(&mut connection, now);
        connection.close_once();
    }
    false
}

/// Closes the connections of a client that functions of the program carry, and forgets them: nothing of the program's is called for
/// them any more. From inside such a function its own connection is closed by nobody.
pub fn let_go(key: Key) {
    calls::forget_carried(key);
    close_all(Some(key));
}

/// The same for all connections.
pub fn let_all_go() {
    close_all(None);
}

fn close_all(of: Option<Key>) {
    loop {
        let taken = engine()
            .as_mut()
            .and_then(|engine| Some((engine.take_ended(of)?, engine.number)));
        let Some((mut connection, number)) = taken else { return };
        let forks = calls::forks();
        connection.part_once(clock::now(), &mut [0; BUFFER]);
        connection.close_once();
        if forks != calls::forks() {
            return;
        }
        put_back(connection, number, true, true);
    }
}
