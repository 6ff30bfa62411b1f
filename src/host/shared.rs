//! The part of the clients that is locked, and the orders for the thread.

use core::sync::atomic::{AtomicBool, Ordering};
use std::boxed::Box;

use super::calls::{Calls, Promise};
use super::carried::{Carried, Given};
use super::keys::{Saved, Tag};
use super::memory::{Boxed, Row};
use super::post::Post;
use super::queue::Queue;
use super::registry::{self, Death, Key};
use super::snapshot::Snapshot;
use super::sys::{Condition, Lock, Locked};
use super::told::{Ended, Kept, LastMail};
use super::verdicts::Verdicts;
use super::{clock, sys};
use crate::auth::derivation::Keys;
use crate::channel::callbacks::Done;
use crate::client::log::{Entry, Ring};
use crate::code::{Code, Phase};
use crate::limits::{CLIENTS, Count, DEVICE_CREDENTIAL_BYTES, LOG_ENTRIES};

/// Places of freed clients that rest before they are used again.
const RESTING: usize = 64;

/// Milliseconds after which a thread that was woken has taken its orders; else it is looked after.
pub const WAKING: u64 = 1000;

/// In [`Shared::ends`]: this place is not in the list, or it is the last one.
const NOT_LISTED: u32 = u32::MAX;
const LAST: u32 = u32::MAX - 1;

/// A client, but for what is read without the lock.
pub struct SharedClient {
    /// Which one.
    pub key: Key,
    /// Its configuration.
    pub snapshot: Option<Snapshot>,
    /// What the three-function API takes for user name and password.
    pub device_limit: usize,
    /// What its password comes to.
    pub keys: Option<Boxed<Saved>>,
    /// How its last mail ended.
    pub told: Kept,
    /// Why its last configuration or mail was refused; None where it was not.
    pub refusal: Option<Box<[u8]>>,
    /// What became of each recipient of its last mail, where it had several.
    pub verdicts: Option<Boxed<Verdicts>>,
    /// The same of the mail with this number, whose end is told just now.
    ending: Option<(u32, Boxed<Verdicts>)>,
    /// The last conversation, where the configuration says that it is to be kept.
    pub dialogue: Option<Box<[u8]>>,
    /// The program's functions that carry its connections.
    pub given: Option<Boxed<Given>>,
    /// Threads that wait for its mail.
    pub waiters: u32,
    /// How many octets of the last mail had left, and how many there were.
    pub progress: (u64, u64),
    /// The number of its newest mail.
    pub mail: u32,
    /// How many of its mails have ended: who waits sees by it that one did.
    pub ended: u32,
    ring: Ring,
    entries: Row<Entry>,
}

impl SharedClient {
    fn new(key: Key) -> Self {
        Self {
            key,
            snapshot: None,
            keys: None,
            device_limit: DEVICE_CREDENTIAL_BYTES,
            told: Kept::nothing(),
            refusal: None,
            verdicts: None,
            ending: None,
            dialogue: None,
            given: None,
            waiters: 0,
            progress: (0, 0),
            mail: 0,
            ended: 0,
            ring: Ring::EMPTY,
            entries: Row::new(),
        }
    }

    fn record(&mut self, entry: Entry) {
        let before = self.ring;
        let index = self.ring.next_index(LOG_ENTRIES);
        if let Some(old) = self.entries.get_mut(index) {
            *old = entry;
        } else if self.entries.push(entry).is_none() {
            // Without memory for another line the log stays as it is.
            self.ring = before;
        }
    }

    /// The newest entries of the log, the oldest of them first.
    pub fn log(&self, most: usize) -> impl Iterator<Item = &Entry> {
        self.ring
            .newest(most, LOG_ENTRIES)
            .filter_map(|index| self.entries.get(index))
    }

    /// Entries in the log.
    pub fn log_len(&self) -> usize {
        self.ring.len()
    }
}

/// A mail to be sent; without one, a probe. It is moved into the queue and out of it, in place: no memory of its own.
pub struct Start {
    /// For this client.
    pub key: Key,
    /// Which of its mails this is.
    pub mail: u32,
    /// With this configuration.
    pub snapshot: Snapshot,
    /// The mail.
    pub post: Option<Post>,
    /// How it is to be sent.
    pub order: Order,
    /// Who is told of its end.
    pub promise: Option<Promise>,
    /// Where functions of the program carry it.
    pub carried: Option<Boxed<Carried>>,
    /// When it was ordered.
    pub started: u64,
}

/// What a mail asks for besides.
#[derive(Clone, Copy, Default)]
pub struct Order {
    /// Up to the last recipient, and no further.
    pub dry: bool,
    /// To whoever is accepted; else to all or to none.
    pub partial: bool,
    /// Is told of its end.
    pub done: Option<Done<LastMail>>,
}

