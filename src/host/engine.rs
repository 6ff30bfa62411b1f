//! The engine: all connections, and the turns that begin mails, move octets where a socket is ready, and end what is late.

use std::boxed::Box;

use super::calls::{Call, Promise};
use super::clock;
use super::connection::Connection;
use super::connections::Connections;
use super::files;
use super::link::Tools;
use super::memory::{self, Boxed, wipe_stack};
use super::nonces::Nonces;
use super::queue::Queue;
use super::registry::Key;
use super::resolve;
use super::shared::{Start, Worker, end_mail, shared};
use super::sys::{self, Failure, Poller, Ready, Waker};
use super::told::{Ended, LastMail};
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};

/// How many octets are received at a time: one buffer for all connections.
const BUFFER: usize = 16 * 1024;

/// The waker's token; no connection has it.
pub const WAKE: u64 = u64::MAX;

/// How many mails a turn begins, ends, checks for their deadlines, and goes on with, each at most. The lock is therefore given
/// back after some milliseconds, however many mails there are.
pub const SHARE: usize = 64;

/// The queue of orders keeps room for so many when it is empty.
const KEPT_ORDERS: usize = 16;

/// A time that never comes.
pub const NEVER: u64 = u64::MAX;

/// All connections, and what they share.
pub struct Engine {
    /// Which engine of this process it is: a thread works with its own only.
    pub number: u32,
    /// The program drives it.
    pub polled: bool,
    /// When the program will drive it at the latest, as [`poll`](super::poll) has told it; 0 where the descriptor calls the
    /// program already. Threads that wait for a mail drive the engine too, and call the program for what is due before.
    pub comes: u64,
    /// What is waited on.
    pub poller: Poller,
    /// How it is woken.
    waker: Waker,
    pub(super) connections: Connections,
    /// Tokens of connections that functions of the program carry, and whose turn is due, each once at most.
    pub(super) outside: Queue<u64>,
    /// How many such connections there are.
    pub(super) carried: usize,
    /// There are orders that were not taken yet.
    ordered: bool,
    /// Mails to begin.
    starts: Queue<Start>,
    /// Handshakes that may be gone on with in this turn.
    handshakes: u32,
    /// Rounds of the derivation of logins' keys that may be made in this turn.
    rounds: u32,
    buffer: Box<[u8]>,
    nonces: Nonces,
}

/// How many handshakes a turn goes on with at most: each takes half a millisecond, and the others wait meanwhile. With 1,000 of
/// them a plain mail waits 14 ms in all; with 4 a turn 29 ms, with 1 it is 7 ms and the handshakes take 15 % more.
const HANDSHAKES: u32 = 2;

/// How many rounds of SCRAM a turn makes at most, for all logins: 1,000 take 0.4 ms with SHA-1 and 0.6 ms with SHA-256 (measured on an
/// x86-64 server with instructions for them; without some 2 ms), and what else is due waits so long.
pub const ROUNDS: u32 = 1000;

/// What comes after a turn.
pub enum Turn {
    /// Nothing for so many milliseconds; None: until something happens.
    Wait(Option<u64>),
    /// The program has closed the descriptors: the engine is to be abandoned.
    Abandon,
}

impl Engine {
    /// An engine without connections, and how it is woken.
    pub fn new(number: u32, polled: bool) -> Result<(Boxed<Self>, Waker), (Code, Reason)> {
        let refused = |_: Failure| (Code::ConnectFailed, Reason::NoSocket);
        let no_memory = (Code::DataFailed, Reason::NoMemory);
        let buffer = memory::zeros(BUFFER).ok_or(no_memory)?;
        let (poller, waker) = Poller::new(WAKE).map_err(refused)?;
        let engine = Boxed::new(Self {
            number,
            polled,
            comes: NEVER,
            poller,
            waker,
            connections: Connections::new(),
            outside: Queue::new(),
            carried: 0,
            ordered: false,
            starts: Queue::new(),
            handshakes: HANDSHAKES,
            rounds: ROUNDS,
            buffer,
            nonces: Nonces::new(),
        });
        Ok((engine.ok_or(no_memory)?, waker))
    }

    /// Has every connection looked at in the next turns.
    pub fn look_at_all(&mut self) {
        self.connections.queue_all();
    }

    /// Ends all mails that have a connection, without closing anything. Returns those that have none yet.
    pub fn abandon(mut self: Box<Self>) -> Queue<Start> {
        let now = clock::now();
        while let Some(mut connection) = self.connections.take_next() {
            end_abandoned(&mut connection, now);
            connection.close_once();
        }
        self.forget_outside();
        self.poller.leave_open();
        self.starts
    }

