//! The part of the clients that is locked, and the orders for the thread.

use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::post::Post;
use super::registry::{self, Key};
use super::snapshot::Snapshot;
use super::{clock, sys};
use crate::client::log::{Entry, Ring};
use crate::client::report::Report;
use crate::limits::{DEVICE_CREDENTIAL_BYTES, LOG_ENTRIES};

/// A client, but for what is read without the lock.
pub struct Member {
    /// Which one.
    pub key: Key,
    /// Its configuration.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What the three-function API takes for user name and password.
    pub device_limit: usize,
    /// How its last mail ended.
    pub report: Report,
    /// Threads that wait for its mail.
    pub waiters: u32,
    ring: Ring,
    entries: Vec<Entry>,
}

impl Member {
    fn new(key: Key) -> Self {
        Self {
            key,
            snapshot: None,
            device_limit: DEVICE_CREDENTIAL_BYTES,
            report: Report::NONE,
            waiters: 0,
            ring: Ring::EMPTY,
            entries: Vec::new(),
        }
    }

    fn record(&mut self, entry: Entry) {
        let place = self.ring.place(LOG_ENTRIES);
        match self.entries.get_mut(place) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// The newest entries of the log, the oldest of them first.
    pub fn log(&self, most: usize) -> impl Iterator<Item = &Entry> {
        self.ring
            .newest(most, LOG_ENTRIES)
            .filter_map(|place| self.entries.get(place))
    }

    /// Entries in the log.
    pub fn log_len(&self) -> usize {
        self.ring.len()
    }
}

/// What the thread is to do.
pub enum Order {
    /// Send a mail; without one, probe.
    Start {
        /// For this client.
        key: Key,
        /// With this configuration.
        snapshot: Arc<Snapshot>,
        /// This one.
        post: Option<Post>,
        /// When it was ordered.
        started: u64,
    },
    /// Give up the mail of this client.
    Cancel(Key),
}

/// All that is locked together.
pub struct Shared {
    members: Vec<Option<Box<Member>>>,
    free: Vec<usize>,
    orders: VecDeque<Order>,
    waker: Option<Arc<sys::Waker>>,
    signalled: bool,
    /// Whether `fork()` knows of us; see `fork.rs`.
    pub fork_prepared: bool,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    members: Vec::new(),
    free: Vec::new(),
    orders: VecDeque::new(),
    waker: None,
    signalled: false,
    fork_prepared: false,
});

/// Locks, whether or not somebody panicked with the lock: what it protects is replaced whole or not at all.
pub fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks the shared part.
pub fn shared() -> MutexGuard<'static, Shared> {
    lock(&SHARED)
}

impl Shared {
    /// A client that lives.
    pub fn member(&mut self, key: Key) -> Option<&mut Member> {
        if key == Key::BUILT_IN && self.members.is_empty() {
            self.members.push(Some(Box::new(Member::new(key))));
        }
        let member = self.members.get_mut(key.place)?.as_mut()?;
        (member.key == key).then_some(member)
    }

    /// A new client, unless there are too many.
    pub fn begin(&mut self) -> Option<Key> {
        self.member(Key::BUILT_IN)?;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.members.push(None);
                self.members.len().saturating_sub(1)
            }
        };
        let Some(key) = registry::begin(place) else {
            self.members.pop();
            return None;
        };
        *self.members.get_mut(place)? = Some(Box::new(Member::new(key)));
        Some(key)
    }

    /// Ends a client; false where it had ended before.
    pub fn end(&mut self, key: Key) -> bool {
        if key == Key::BUILT_IN || !registry::end(key) {
            return false;
        }
        if let Some(place) = self.members.get_mut(key.place) {
            *place = None;
            self.free.push(key.place);
        }
        true
    }

    /// Whether there is a thread to order something from.
    pub fn started(&self) -> bool {
        self.waker.is_some()
    }

    /// Notes that there is one now, and how it is woken.
    pub fn set_started(&mut self, waker: Arc<sys::Waker>) {
        self.waker = Some(waker);
    }

    /// Orders something, if there is a thread; it is to be woken after unlocking.
    pub fn order(&mut self, order: Order) -> Wake {
        let Some(waker) = &self.waker else { return Wake(None) };
        self.orders.push_back(order);
        let needed = !core::mem::replace(&mut self.signalled, true);
        Wake(needed.then(|| waker.clone()))
    }

    /// In the child of a fork: no thread, no orders, nobody who waits.
    pub fn forget_thread(&mut self) {
        self.orders.clear();
        self.waker = None;
        self.signalled = false;
        for member in self.members.iter_mut().flatten() {
            member.waiters = 0;
        }
    }

    /// The orders that came since; `taken` is empty.
    pub fn take_orders(&mut self, taken: &mut VecDeque<Order>) {
        self.signalled = false;
        core::mem::swap(&mut self.orders, taken);
    }

    /// Ends a client's mail: result, log, status, in this order.
    pub fn publish(&mut self, key: Key, report: Report, recipients: u16, recipient: &[u8]) -> Notice {
        let (Some(slot), Some(member)) = (key.slot(), self.member(key)) else {
            return Notice(None);
        };
        let time = clock::calendar().unwrap_or(0);
        member.record(Entry::of(&report, time, recipients, recipient));
        member.report = report;
        let waiters = member.waiters;
        slot.guard.end(report.code);
        Notice((waiters > 0).then_some(&slot.ended))
    }
}

/// Threads that may wait for a mail that has ended.
#[must_use]
pub struct Notice(Option<&'static Condvar>);

impl Notice {
    /// Tells them, without a lock held: else they would wake only to wait for the lock.
    pub fn tell(self) {
        if let Some(ended) = self.0 {
            ended.notify_all();
        }
    }
}

/// A wake-up that may be due.
#[must_use]
pub struct Wake(Option<Arc<sys::Waker>>);

impl Wake {
    /// Wakes the thread, without a lock held: else it would wake only to wait for the lock.
    pub fn wake(self) {
        if let Some(waker) = self.0 {
            waker.wake();
        }
    }
}