/// The engine that works for the clients.
#[derive(Clone, Copy)]
pub struct Worker {
    /// Which engine of this process it is.
    pub number: u32,
    /// How it is woken.
    pub waker: sys::Waker,
}

/// All that is locked together.
pub struct Shared {
    members: Row<Option<Boxed<SharedClient>>>,
    free: Queue<usize>,
    starts: Queue<Start>,
    /// For each place of a client the next one in the list of those where something is to be ended. The list needs no
    /// memory when something is added, and each place is in it once at most.
    ends: Row<u32>,
    first_end: u32,
    worker: Option<Worker>,
    /// When the thread was woken, while it has not taken its orders.
    signalled: Option<u64>,
    /// Where the program drives the engine: the client whose waiting thread does so now.
    driver: Option<Key>,
    /// What the program is to be told.
    pub calls: Calls,
    /// The library's thread, while it works for the clients.
    thread: Option<sys::Thread>,
    /// A thread shuts the library down.
    pub ending: bool,
    /// The configurations of TLS that clients have.
    #[cfg(feature = "tls")]
    pub tls: super::tls::Configs,
}

static SHARED: Lock<Shared> = Lock::new(Shared {
    members: Row::new(),
    free: Queue::new(),
    starts: Queue::new(),
    ends: Row::new(),
    first_end: LAST,
    worker: None,
    signalled: None,
    driver: None,
    calls: Calls::NONE,
    thread: None,
    ending: false,
    #[cfg(feature = "tls")]
    tls: super::tls::Configs::NONE,
});

/// The program has its own event loop, and no thread is started.
static POLLED: AtomicBool = AtomicBool::new(false);

/// Whether the program drives the engine.
pub fn polled() -> bool {
    POLLED.load(Ordering::Acquire)
}

/// Says whether the program drives the engine.
pub fn set_polled(polled: bool) {
    POLLED.store(polled, Ordering::Release);
}

/// Where the program drives the engine: tells those who wait that a mail has ended, or that nobody drives it now.
pub static DRIVEN: Condition = Condition::new();

/// Locks the shared part, whether or not somebody panicked with the lock: what it protects is replaced whole or not at all.
#[inline(never)]
pub fn shared() -> Locked<'static, Shared> {
    SHARED.lock()
}

impl Shared {
    /// A client that lives; or the code that says why there is none.
    pub fn living(&mut self, key: Key) -> Result<&mut SharedClient, Code> {
        // Only the built-in client can live without memory for its part.
        let missing = if key == Key::BUILT_IN {
            Code::DataFailed
        } else {
            Code::BadHandle
        };
        self.client(key).ok_or(missing)
    }

    /// A client that lives, if there is memory for it.
    pub fn client(&mut self, key: Key) -> Option<&mut SharedClient> {
        if key == Key::BUILT_IN && self.members.is_empty() {
            self.ends.reserve(1)?;
            let client = Boxed::new(SharedClient::new(key))?;
            self.members.push(Some(client))?;
            self.ends.push(NOT_LISTED)?;
        }
        let client = self.members.get_mut(key.place)?.as_mut()?;
        (client.key == key).then_some(client)
    }

    /// A new client, unless there are too many.
    pub fn begin(&mut self) -> Option<Key> {
        self.client(Key::BUILT_IN)?;
        // A place rests before it is used again: a call on a freed handle that is under way meets nobody there.
        let place = match self.free.first() {
            Some(place) if self.free.len() > RESTING || self.members.len() >= CLIENTS => *place,
            _ => self.members.len(),
        };
        if place == self.members.len() {
            // Room in all of them, so that the end of a client needs no memory.
            self.members.reserve(1)?;
            self.ends.reserve(1)?;
            self.free.reserve(self.members.len().saturating_add(1))?;
        }
        let mut client = Boxed::new(SharedClient::new(Key { place, life: 0 }))?;
        let key = registry::begin(place)?;
        client.key = key;
        match self.members.get_mut(place) {
            Some(empty) => {
                self.free.pop();
                *empty = Some(client);
            }
            None => {
                self.members.push(Some(client))?;
                self.ends.push(NOT_LISTED)?;
            }
        }
        Some(key)
    }

    /// Ends a client; false where it had ended before.
    pub fn end(&mut self, key: Key) -> bool {
        let death = if key == Key::BUILT_IN {
            Death::Before
        } else {
            registry::end(key)
        };
        if death == Death::Before {
            return false;
        }
        if let Some(place) = self.members.get_mut(key.place) {
            *place = None;
            if death == Death::Rests {
                // There is room for all of them.
                self.free.push(key.place);
            }
        }
        true
    }

