//! The thread: sleeps in the kernel, carries what is ready, ends what is late.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::boxed::Box;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use std::vec::Vec;

use super::clock;
use super::connection::{Connection, Ended, Tools};
use super::memory::{self, Boxed};
use super::post::Post;
use super::registry::Key;
use super::shared::{Order, Told, lock, shared};
use super::snapshot::Snapshot;
use super::sys::{self, Failure, Poller, Ready, Task, Waker};
use crate::client::report::Nonce;
use crate::client::report::Report;
use crate::code::{Code, Outcome, Phase, Reason};

/// What is received at a time: one buffer for all connections.
const BUFFER: usize = 16 * 1024;

/// The waker's token; no connection has it.
const WAKE: u64 = u64::MAX;

/// The engine of this process, while it has one.
pub static ENGINE: Mutex<Option<Boxed<Engine>>> = Mutex::new(None);

/// The program has its own event loop, and no thread is started.
static POLLED: AtomicBool = AtomicBool::new(false);

/// All connections, and what they share.
pub struct Engine {
    /// Which engine of this process it is: a thread works with its own only.
    number: u32,
    /// The program drives it.
    polled: bool,
    poller: Poller,
    connections: Vec<Option<Boxed<Connection>>>,
    free: Vec<usize>,
    live: usize,
    serial: u32,
    /// No deadline is before this.
    earliest: Option<u64>,
    /// Tokens of connections that have more to do.
    unfinished: VecDeque<u64>,
    orders: VecDeque<Order>,
    buffer: Box<[u8]>,
    /// The buffer of the last connection that ended, for the next one.
    spare: Option<Box<[u8]>>,
    nonces: Nonces,
}

/// What was started: how to wake it, and, where the program drives it, the engine itself, for [`install`].
pub type Started = (Waker, Option<Boxed<Engine>>);

/// Starts the thread, unless the program drives the engine; or says why the system has no descriptor, memory or thread for it.
pub fn start() -> Result<Started, (Code, Reason)> {
    static ENGINES: AtomicU32 = AtomicU32::new(0);
    let no_memory = (Code::DataFailed, Reason::NoMemory);
    let refused = |failure| match failure {
        Failure::Exhausted => (Code::ConnectFailed, Reason::NoSocket),
        _ => no_memory,
    };
    let buffer = memory::zeros(BUFFER).ok_or(no_memory)?;
    let polled = POLLED.load(Ordering::Acquire);
    let (poller, waker) = Poller::new(WAKE).map_err(refused)?;
    let engine = Engine {
        number: ENGINES.fetch_add(1, Ordering::Relaxed),
        polled,
        poller,
        connections: Vec::new(),
        free: Vec::new(),
        live: 0,
        serial: 0,
        earliest: None,
        unfinished: VecDeque::new(),
        orders: VecDeque::new(),
        buffer,
        spare: None,
        nonces: Nonces::new(),
    };
    let engine = Boxed::new(engine).ok_or(no_memory);
    let started = engine.and_then(|engine| {
        if polled {
            return Ok(Some(engine));
        }
        sys::start_thread(engine.into_inner())
            .map(|()| None)
            .map_err(|_| no_memory)
    });
    if started.is_err() {
        waker.close();
    }
    started.map(|engine| (waker, engine))
}

/// Puts an engine that the program drives in its place: without the shared lock, which is never held when the engine's is
/// taken.
pub fn install(engine: Option<Boxed<Engine>>) {
    if engine.is_some() {
        *lock(&ENGINE) = engine;
    }
}

/// Has the program drive the engine from now on, and gives the descriptor that is readable when [`poll`] has something to
/// do. None where a thread drives it already, or the system has no descriptor or memory.
pub fn descriptor() -> Option<i32> {
    let mut shared = shared();
    if !shared.started() {
        POLLED.store(true, Ordering::Release);
        let Ok((waker, engine)) = start() else {
            // Nobody would drive it.
            POLLED.store(false, Ordering::Release);
            return None;
        };
        shared.set_started(waker);
        drop(shared);
        install(engine);
    } else {
        drop(shared);
    }
    let engine = lock(&ENGINE);
    let engine = engine.as_ref().filter(|engine| engine.polled)?;
    Some(engine.poller.number())
}

/// Whether the program drives the engine.
pub fn polled() -> bool {
    POLLED.load(Ordering::Acquire)
}

/// Does what is to be done now, where the program drives the engine, after waiting at most so many milliseconds for it;
/// after how many it wants to be called again. None: when the descriptor is readable.
pub fn poll(patience: u64) -> Option<u64> {
    let (descriptor, number, due) = {
        let mut engine = lock(&ENGINE);
        let engine = engine.as_mut().filter(|engine| engine.polled)?;
        (engine.poller.descriptor(), engine.number, engine.due(clock::now()))
    };
    let mut ready = Ready::new();
    let waited = ready.wait(descriptor, Some(due.map_or(patience, |due| due.min(patience))));
    let mut engine = lock(&ENGINE);
    let mine = engine.as_mut().filter(|engine| engine.number == number)?;
    if !waited {
        drop(engine);
        abandon();
        return None;
    }
    catch_unwind(AssertUnwindSafe(|| mine.turn(&ready))).unwrap_or(Some(1000))
}

