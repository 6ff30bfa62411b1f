//! The part of the clients that is locked, and the orders for the thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::memory::Boxed;
use super::post::Post;
use super::registry::{self, Key};
use super::snapshot::Snapshot;
use super::{clock, sys};
use crate::client::log::{Entry, Ring};
use crate::client::report::{Report, Text};
use crate::code::Code;
use crate::limits::{CLIENTS, DEVICE_CREDENTIAL_BYTES, LOG_ENTRIES, MESSAGE_ID_BYTES};

/// Places of freed clients that rest before they are used again.
const RESTING: usize = 64;

/// How a mail ended, and its Message-ID.
#[derive(Clone, Copy)]
pub struct Told {
    /// The result.
    pub report: Report,
    /// The Message-ID; empty where the mail did not start.
    pub message_id: Text<MESSAGE_ID_BYTES>,
}

impl Told {
    /// Before the first mail.
    pub const NONE: Self = Self::without_id(Report::NONE);

    /// Of a mail that has no Message-ID.
    pub const fn without_id(report: Report) -> Self {
        Self {
            report,
            message_id: Text::EMPTY,
        }
    }
}

impl core::ops::Deref for Told {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.report
    }
}

/// A client, but for what is read without the lock.
pub struct Member {
    /// Which one.
    pub key: Key,
    /// Its configuration.
    pub snapshot: Option<Snapshot>,
    /// What the three-function API takes for user name and password.
    pub device_limit: usize,
    /// How its last mail ended.
    pub told: Told,
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
            told: Told::NONE,
            waiters: 0,
            ring: Ring::EMPTY,
            entries: Vec::new(),
        }
    }

    fn record(&mut self, entry: Entry) {
        let before = self.ring;
        let place = self.ring.place(LOG_ENTRIES);
        if let Some(old) = self.entries.get_mut(place) {
            *old = entry;
        } else if self.entries.try_reserve(1).is_ok() {
            self.entries.push(entry);
        } else {
            // Without memory for another line the log stays as it is.
            self.ring = before;
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

/// What the thread is to do. An order is moved into the queue and out of it, in place: no memory of its own.
#[allow(clippy::large_enum_variant)]
pub enum Order {
    /// Send a mail; without one, probe.
    Start {
        /// For this client.
        key: Key,
        /// With this configuration.
        snapshot: Snapshot,
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
    members: Vec<Option<Boxed<Member>>>,
    free: VecDeque<usize>,
    orders: VecDeque<Order>,
    waker: Option<sys::Waker>,
    signalled: bool,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    members: Vec::new(),
    free: VecDeque::new(),
    orders: VecDeque::new(),
    waker: None,
    signalled: false,
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
    /// A client that lives; or the code that says why there is none.
    pub fn living(&mut self, key: Key) -> Result<&mut Member, Code> {
        // Only the built-in client can live without memory for its part.
        let missing = if key == Key::BUILT_IN {
            Code::DataFailed
        } else {
            Code::BadHandle
        };
        self.member(key).ok_or(missing)
    }

    /// A client that lives, if there is memory for it.
    pub fn member(&mut self, key: Key) -> Option<&mut Member> {
        if key == Key::BUILT_IN && self.members.is_empty() {
            self.members.try_reserve(1).ok()?;
            self.members.push(Some(Boxed::new(Member::new(key))?));
        }
        let member = self.members.get_mut(key.place)?.as_mut()?;
        (member.key == key).then_some(member)
    }

    /// A new client, unless there are too many.
    pub fn begin(&mut self) -> Option<Key> {
        self.member(Key::BUILT_IN)?;
        // A place rests before it is used again: a call on a freed handle that is under way meets nobody there.
        let place = match self.free.front() {
            Some(place) if self.free.len() > RESTING || self.members.len() >= CLIENTS => *place,
            _ => self.members.len(),
        };
        if place == self.members.len() {
            // Room in both, so that the end of a client needs no memory.
            self.members.try_reserve(1).ok()?;
            let all = self.members.len().saturating_add(1);
            self.free.try_reserve(all.saturating_sub(self.free.len())).ok()?;
        }
        let mut member = Boxed::new(Member::new(Key { place, life: 0 }))?;
        let key = registry::begin(place)?;
        member.key = key;
        match self.members.get_mut(place) {
            Some(empty) => {
                self.free.pop_front();
                *empty = Some(member);
            }
            None => self.members.push(Some(member)),
        }
        Some(key)
    }

    /// Ends a client; false where it had ended before.
    pub fn end(&mut self, key: Key) -> bool {
        if key == Key::BUILT_IN || !registry::end(key) {
            return false;
        }
        if let Some(place) = self.members.get_mut(key.place) {
            *place = None;
            self.free.push_back(key.place);
        }
        true
    }

    /// Whether there is a thread to order something from.
    pub fn started(&self) -> bool {
        self.waker.is_some()
    }

    /// Notes that there is one now, and how it is woken.
    pub fn set_started(&mut self, waker: sys::Waker) {
        self.waker = Some(waker);
    }

    /// Orders something; the thread is to be woken after unlocking. None without memory for it.
    pub fn order(&mut self, order: Order) -> Option<Wake> {
        let Some(waker) = self.waker else {
            return Some(Wake(None));
        };
        self.orders.try_reserve(1).ok()?;
        self.orders.push_back(order);
        let needed = !core::mem::replace(&mut self.signalled, true);
        Some(Wake(needed.then_some(waker)))
    }

    /// Wakes the thread for what it may have missed.
    pub fn wake_again(&self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }

    /// There is no thread any more: what was ordered from it goes to `taken`.
    pub fn forget_thread(&mut self, taken: &mut VecDeque<Order>) -> Option<sys::Waker> {
        self.take_orders(taken);
        self.waker.take()
    }

    /// In the child of a fork: nobody waits.
    pub fn forget_waiters(&mut self) {
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
    pub fn publish(&mut self, key: Key, told: Told, recipients: u16, recipient: &[u8]) -> Notice {
        let Some(slot) = key.slot() else { return Notice(None) };
        let mut waiters = 0;
        // The built-in client may have had no memory for its part yet: its status is told all the same.
        if let Some(member) = self.member(key) {
            let time = clock::calendar().unwrap_or(0);
            member.record(Entry::of(&told.report, time, recipients, recipient));
            member.told = told;
            waiters = member.waiters;
        }
        slot.guard.end(key.guard_life(), told.report.code);
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
pub struct Wake(Option<sys::Waker>);

impl Wake {
    /// Wakes the thread, without a lock held: else it would wake only to wait for the lock. False where it cannot be woken
    /// any more.
    pub fn wake(self) -> bool {
        self.0.is_none_or(sys::Waker::wake)
    }
}