    /// Ends the engine without a word about its mails. Descriptors that the program has closed before stay as they are: their
    /// numbers may be the program's own.
    pub fn forget(mut self: Box<Self>) {
        self.forget_outside();
        let ours = self.poller.is_ours();
        while let Some(mut connection) = self.connections.take_next() {
            if ours {
                connection.make_sure(&self.poller);
            } else {
                connection.leave_open();
            }
        }
        if !ours {
            self.poller.leave_open();
        }
    }

    /// A turn. After a defect in one the mails go on: the next turn comes soon.
    pub fn turn_safely(&mut self, ready: &Ready) -> Turn {
        let mut turn = Turn::Wait(Some(1000));
        sys::is_sound(&mut || turn = self.turn(ready));
        turn
    }

    /// Does a bounded amount of what is to be done now, and says what comes then.
    fn turn(&mut self, ready: &Ready) -> Turn {
        let now = clock::now();
        self.handshakes = HANDSHAKES;
        self.rounds = ROUNDS;
        let begun_before = self.connections.unfinished().min(SHARE);
        // First, so that nothing more is said for a mail that was given up before.
        self.ordered |= ready.events().any(|event| event.token == WAKE);
        if self.ordered {
            self.take_orders(now);
        }
        self.take_answers(now);
        self.take_work(now);
        let mut strange = false;
        for event in ready.events().filter(|event| event.token != WAKE) {
            strange |= !self.carry(event.token, now, |connection, tools| connection.handle(event, tools));
        }
        // The event is of a connection that has ended since; or of the program's own, where it has closed our list and made
        // one of its own that got the same number. Those events would never end.
        if strange && !self.poller.is_ours() {
            return Turn::Abandon;
        }
        for _ in 0..SHARE {
            let Some(mut start) = self.starts.pop() else {
                break;
            };
            let (key, mail) = (start.key, start.mail);
            let mut promise = start.promise.take();
            if self.begin(start, &mut promise, now).is_none() {
                let given_up = key.slot().is_some_and(|slot| slot.is_given_up(mail));
                let (code, reason) = if given_up {
                    (Code::Cancelled, Reason::Cancelled)
                } else {
                    (Code::DataFailed, Reason::NoMemory)
                };
                refuse(key, promise, Phase::Start, code, reason);
            }
        }
        if self.starts.is_empty() && self.starts.room() > KEPT_ORDERS {
            self.starts = Queue::new();
        }
        // Only those of the turn before: the others have had their share in this one.
        for _ in 0..begun_before {
            if let Some(token) = self.connections.next_unfinished() {
                self.carry(token, now, Connection::go_on);
            }
        }
        let mut looked = false;
        for _ in 0..SHARE {
            let Some(token) = self.connections.late(now) else { break };
            // Where the program has closed the list, no event came and none will.
            if !looked && !self.poller.is_ours() {
                return Turn::Abandon;
            }
            looked = true;
            self.carry(token, now, Connection::tick);
        }
        Turn::Wait(self.due(now))
    }

    /// After how many milliseconds there is something to do, even if nothing happens.
    // Saves 240 bytes.
    #[inline(never)]
    pub fn due(&self, now: u64) -> Option<u64> {
        if self.ordered || !self.starts.is_empty() || self.connections.unfinished() > 0 {
            return Some(0);
        }
        // One millisecond more, because the clock counts whole ones.
        let earliest = self.connections.earliest()?;
        Some(earliest.saturating_sub(now).saturating_add(1))
    }

    /// Takes the orders: ends what is to be ended, and queues the new mails.
    fn take_orders(&mut self, now: u64) {
        let mut ends = [0; SHARE];
        let (count, all) = shared().take_orders(&mut ends, &mut self.starts);
        self.ordered = !all;
        for place in ends.into_iter().take(count) {
            self.end(place, now);
        }
    }

    /// Takes the addresses of the names that were looked up.
    pub(super) fn take_answers(&mut self, now: u64) {
        let turned = self.connections.turned();
        resolve::answers(self.number, turned, |token, answer| {
            match self.connections.get(token).filter(|connection| connection.is_carried()) {
                Some(connection) => {
                    connection.keep_answer(answer, now);
                    self.leave(token);
                }
                None => {
                    self.carry(token, now, |connection, tools| connection.resolved(answer, tools));
                }
            }
        });
    }

