//! The thread: sleeps in the kernel, carries what is ready, ends what is late.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::boxed::Box;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use super::clock;
use super::connection::{Connection, Ended, Tools};
use super::connections::Connections;
use super::memory::{self, Boxed};
use super::nonces::Nonces;
use super::registry::Key;
use super::shared::{Start, Told, Worker, lock, shared};
use super::sys::{self, Failure, Poller, Ready, Task};
use crate::client::report::Report;
use crate::code::{Code, Outcome, Phase, Reason};

/// What is received at a time: one buffer for all connections.
const BUFFER: usize = 16 * 1024;

/// The waker's token; no connection has it.
const WAKE: u64 = u64::MAX;

/// How many mails are begun, ended, looked after and carried on in a turn, of each at most: so that the lock is given back
/// after some milliseconds, however many there are.
const SHARE: usize = 64;

/// Orders that the queue keeps room for when it is empty.
const KEPT_ORDERS: usize = 64;

/// A time that never comes.
const NEVER: u64 = u64::MAX;

/// The engine of this process, while it has one.
static ENGINE: Mutex<Option<Boxed<Engine>>> = Mutex::new(None);

/// Whoever wants the engine waits here first, and holds this until it has the engine: so the thread, which wants it again at
/// once after each turn, comes after those who waited.
static DOOR: Mutex<()> = Mutex::new(());

/// The engine, locked.
pub type Locked = MutexGuard<'static, Option<Boxed<Engine>>>;

/// Locks the engine. Nobody who holds the shared lock may.
pub fn engine() -> Locked {
    let _first = lock(&DOOR);
    lock(&ENGINE)
}

/// The same, and keeps everybody else out until both are given back: for a fork.
pub fn engine_and_door() -> (MutexGuard<'static, ()>, Locked) {
    let door = lock(&DOOR);
    (door, lock(&ENGINE))
}

/// The program has its own event loop, and no thread is started.
static POLLED: AtomicBool = AtomicBool::new(false);

/// All connections, and what they share.
pub struct Engine {
    /// Which engine of this process it is: a thread works with its own only.
    number: u32,
    /// The program drives it.
    polled: bool,
    /// When the program comes to do so at the latest, by what [`poll`] told it; 0 where the descriptor calls it already.
    /// Threads that wait for a mail drive the engine besides, and owe it a call for what is due before.
    comes: u64,
    poller: Poller,
    connections: Connections,
    /// There are orders that were not taken yet.
    ordered: bool,
    /// Mails to begin.
    starts: VecDeque<Start>,
    buffer: Box<[u8]>,
    nonces: Nonces,
}

/// What comes after a turn.
enum Next {
    /// Nothing for so many milliseconds; None: until something happens.
    Wait(Option<u64>),
    /// The program has closed the descriptors: the engine is to be abandoned.
    Abandon,
}

/// What was started: how to wake it, and, where the program drives it, the engine itself, for [`install`].
pub type Started = (Worker, Option<Boxed<Engine>>);

/// Starts the thread, unless the program drives the engine; or says why the system has no descriptor, memory or thread for it.
pub fn start() -> Result<Started, (Code, Reason)> {
    static ENGINES: AtomicU32 = AtomicU32::new(0);
    let no_memory = (Code::DataFailed, Reason::NoMemory);
    let refused = |_: Failure| (Code::ConnectFailed, Reason::NoSocket);
    let buffer = memory::zeros(BUFFER).ok_or(no_memory)?;
    let polled = POLLED.load(Ordering::Acquire);
    let (poller, waker) = Poller::new(WAKE).map_err(refused)?;
    let number = ENGINES.fetch_add(1, Ordering::Relaxed);
    let worker = Worker { number, waker };
    let engine = Engine {
        number,
        polled,
        comes: NEVER,
        poller,
        connections: Connections::new(),
        ordered: false,
        starts: VecDeque::new(),
        buffer,
        nonces: Nonces::new(),
    };
    let engine = Boxed::new(engine).ok_or(no_memory)?;
    if polled {
        return Ok((worker, Some(engine)));
    }
    sys::start_thread(engine.into_inner()).map_err(|_| (Code::DataFailed, Reason::NoThread))?;
    Ok((worker, None))
}

/// Puts an engine that the program drives in its place: without the shared lock, which is never held when the engine's is
/// taken.
pub fn install(new: Option<Boxed<Engine>>) {
    if let Some(new) = new {
        put_in_place(new);
    }
}

