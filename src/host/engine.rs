//! The thread: sleeps in the kernel, carries what is ready, ends what is late.

use std::boxed::Box;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::vec::Vec;

use super::clock;
use super::connection::{Connection, Ended, Tools};
use super::post::Post;
use super::registry::Key;
use super::shared::{Order, lock, shared};
use super::snapshot::Snapshot;
use super::sys::{Poller, Ready, Waker, with_signals_blocked};

/// What is received at a time: one buffer for all connections.
const BUFFER: usize = 16 * 1024;

/// The thread's stack: it has no deep calls and no large locals.
const STACK: usize = 128 * 1024;

/// The waker's token; no connection has it.
const WAKE: u64 = u64::MAX;

/// The engine of this process, while it has one.
pub static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);

/// All connections, and what they share.
pub struct Engine {
    poller: Poller,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    live: usize,
    serial: u32,
    /// No deadline is before this.
    earliest: Option<u64>,
    /// Tokens of connections that have more to do.
    unfinished: Vec<u64>,
    orders: VecDeque<Order>,
    buffer: Box<[u8]>,
    /// The buffer of the last connection that ended, for the next one.
    spare: Option<Box<[u8]>>,
    nonces: Nonces,
}

/// Starts the thread. None where the system has no thread, descriptor or memory for it.
pub fn start() -> Option<Arc<Waker>> {
    let poller = Poller::new().ok()?;
    let waker = Arc::new(Waker::new().ok()?);
    poller.add(waker.descriptor(), WAKE).ok()?;
    let engine = Engine {
        poller,
        connections: Vec::new(),
        free: Vec::new(),
        live: 0,
        serial: 0,
        earliest: None,
        unfinished: Vec::new(),
        orders: VecDeque::new(),
        buffer: std::vec![0; BUFFER].into_boxed_slice(),
        spare: None,
        nonces: Nonces::new(),
    };
    let builder = thread::Builder::new().name("sds-smtp".into()).stack_size(STACK);
    with_signals_blocked(|| builder.spawn(move || run(engine))).ok()?;
    Some(waker)
}

/// The thread. It puts the engine in its place by itself: whoever starts it holds the shared lock, and may not take the
/// engine's after that.
fn run(engine: Engine) {
    let poller = engine.poller.descriptor();
    *lock(&ENGINE) = Some(engine);
    let mut ready = Ready::new();
    let mut timeout = None;
    loop {
        ready.wait(poller, timeout);
        let mut engine = lock(&ENGINE);
        let Some(engine) = engine.as_mut() else { return };
        // A defect in one turn must not be the end of all mails: look again, soon.
        timeout = catch_unwind(AssertUnwindSafe(|| engine.turn(&ready))).unwrap_or(Some(1000));
    }
}

impl Engine {
    /// Does what is to be done now, and says how long there is nothing to do.
    fn turn(&mut self, ready: &Ready) -> Option<u64> {
        let now = clock::now();
        let mut unfinished = core::mem::take(&mut self.unfinished);
        for event in ready.events() {
            if event.token == WAKE {
                self.take_orders(now);
            } else {
                self.carry(event.token, now, |connection, tools| connection.ready(event, tools));
            }
        }
        for token in unfinished.drain(..) {
            self.carry(token, now, Connection::go_on);
        }
        if self.earliest.is_some_and(|earliest| now >= earliest) {
            self.tick(now);
        }
        if !self.unfinished.is_empty() {
            return Some(0);
        }
        // One millisecond more: the clock counts whole ones.
        self.earliest
            .map(|earliest| earliest.saturating_sub(now).saturating_add(1))
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
                } => self.begin(key, snapshot, post, started, now),
                Order::Cancel(key) => self.cancel(key, now),
            }
        }
        self.orders = orders;
    }

    fn begin(&mut self, key: Key, snapshot: Arc<Snapshot>, mut post: Option<Post>, started: u64, now: u64) {
        if key.slot().is_none() {
            return;
        }
        if let Some(post) = &mut post {
            post.date = clock::calendar().map(|milliseconds| milliseconds / 1000);
            post.nonce = self.nonces.next();
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len().saturating_sub(1)
        });
        self.serial = self.serial.wrapping_add(1);
        // The serial number tells a connection from a former one at the same place.
        let token = (u64::from(self.serial) << 32) | (place as u64 & 0xFFFF_FFFF);
        let out = self.spare.take().unwrap_or_else(Connection::buffer);
        let connection = Connection::new(key, token, snapshot, post, out, started, now);
        if let Some(slot) = self.connections.get_mut(place) {
            *slot = Some(Box::new(connection));
            self.live = self.live.saturating_add(1);
        }
        self.carry(token, now, Connection::open);
    }

    fn cancel(&mut self, key: Key, now: u64) {
        let tokens: Vec<u64> = self
            .tokens(|connection| connection.key == key && !connection.lingers())
            .collect();
        for token in tokens {
            self.carry(token, now, |connection, _| connection.cancel());
        }
    }

    fn tokens(&self, of: impl Fn(&Connection) -> bool) -> impl Iterator<Item = u64> {
        self.connections
            .iter()
            .flatten()
            .filter(move |connection| of(connection))
            .map(|connection| connection.token())
    }

    fn tick(&mut self, now: u64) {
        self.earliest = None;
        let late: Vec<u64> = self
            .tokens(|connection| connection.deadline().is_some_and(|deadline| now >= deadline))
            .collect();
        for token in late {
            self.carry(token, now, |connection, tools| connection.tick(tools.now));
        }
        self.earliest = self
            .connections
            .iter()
            .flatten()
            .filter_map(|connection| connection.deadline())
            .min();
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
        if connection.unfinished() && !closed {
            self.unfinished.push(token);
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
            self.spare = connection.take_buffer();
            self.free.push(place);
            self.live = self.live.saturating_sub(1);
        }
        if self.live == 0 {
            self.earliest = None;
        }
    }
}

fn publish(key: Key, ended: &Ended) {
    let notice = shared().publish(key, ended.report, ended.recipients, ended.recipient.octets());
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
        let random = || RandomState::new().build_hasher().finish();
        Self {
            counter: random(),
            process: random(),
        }
    }

    fn next(&mut self) -> [u8; 16] {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let number = (u128::from(mixed(self.counter)) << 64) | u128::from(mixed(self.process ^ self.counter));
        number.to_be_bytes()
    }
}

/// A permutation of the 64-bit numbers in which each bit depends on all (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