impl Task for Engine {
    const NAME: &'static CStr = c"sds-smtp";
    /// The thread has no deep calls and no large locals; what the program keeps for each thread has its place here, too.
    const STACK: usize = 512 * 1024;

    /// It puts the engine in its place by itself: whoever starts it holds the shared lock, and may not take the engine's
    /// after that.
    fn run(engine: Box<[Self; 1]>) {
        let engine = Boxed::from_inner(engine);
        let (number, poller) = (engine.number, engine.poller.descriptor());
        *lock(&ENGINE) = Some(engine);
        let mut ready = Ready::new();
        let mut timeout = None;
        loop {
            let waited = ready.wait(poller, timeout);
            let mut engine = lock(&ENGINE);
            let Some(mine) = engine.as_mut() else { return };
            if mine.number != number {
                // The number that this thread waited on may belong to the new engine's list by now: it has taken away
                // what that one's thread should have seen.
                mine.look_at_all();
                drop(engine);
                shared().wake_again();
                return;
            }
            if !waited {
                drop(engine);
                abandon();
                return;
            }
            // A defect in one turn must not be the end of all mails: look again, soon.
            timeout = catch_unwind(AssertUnwindSafe(|| mine.turn(&ready))).unwrap_or(Some(1000));
        }
    }
}

/// Ends everything after the program has closed descriptors that were ours: every mail gets a result, and the next one
/// starts a new thread. Nothing is closed here: the numbers may be the program's own by now.
pub fn abandon() {
    let engine = lock(&ENGINE).take();
    let mut orders = VecDeque::new();
    let _ = shared().forget_thread(&mut orders);
    let now = clock::now();
    if let Some(engine) = engine {
        let [engine] = *engine.into_inner();
        for connection in engine.connections.into_iter().flatten() {
            let [mut connection] = *connection.into_inner();
            if let Some(ended) = connection.abandon(now) {
                publish(connection.key, &ended);
            }
        }
        engine.poller.leave_open();
    }
    for order in orders {
        if let Order::Start { key, .. } = order {
            refuse(key, Phase::Connect, Code::ConnectFailed, Reason::NoSocket);
        }
    }
}

impl Engine {
    /// Does what is to be done now, and says how long there is nothing to do.
    fn turn(&mut self, ready: &Ready) -> Option<u64> {
        let now = clock::now();
        let begun_before = self.unfinished.len();
        for event in ready.events() {
            if event.token == WAKE {
                self.take_orders(now);
            } else {
                self.carry(event.token, now, |connection, tools| connection.ready(event, tools));
            }
        }
        // Those of the turn before; the others have only just had theirs.
        for _ in 0..begun_before {
            if let Some(token) = self.unfinished.pop_front() {
                self.carry(token, now, Connection::go_on);
            }
        }
        if self.earliest.is_some_and(|earliest| now >= earliest) {
            self.tick(now);
        }
        self.due(now)
    }

    /// After how many milliseconds there is something to do, whatever comes.
    fn due(&self, now: u64) -> Option<u64> {
        if !self.unfinished.is_empty() {
            return Some(0);
        }
        // One millisecond more: the clock counts whole ones.
        self.earliest
            .map(|earliest| earliest.saturating_sub(now).saturating_add(1))
    }

    /// Has every connection looked at in the next turn.
    fn look_at_all(&mut self) {
        for connection in self.connections.iter_mut().flatten() {
            if connection.queue() && self.unfinished.try_reserve(1).is_ok() {
                self.unfinished.push_back(connection.token());
            }
        }
    }

    fn take_orders(&mut self, now: u64) {
        let mut orders = core::mem::take(&mut self.orders);
        shared().take_orders(&mut orders);
        for order in orders.drain(..) {
            match order {
                Order::Start {
                    key,
                    snapshot,
                    post,
                    started,
                } => {
                    if self.begin(key, snapshot, post, started, now).is_none() {
                        refuse(key, Phase::Start, Code::DataFailed, Reason::NoMemory);
                    }
                }
                Order::Cancel(key) => self.cancel(key, now),
            }
        }
        self.orders = orders;
    }

    /// Begins a mail; None without memory for it.
    fn begin(&mut self, key: Key, snapshot: Snapshot, mut post: Option<Post>, started: u64, now: u64) -> Option<()> {
        if key.slot().is_none() {
            return Some(());
        }
        if let Some(post) = &mut post {
            let seconds = clock::calendar().map_or(0, |milliseconds| milliseconds / 1000);
            post.date = u32::try_from(seconds).unwrap_or(u32::MAX);
            post.nonce = self.nonces.next();
        }
        let place = self.place()?;
        self.serial = self.serial.wrapping_add(1);
        // The serial number tells a connection from a former one at the same place.
        let token = (u64::from(self.serial) << 32) | (place as u64 & 0xFFFF_FFFF);
        let out = match self.spare.take() {
            Some(out) => out,
            None => Connection::buffer()?,
        };
        let connection = Boxed::new(Connection::new(key, token, snapshot, post, out, started, now))?;
        *self.connections.get_mut(place)? = Some(connection);
        self.free.pop();
        self.live = self.live.saturating_add(1);
        self.carry(token, now, Connection::open);
        Some(())
    }