/// False where it works for nobody any more: it was abandoned before it had begun, and another one may be in its place.
fn put_in_place(new: Boxed<Engine>) -> bool {
    let mut place = engine();
    let current = shared().is_current(new.number);
    if current {
        *place = Some(new);
    } else {
        drop(place);
        forget(new);
    }
    current
}

/// Has the program drive the engine from now on, and gives the descriptor that is readable when [`poll`] has something to
/// do. None where a thread drives it already, or the system has no descriptor or memory.
pub fn descriptor() -> Option<i32> {
    let mut shared = shared();
    if !shared.started() {
        POLLED.store(true, Ordering::Release);
        let Ok((worker, engine)) = start() else {
            // Nobody would drive it.
            POLLED.store(false, Ordering::Release);
            return None;
        };
        shared.set_started(worker);
        drop(shared);
        install(engine);
    } else {
        drop(shared);
    }
    let engine = engine();
    let engine = engine.as_ref().filter(|engine| engine.polled)?;
    Some(engine.poller.number())
}

/// Whether the program drives the engine.
pub fn polled() -> bool {
    POLLED.load(Ordering::Acquire)
}

/// For the program's event loop: does what is to be done now, without waiting for anything. After how many milliseconds it
/// wants to be called again; None: when the descriptor is readable.
pub fn poll() -> Option<u64> {
    let next = step(0, By::Program);
    // A thread that waits for a mail may have been driving the engine, and its mail may have ended just now.
    let idle = shared().idle_driver();
    if let Some(waker) = idle {
        waker.wake();
    }
    match next {
        Some(Next::Wait(left)) => left,
        _ => None,
    }
}

/// For a thread that waits for a mail: does what is to be done, after waiting at most so many milliseconds for it. False
/// where there is no engine to drive.
pub fn drive(patience: u64) -> bool {
    step(patience, By::Waiting).is_some()
}

/// Such a thread goes its way: what is due before the program comes to drive the engine is the program's again.
pub fn hand_back() {
    let mut place = engine();
    let Some(mine) = place.as_mut().filter(|engine| engine.polled) else {
        return;
    };
    let now = clock::now();
    let due = mine.due(now).map_or(NEVER, |left| now.saturating_add(left));
    if due < mine.comes {
        mine.comes = 0;
        drop(place);
        shared().wake_again();
    }
}

/// Who does a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Thread,
    Program,
    Waiting,
}

/// A turn, after waiting at most so many milliseconds for something to do; None where the program has no engine to drive.
fn step(patience: u64, by: By) -> Option<Next> {
    let (descriptor, number, due) = {
        let engine = engine();
        let engine = engine.as_ref().filter(|engine| engine.polled)?;
        // Else it would take away what happens on a list of the program's.
        let descriptor = engine.poller.is_ours().then(|| engine.poller.descriptor());
        (descriptor, engine.number, engine.due(clock::now()))
    };
    let mut ready = Ready::new();
    let patience = due.map_or(patience, |due| due.min(patience));
    let waited = descriptor.is_some_and(|descriptor| ready.wait(descriptor, Some(patience)));
    let next = turn_after(number, waited, &ready, by)?;
    if matches!(next, Next::Abandon) {
        abandon(number);
    }
    Some(next)
}

/// A turn of an engine after a wait on its list; None where it was abandoned meanwhile.
fn turn_after(number: u32, waited: bool, ready: &Ready, by: By) -> Option<Next> {
    let mut engine = engine();
    let Some(mine) = engine.as_mut().filter(|engine| engine.number == number) else {
        // The number that was waited on may belong to the next one's list by now: what has been taken away is what that
        // one should have been told, or will be when it begins.
        if let Some(next) = engine.as_mut() {
            next.connections.queue_all();
        }
        drop(engine);
        shared().wake_again();
        return None;
    };
    if !waited {
        return Some(Next::Abandon);
    }
    let next = mine.turn_safely(ready);
    match (by, &next) {
        (By::Program, Next::Wait(left)) => {
            mine.comes = left.map_or(NEVER, |left| clock::now().saturating_add(left));
        }
        // The call has been taken away.
        (By::Waiting, _) if mine.comes == 0 && ready.events().any(|event| event.token == WAKE) => mine.comes = NEVER,
        _ => {}
    }
    Some(next)
}

impl Task for Engine {
    const NAME: &'static CStr = c"sds-smtp";
    /// The thread has no deep calls and no large locals; what the program keeps for each thread has its place here, too.
    const STACK: usize = 512 * 1024;