    /// Takes what threads have read for mails.
    pub(super) fn take_work(&mut self, now: u64) {
        let turned = self.connections.turned();
        files::answers(self.number, turned, |token, work| {
            match self.connections.get(token).filter(|connection| connection.is_carried()) {
                Some(connection) => {
                    connection.take_work(work, now);
                    self.leave(token);
                }
                None => {
                    self.carry(token, now, |connection, tools| {
                        connection.take_work_and_go_on(work, tools)
                    });
                }
            }
        });
    }

    /// How much of the mail in flight of this client has left, and how much there is.
    pub fn progress(&mut self, key: Key) -> Option<(u64, u64)> {
        self.connections.progress(key)
    }

    /// Cancels the mail of the client at this place if it was given up or the client has ended. Of a client that has ended the
    /// connection that only waits for the reply to QUIT is closed, too.
    fn end(&mut self, place: usize, now: u64) {
        if let Some(token) = self.connections.active(place) {
            self.carry(token, now, |connection, tools| {
                let slot = connection.key.slot();
                if slot.is_none_or(|slot| slot.is_given_up(connection.mail)) {
                    connection.cancel(tools);
                }
            });
        } else {
            self.connections.miss_active(place);
        }
        if let Some(token) = self.connections.lingering(place) {
            if let Some(connection) = self.connections.get(token) {
                if connection.is_kept() {
                    let (key, number) = (connection.key, connection.snapshot.number);
                    let freed = key.slot().is_none();
                    let stays = if freed {
                        connection.is_carried()
                    } else {
                        shared().is_of(key, number)
                    };
                    if !stays {
                        self.part(token, now);
                    }
                    return;
                }
                // What functions of the program carry is closed by who freed the client.
                if connection.key.slot().is_none() && !connection.is_carried() {
                    connection.make_sure(&self.poller);
                    self.connections.remove(token);
                }
            }
        }
    }

    /// Makes a connection for a mail and begins to connect; None without memory for it. The connection takes the promise.
    // Saves 400 bytes.
    #[inline(never)]
    fn begin(&mut self, start: Start, promise: &mut Option<Promise>, now: u64) -> Option<()> {
        let (key, mail) = (start.key, start.mail);
        let mut start = start;
        let Some(slot) = key.slot() else { return Some(()) };
        let carried = start.carried.is_some();
        if carried {
            let all = self.carried.saturating_add(1);
            self.outside.reserve(all)?;
        }
        if let Some(post) = &mut start.post {
            let seconds = clock::calendar().map_or(0, |milliseconds| milliseconds / 1000);
            post.date = u32::try_from(seconds).unwrap_or(u32::MAX);
            post.nonce = self.nonces.next();
        }
        let keeps = start.snapshot.keep_alive > 0;
        if let Some(kept) = keeps.then(|| self.kept(key)).flatten() {
            match self.reuse(kept, start, promise, now)? {
                Ok(()) => {
                    self.set_off(kept, slot.is_given_up(mail), now);
                    return Some(());
                }
                Err(back) => start = back,
            }
        }
        let token = self
            .connections
            .add(key, |token, out| Connection::new(start, token, out, now))?;
        if let Some(connection) = self.connections.get(token) {
            connection.promise = promise.take();
        }
        self.carried = self.carried.saturating_add(usize::from(carried));
        self.set_off(token, slot.is_given_up(mail), now);
        Some(())
    }

    /// Begins to connect, or to send over the connection that was kept; or ends a mail that was given up.
    fn set_off(&mut self, token: u64, given_up: bool, now: u64) {
        if given_up {
            self.carry(token, now, Connection::cancel);
        } else {
            self.carry(token, now, Connection::open);
        }
    }