    /// Whether there is a thread to order something from.
    pub fn started(&self) -> bool {
        self.worker.is_some()
    }

    /// Notes that there is one now; `thread` where it has one of its own.
    // Saves 80 bytes.
    #[inline(never)]
    pub fn set_started(&mut self, worker: Worker, thread: Option<sys::Thread>) {
        self.worker = Some(worker);
        self.thread = thread;
    }

    /// Whether this engine works for the clients.
    pub fn is_current(&self, number: u32) -> bool {
        self.worker.is_some_and(|worker| worker.number == number)
    }

    /// Whether this client lives and has this configuration.
    pub fn is_of(&mut self, key: Key, configuration: u32) -> bool {
        let snapshot = self.client(key).and_then(|client| client.snapshot.as_ref());
        snapshot.is_some_and(|snapshot| snapshot.number == configuration)
    }

    /// Orders a mail; the thread is to be woken after unlocking. None without memory for it.
    pub fn start(&mut self, start: Start) -> Option<Wake> {
        self.starts.push(start)?;
        Some(self.signal())
    }

    /// Has the thread look what is to be ended at a place: the mail that [`registry::Slot::is_given_up`], or, where the
    /// client lives no more, all of it. Needs no memory; the thread is to be woken after unlocking.
    pub fn end_at(&mut self, place: usize) -> Wake {
        if let (Some(next @ &mut NOT_LISTED), Ok(number)) = (self.ends.get_mut(place), u32::try_from(place)) {
            *next = core::mem::replace(&mut self.first_end, number);
        }
        self.signal()
    }

    // Saves 32 bytes.
    #[inline(never)]
    fn signal(&mut self) -> Wake {
        let now = clock::now();
        // A thread that does not move may have lost what it waits on: it is woken again, which tells.
        let waiting = self.signalled.is_some_and(|since| now.saturating_sub(since) < WAKING);
        if waiting {
            return Wake(None);
        }
        self.signalled = self.worker.map(|_| now);
        Wake(self.worker)
    }

    /// Wakes the thread for what it may have missed.
    pub fn wake_again(&self) {
        if let Some(worker) = self.worker {
            worker.waker.wake();
        }
    }

    /// The engine that works for the clients, while there is one.
    pub fn worker(&self) -> Option<Worker> {
        self.worker
    }

    /// There is no thread any more: the mails that were ordered from it go to `taken`, and there is nothing to end. Returns the
    /// thread.
    pub fn forget_thread(&mut self, taken: &mut Queue<Start>) -> Option<sys::Thread> {
        core::mem::swap(&mut self.starts, taken);
        self.ends.fill(NOT_LISTED);
        self.first_end = LAST;
        self.signalled = None;
        self.worker = None;
        self.thread.take()
    }

    /// A client whose mail is in flight: the first one from this place on, or else before it.
    pub fn busy_from(&self, place: usize) -> Option<Key> {
        let busy = |client: &SharedClient| client.key.slot().is_some_and(|slot| slot.guard.busy());
        let (before, behind) = self.members.split_at_checked(place)?;
        let mut both = behind.iter().chain(before).flatten();
        both.find(|client| busy(client)).map(|client| client.key)
    }

    /// Whether a mail was ordered that the engine has not taken.
    pub fn has_orders(&self) -> bool {
        !self.starts.is_empty()
    }

    /// In the child of a fork: nobody waits.
    pub fn forget_waiters(&mut self) {
        self.driver = None;
        self.ending = false;
        self.calls.forget();
        for client in self.members.iter_mut().flatten() {
            client.waiters = 0;
        }
    }

    /// Gives the thread places where something is to be ended, as many as there is room for, and says how many. When there
    /// are no more of them, and `starts` is empty, it gets the mails that were ordered since: what was to be ended before
    /// a mail was ordered is always ended before that mail begins. False where there is more to take.
    pub fn take_orders(&mut self, ends: &mut [usize], starts: &mut Queue<Start>) -> (usize, bool) {
        let mut count = 0;
        for end in ends {
            let place = self.first_end as usize;
            let Some(next) = self.ends.get_mut(place) else { break };
            self.first_end = core::mem::replace(next, NOT_LISTED);
            *end = place;
            count += 1;
        }
        let all = self.first_end == LAST && starts.is_empty();
        if all {
            self.signalled = None;
            core::mem::swap(&mut self.starts, starts);
        }
        (count, all)
    }

    /// Where the program drives the engine: takes the driving over for a thread that waits for this client; false where
    /// another does it.
    pub fn drive(&mut self, key: Key) -> bool {
        if self.driver.is_some() {
            return false;
        }
        self.driver = Some(key);
        true
    }