    /// It puts the engine in its place by itself: whoever starts it holds the shared lock, and may not take the engine's
    /// after that.
    fn run(new: Box<[Self; 1]>) {
        let new = Boxed::from_inner(new);
        let (number, poller) = (new.number, new.poller.descriptor());
        if !put_in_place(new) {
            return;
        }
        let mut ready = Ready::new();
        let mut timeout = None;
        loop {
            let waited = ready.wait(poller, timeout);
            match turn_after(number, waited, &ready, By::Thread) {
                Some(Next::Wait(left)) => timeout = left,
                Some(Next::Abandon) => return abandon(number),
                None => return,
            }
        }
    }
}

/// Ends everything after the program has closed descriptors that were ours: every mail gets a result, and the next one
/// starts a new thread. Nothing is closed here: the numbers may be the program's own by now. Of several who come to this for
/// the same engine the first one does it; the next engine is none of their business.
pub fn abandon(number: u32) {
    let mut starts = VecDeque::new();
    let engine = {
        let mut place = engine();
        let mut shared = shared();
        if shared.is_current(number) {
            shared.forget_thread(&mut starts);
        }
        place.take_if(|engine| engine.number == number)
    };
    let now = clock::now();
    if let Some(engine) = engine {
        let [mut engine] = *engine.into_inner();
        starts.append(&mut engine.starts);
        for connection in engine.connections.drain() {
            let [mut connection] = *connection.into_inner();
            if let Some(ended) = connection.abandon(now) {
                publish(connection.key, &ended);
            }
        }
        engine.poller.leave_open();
    }
    for start in starts {
        refuse(start.key, Phase::Connect, Code::ConnectFailed, Reason::NoSocket);
    }
}

/// Looks whether the thread still waits where it can be woken, for somebody who has waited for a while; where it does
/// not, everything is ended as [`abandon`] does.
pub fn look_after() {
    let worker = shared().worker();
    if let Some(worker) = worker.filter(|worker| !worker.waker.is_ours()) {
        abandon(worker.number);
    }
}

/// Drops an engine that works for nobody: in the child of a fork, and where it was abandoned before it had begun. Where the
/// program had closed some of our descriptors before, their numbers are the program's own, and stay open.
pub fn forget(engine: Boxed<Engine>) {
    let [mut engine] = *engine.into_inner();
    let ours = engine.poller.is_ours();
    for connection in engine.connections.drain() {
        let [mut connection] = *connection.into_inner();
        if ours {
            connection.make_sure(&engine.poller);
        } else {
            connection.leave_open();
        }
    }
    if !ours {
        engine.poller.leave_open();
    }
}

impl Engine {
    /// A turn. A defect in one must not be the end of all mails: look again, soon.
    fn turn_safely(&mut self, ready: &Ready) -> Next {
        catch_unwind(AssertUnwindSafe(|| self.turn(ready))).unwrap_or(Next::Wait(Some(1000)))
    }

    /// Does what is to be done now, a bounded amount of it, and says what comes then.
    fn turn(&mut self, ready: &Ready) -> Next {
        let now = clock::now();
        let begun_before = self.connections.unfinished().min(SHARE);
        // First: nothing more is said for a mail that was given up before.
        self.ordered |= ready.events().any(|event| event.token == WAKE);
        if self.ordered {
            self.take_orders(now);
        }
        let mut strange = false;
        for event in ready.events().filter(|event| event.token != WAKE) {
            strange |= !self.carry(event.token, now, |connection, tools| connection.ready(event, tools));
        }
        // Told of a connection that is gone since; or of what the program waits for, on a list of its own that has the number
        // of ours: that would never end.
        if strange && !self.poller.is_ours() {
            return Next::Abandon;
        }
        for _ in 0..SHARE {
            let Some(start) = self.starts.pop_front() else { break };
            let (key, mail) = (start.key, start.mail);
            if self.begin(start, now).is_none() {
                let given_up = key.slot().is_some_and(|slot| slot.is_given_up(mail));
                let (code, reason) = if given_up {
                    (Code::Cancelled, Reason::Cancelled)
                } else {
                    (Code::DataFailed, Reason::NoMemory)
                };
                refuse(key, Phase::Start, code, reason);
            }
        }
        if self.starts.is_empty() && self.starts.capacity() > KEPT_ORDERS {
            self.starts = VecDeque::new();
        }
        // Those of the turn before; the others have only just had theirs.
        for _ in 0..begun_before {
            if let Some(token) = self.connections.next_unfinished() {
                self.carry(token, now, Connection::go_on);
            }
        }
        let mut looked = false;
        for _ in 0..SHARE {
            let Some(token) = self.connections.late(now) else { break };
            // The thread may have waited on a list that the program has closed, and whose sockets are gone with it: nothing
            // came, and nothing will.
            if !looked && !self.poller.is_ours() {
                return Next::Abandon;
            }
            looked = true;
            self.carry(token, now, Connection::tick);
        }
        Next::Wait(self.due(now))
    }