    /// Has a connection do something and takes over what follows from it: the result, the deadline, its end. False where there
    /// is no connection with this token.
    pub(super) fn carry(&mut self, token: u64, now: u64, act: impl FnOnce(&mut Connection, &mut Tools<'_>)) -> bool {
        let mut act = Some(act);
        self.carry_one(token, now, &mut |connection, tools| {
            if let Some(act) = act.take() {
                act(connection, tools);
            }
        })
    }

    /// The same in one place, whatever is done.
    #[inline(never)]
    fn carry_one(&mut self, token: u64, now: u64, act: &mut dyn FnMut(&mut Connection, &mut Tools<'_>)) -> bool {
        let mut tools = Tools {
            poller: &self.poller,
            buffer: &mut self.buffer,
            now,
            worker: Worker {
                number: self.number,
                waker: self.waker,
            },
            handshakes: &mut self.handshakes,
            rounds: &mut self.rounds,
        };
        let Some(connection) = self.connections.get(token) else {
            return self.connections.miss(token);
        };
        if connection.is_carried() {
            self.leave(token);
            return true;
        }
        let computed = connection.computes();
        let sound = sys::is_sound(&mut || act(connection, &mut tools));
        if computed || connection.computes() {
            wipe_stack();
        }
        self.settle(token, now, sound);
        true
    }

    /// How it is woken.
    pub fn worker(&self) -> Worker {
        Worker {
            number: self.number,
            waker: self.waker,
        }
    }

    /// Removes a connection.
    pub(super) fn remove(&mut self, token: u64) {
        let carried = self.is_carried(token);
        self.carried = self.carried.saturating_sub(usize::from(carried));
        self.connections.remove(token);
    }

    /// Takes over what followed from what a connection did: the result, the deadline, its end.
    pub(super) fn settle(&mut self, token: u64, now: u64, sound: bool) {
        self.settle_once(token, now, sound, true);
    }

    /// The same; `may`: where there was no descriptor for it, another one may be made after some was given up.
    fn settle_once(&mut self, token: u64, now: u64, sound: bool, may: bool) {
        let Some(connection) = self.connections.get(token) else {
            return;
        };
        if may && sound && connection.lacks_descriptor() {
            self.make_room_for(token, now);
            return self.settle_once(token, now, sound, false);
        }
        let ended = if sound {
            connection.take_ended(now)
        } else {
            connection.defect()
        };
        let (key, closed) = (connection.key, connection.closed() || !sound);
        let lines = connection.take_lines();
        let mail = connection.mail;
        let over = closed || ended.as_ref().is_some_and(|ended| !ended.again);
        let dialogue = if over { connection.dialogue() } else { None };
        let verdicts = connection.take_verdicts();
        let (deadline, rests) = (connection.deadline(), connection.rests());
        let promise = ended
            .as_ref()
            .filter(|ended| !ended.again)
            .and_then(|_| connection.promise.take());
        let unfinished = connection.unfinished() && !closed;
        if let Some(dialogue) = dialogue {
            shared().keep_dialogue(key, mail, dialogue);
        }
        if let Some(verdicts) = verdicts {
            shared().keep_verdicts(key, mail, verdicts);
        }
        // Without memory they are lost.
        if let Some(call) = lines.and_then(|(trace, lines)| Call::of_lines(key, trace, lines)) {
            shared().calls.add(call);
        }
        if let Some(deadline) = deadline {
            self.connections.watch(token, deadline);
        }
        if unfinished {
            self.connections.queue(token);
        }
        if let Some(ended) = ended.as_ref().filter(|ended| ended.again) {
            let (told, recipient) = (&ended.told, ended.recipient.octets());
            shared().record_attempt(key, told, ended.recipients, recipient);
        } else if let Some(ended) = ended {
            if let Some(before) = self.connections.linger(key, token) {
                if let Some(connection) = self.connections.get(before) {
                    connection.make_sure(&self.poller);
                }
                self.remove(before);
            }
            if rests {
                self.connections.keep(token, now);
            }
            publish(key, &ended, promise);
        } else if rests {
            self.connections.keep(token, now);
        }
        if closed {
            self.remove(token);
        }
    }
}

/// Ends the mail of a connection whose engine was abandoned.
pub fn end_abandoned(connection: &mut Connection, now: u64) {
    let promise = connection.promise.take();
    if let Some(ended) = connection.abandon(now) {
        if let Some(verdicts) = connection.take_verdicts() {
            shared().keep_verdicts(connection.key, connection.mail, verdicts);
        }
        publish(connection.key, &ended, promise);
    }
}

/// Ends a mail: after the lines of its conversation were told, if the program is told of them.
fn publish(key: Key, ended: &Ended, promise: Option<Promise>) {
    let mut shared = shared();
    if let Some(client) = shared.client(key) {
        client.progress = ended.progress;
    }
    // Without memory it does not wait for them.
    let result = if shared.calls.has(key) {
        Call::of_result(key, ended)
    } else {
        None
    };
    let Some(result) = result else {
        return end_mail(shared, key, ended, promise);
    };
    shared.calls.add(result);
    if let Some(promise) = promise {
        shared.calls.add(promise.kept(&ended.told));
    }
}

/// Ends a mail for which there is no connection.
pub fn refuse(key: Key, promise: Option<Promise>, phase: Phase, code: Code, reason: Reason) {
    let told = LastMail::without_id(Report::unsent(code, phase, Outcome::NotSent, reason));
    let recipient = Bounded::EMPTY;
    let ended = Ended {
        told,
        recipients: 0,
        recipient,
        again: false,
        progress: (0, 0),
    };
    publish(key, &ended, promise);
}