    /// Gives the driving back.
    pub fn stop_driving(&mut self) {
        self.driver = None;
        DRIVEN.notify_all();
    }

    /// What wakes the thread that drives the engine, where it has nothing to wait for any more: another one did its work.
    pub fn idle_driver(&self) -> Option<sys::Waker> {
        let key = self.driver?;
        let waits = key.slot().is_some_and(|slot| slot.guard.busy());
        self.worker.map(|worker| worker.waker).filter(|_| !waits)
    }

    /// The keys that were saved for a login of this configuration, where it is the client's still.
    pub fn saved_keys(&mut self, key: Key, configuration: u32, tag: &Tag) -> Option<Keys> {
        let saved = self.client(key)?.keys.as_ref()?;
        saved.are_of(configuration).then(|| saved.get(tag))?
    }

    /// Saves keys, where the configuration is the client's still. Without memory the next mail derives them again.
    pub fn save_keys(&mut self, key: Key, configuration: u32, tag: Tag, keys: &Keys) {
        let Some(client) = self.client(key) else { return };
        if client
            .snapshot
            .as_ref()
            .is_none_or(|snapshot| snapshot.number != configuration)
        {
            return;
        }
        if client.keys.as_ref().is_none_or(|saved| !saved.are_of(configuration)) {
            client.keys = Boxed::new(Saved::new(configuration));
        }
        if let Some(saved) = &mut client.keys {
            saved.save(tag, keys);
        }
    }

    /// Keeps the conversation of a client's mail, unless it has begun another one since.
    pub fn keep_dialogue(&mut self, key: Key, mail: u32, dialogue: Box<[u8]>) {
        if let Some(client) = self.client(key).filter(|client| client.mail == mail) {
            client.dialogue = Some(dialogue);
        }
    }

    /// Keeps what became of the recipients of a client's mail until its end is told.
    pub fn keep_verdicts(&mut self, key: Key, mail: u32, verdicts: Boxed<Verdicts>) {
        if let Some(client) = self.client(key) {
            client.ending = Some((mail, verdicts));
        }
    }

    /// Notes in a client's log that its mail was attempted, and will be again.
    pub fn record_attempt(&mut self, key: Key, told: &LastMail, recipients: Count, recipient: &[u8]) {
        if let Some(client) = self.client(key) {
            let time = clock::calendar().unwrap_or(0);
            let entry = Entry::of(&told.report, time, recipients, recipient);
            client.record(Entry {
                phase: Phase::Waiting,
                ..entry
            });
        }
    }

    /// Ends a client's mail: result, log, status, in this order.
    pub fn publish(&mut self, key: Key, told: &LastMail, recipients: Count, recipient: &[u8]) -> Notice {
        let Some(slot) = key.slot() else { return Notice(None) };
        let mut waiters = 0;
        // The built-in client may have had no memory for its part yet: its status is told all the same.
        if let Some(client) = self.client(key) {
            let time = clock::calendar().unwrap_or(0);
            client.record(Entry::of(&told.report, time, recipients, recipient));
            client.told = Kept::new(told);
            let mail = client.mail;
            let ending = client.ending.take().filter(|(of, _)| *of == mail);
            client.verdicts = ending.map(|(_, verdicts)| verdicts);
            client.ended = client.ended.wrapping_add(1);
            waiters = client.waiters;
        }
        slot.guard.end(key.guard_life(), told.report.code);
        Notice((waiters > 0).then_some(&slot.ended))
    }
}

/// Ends a client's mail, and tells those who wait for it; the program is told later, where it was promised.
pub fn end_mail(mut shared: Locked<'static, Shared>, key: Key, ended: &Ended, promise: Option<Promise>) {
    let notice = shared.publish(key, &ended.told, ended.recipients, ended.recipient.octets());
    if let Some(promise) = promise {
        shared.calls.add(promise.kept(&ended.told));
    }
    drop(shared);
    notice.tell();
}

/// Threads that may wait for a mail that has ended.
#[must_use]
pub struct Notice(Option<&'static Condition>);

impl Notice {
    /// Tells them, without a lock held: else they would wake only to wait for the lock.
    pub fn tell(self) {
        if let Some(ended) = self.0 {
            ended.notify_all();
            if polled() {
                DRIVEN.notify_all();
            }
        }
    }
}

/// A wake-up that may be due, for [`super::driver::wake`].
#[must_use]
pub struct Wake(Option<Worker>);

impl Wake {
    /// The engine that is to be woken.
    pub fn due(self) -> Option<Worker> {
        self.0
    }
}