    /// After how many milliseconds there is something to do, whatever comes.
    fn due(&self, now: u64) -> Option<u64> {
        if self.ordered || !self.starts.is_empty() || self.connections.unfinished() > 0 {
            return Some(0);
        }
        // One millisecond more: the clock counts whole ones.
        let earliest = self.connections.earliest()?;
        Some(earliest.saturating_sub(now).saturating_add(1))
    }

    /// Ends what is to be ended, and takes the mails that were ordered.
    fn take_orders(&mut self, now: u64) {
        let mut ends = [0; SHARE];
        let (count, all) = shared().take_orders(&mut ends, &mut self.starts);
        self.ordered = !all;
        for place in ends.into_iter().take(count) {
            self.end(place, now);
        }
    }

    /// Gives up the mail of the client at this place that is to be given up; where the client lives no more, also what
    /// only waits for its QUIT to be answered.
    fn end(&mut self, place: usize, now: u64) {
        if let Some(token) = self.connections.active(place) {
            self.carry(token, now, |connection, tools| {
                let slot = connection.key.slot();
                if slot.is_none_or(|slot| slot.is_given_up(connection.mail)) {
                    connection.cancel(tools);
                }
            });
        }
        if let Some(token) = self.connections.lingering(place) {
            if let Some(connection) = self.connections.get(token) {
                if connection.key.slot().is_none() {
                    connection.make_sure(&self.poller);
                    self.connections.remove(token);
                }
            }
        }
    }

    /// Begins a mail; None without memory for it.
    fn begin(&mut self, start: Start, now: u64) -> Option<()> {
        let Start {
            key,
            mail,
            snapshot,
            mut post,
            started,
        } = start;
        let Some(slot) = key.slot() else { return Some(()) };
        if let Some(post) = &mut post {
            let seconds = clock::calendar().map_or(0, |milliseconds| milliseconds / 1000);
            post.date = u32::try_from(seconds).unwrap_or(u32::MAX);
            post.nonce = self.nonces.next();
        }
        let token = self.connections.add(key, |token, out| {
            Connection::new(key, mail, token, snapshot, post, out, started, now)
        })?;
        if slot.is_given_up(mail) {
            self.carry(token, now, Connection::cancel);
        } else {
            self.carry(token, now, Connection::open);
        }
        Some(())
    }

    /// Has a connection do something, and sees to what comes of it. False where the one with this token is gone: then nothing
    /// is done.
    fn carry(&mut self, token: u64, now: u64, act: impl FnOnce(&mut Connection, &mut Tools<'_>)) -> bool {
        let mut tools = Tools {
            poller: &self.poller,
            buffer: &mut self.buffer,
            now,
        };
        let Some(connection) = self.connections.get(token) else {
            return false;
        };
        let sound = catch_unwind(AssertUnwindSafe(|| act(connection, &mut tools))).is_ok();
        let ended = if sound {
            connection.take_ended(now)
        } else {
            connection.defect()
        };
        let (key, closed) = (connection.key, connection.closed() || !sound);
        let deadline = connection.deadline();
        let unfinished = connection.unfinished() && !closed;
        if let Some(deadline) = deadline {
            self.connections.watch(token, deadline);
        }
        if unfinished {
            self.connections.queue(token);
        }
        if let Some(ended) = ended {
            if let Some(before) = self.connections.linger(key, token) {
                if let Some(connection) = self.connections.get(before) {
                    connection.make_sure(&self.poller);
                }
                self.connections.remove(before);
            }
            publish(key, &ended);
        }
        if closed {
            self.connections.remove(token);
        }
        true
    }
}

fn publish(key: Key, ended: &Ended) {
    let notice = shared().publish(key, ended.told, ended.recipients, ended.recipient.octets());
    notice.tell();
}

/// Ends a mail for which there is no connection.
fn refuse(key: Key, phase: Phase, code: Code, reason: Reason) {
    let report = Report::unsent(code, phase, Outcome::NotSent, reason);
    let notice = shared().publish(key, Told::without_id(report), 0, &[]);
    notice.tell();
}