    /// A free place, the last of the free ones. With a new one comes the room that its end and its turns need.
    fn place(&mut self) -> Option<usize> {
        if let Some(place) = self.free.last() {
            return Some(*place);
        }
        let all = self.connections.len().saturating_add(1);
        self.connections.try_reserve(1).ok()?;
        self.free.try_reserve(all).ok()?;
        self.unfinished
            .try_reserve(all.saturating_sub(self.unfinished.len()))
            .ok()?;
        self.connections.push(None);
        self.free.push(self.connections.len().saturating_sub(1));
        self.free.last().copied()
    }

    /// Gives up the mail of a client; of one that was freed also what only waits for its QUIT to be answered.
    fn cancel(&mut self, key: Key, now: u64) {
        let freed = key.slot().is_none();
        for place in 0..self.connections.len() {
            let Some(Some(connection)) = self.connections.get(place) else {
                continue;
            };
            if connection.key != key {
                continue;
            }
            let token = connection.token();
            if !connection.lingers() {
                self.carry(token, now, |connection, _| connection.cancel());
            } else if freed {
                self.remove(place);
            }
        }
    }

    fn tick(&mut self, now: u64) {
        self.earliest = None;
        for place in 0..self.connections.len() {
            let Some(Some(connection)) = self.connections.get(place) else {
                continue;
            };
            if connection.deadline().is_some_and(|deadline| now >= deadline) {
                let token = connection.token();
                self.carry(token, now, |connection, tools| connection.tick(tools.now));
            }
        }
        let deadlines = self
            .connections
            .iter()
            .flatten()
            .filter_map(|connection| connection.deadline());
        self.earliest = deadlines.min();
    }

    /// Has a connection do something, and sees to what comes of it. A token of one that is gone does nothing.
    fn carry(&mut self, token: u64, now: u64, act: impl FnOnce(&mut Connection, &mut Tools<'_>)) {
        let place = usize::try_from(token & 0xFFFF_FFFF).unwrap_or(usize::MAX);
        let mut tools = Tools {
            poller: &self.poller,
            buffer: &mut self.buffer,
            now,
        };
        let Some(connection) = self
            .connections
            .get_mut(place)
            .and_then(Option::as_mut)
            .map(|connection| &mut **connection)
            .filter(|connection| connection.token() == token)
        else {
            return;
        };
        let sound = catch_unwind(AssertUnwindSafe(|| act(connection, &mut tools))).is_ok();
        let ended = if sound {
            connection.take_ended(now)
        } else {
            connection.defect()
        };
        let (key, closed) = (connection.key, connection.closed() || !sound);
        if let Some(deadline) = connection.deadline() {
            self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        }
        // There is room: `place` made it. Should there be none all the same, the connection's deadline ends it.
        if connection.unfinished() && !closed && self.unfinished.try_reserve(1).is_ok() {
            self.unfinished.push_back(token);
        }
        if let Some(ended) = ended {
            self.close_lingering(key, token);
            publish(key, &ended);
        }
        if closed {
            self.remove(place);
        }
    }

    /// A client has one connection at most that only waits for its QUIT to be answered.
    fn close_lingering(&mut self, key: Key, but: u64) {
        let places = self.connections.iter().position(|place| {
            place
                .as_ref()
                .is_some_and(|connection| connection.key == key && connection.lingers() && connection.token() != but)
        });
        if let Some(place) = places {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: usize) {
        if let Some(mut connection) = self.connections.get_mut(place).and_then(Option::take) {
            if self.spare.is_none() {
                self.spare = connection.take_buffer();
            }
            self.free.push(place);
            self.live = self.live.saturating_sub(1);
        }
        if self.live == 0 {
            self.earliest = None;
        }
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

/// Numbers for Message-IDs: each different from all before it in this process, and, but for a chance of 2^-64, from
/// those of all others. They are no secrets.
struct Nonces {
    counter: u64,
    process: u64,
}

impl Nonces {
    fn new() -> Self {
        let number = || {
            let mut octets = [0u8; 8];
            if !sys::random(&mut octets) {
                // Early after the start of a device: time and process make it as different as they can.
                let time = SystemTime::now().duration_since(UNIX_EPOCH);
                let time = time.map_or(0, |time| u64::from(time.subsec_nanos()) ^ (time.as_secs() << 30));
                return mixed(time ^ (u64::from(std::process::id()) << 32));
            }
            u64::from_ne_bytes(octets)
        };
        Self {
            counter: number(),
            process: number(),
        }
    }

    fn next(&mut self) -> Nonce {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let [high, low] = [self.counter, self.process ^ self.counter].map(mixed);
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (high.to_be_bytes(), low.to_be_bytes());
        [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_be_bytes)
    }
}

/// A permutation of the 64-bit numbers in which each bit depends on all (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
