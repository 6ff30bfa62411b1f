//! What the program is to be told, in functions of its own: the lines of a conversation, and the end of a mail.
//!
//! The engine only queues it, with its lock held. [`runner`](super::runner) calls the functions afterwards, without a lock.

use core::cell::Cell;
use core::ffi::CStr;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::boxed::Box;

use super::clock;
use super::memory::Boxed;
use super::registry::{Counter, Key};
use super::sys;
use super::told::{Ended, LastMail};
use crate::channel::callbacks::{Done, Trace};
use crate::client::report::Report;

std::thread_local! {
    /// How many functions of the program this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The client whose connection this thread carries.
    static CARRIES: Cell<Option<Key>> = const { Cell::new(None) };
    /// Its functions are not to be called any more.
    static FORGOTTEN: Cell<bool> = const { Cell::new(false) };
}

/// Calls that are queued. It changes under the shared lock.
static QUEUED: AtomicUsize = AtomicUsize::new(0);

/// Connections that functions of the program carry and whose turn is due. It changes under the engine's lock.
static CARRIED: AtomicUsize = AtomicUsize::new(0);

/// How many forks have led to this process.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Whether this thread runs a function of the program.
pub fn inside() -> bool {
    DEPTH.get() > 0
}

/// Whether a call is queued: one load.
pub fn queued() -> bool {
    QUEUED.load(Ordering::Acquire) > 0
}

/// How many connections that functions of the program carry are due: one load.
pub fn carried() -> usize {
    CARRIED.load(Ordering::Acquire)
}

/// Counts such a connection.
pub fn count_carried(more: bool) {
    let _ = if more {
        CARRIED.fetch_add(1, Ordering::Release)
    } else {
        CARRIED.fetch_sub(1, Ordering::Release)
    };
}

/// Notes that this thread carries a connection of this client.
pub fn begin_to_carry(key: Key) {
    CARRIES.set(Some(key));
    FORGOTTEN.set(false);
}

/// Whether the functions of the connection that this thread carries are not to be called any more.
pub fn is_forgotten() -> bool {
    FORGOTTEN.get()
}

/// It does no longer; whether its functions are not to be called any more.
pub fn end_to_carry() -> bool {
    CARRIES.set(None);
    FORGOTTEN.take()
}

/// The program gives up the functions of this client. If this thread is inside of one, they are not called any more.
pub fn forget_carried(key: Key) {
    // It is always there. `get` would panic where it is not.
    if CARRIES.try_with(Cell::get) == Ok(Some(key)) {
        FORGOTTEN.set(true);
    }
}

/// How many forks have led to this process: who has called a function of the program sees whether it came back in the child
/// of one.
pub fn forks() -> u32 {
    FORKS.load(Ordering::Acquire)
}

/// Runs a function of the program. No lock may be held.
pub fn run<T>(function: impl FnOnce() -> T) -> T {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            go_inside(false);
        }
    }
    go_inside(true);
    let _inside = Inside;
    sys::unguarded(function)
}

/// Notes that this thread is inside of one function of the program more, or one less.
// Saves 288 bytes.
#[inline(never)]
fn go_inside(more: bool) {
    let depth = DEPTH.get();
    DEPTH.set(if more {
        depth.saturating_add(1)
    } else {
        depth.saturating_sub(1)
    });
}

/// For which clients functions of the program are called now. It is asked before each call.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// All.
    All,
    /// All, until this time.
    Until(u64),
    /// This one, and while its mail is in flight the others, too: who waits for the mail makes the calls.
    WithMail(Key),
}

impl Wanted {
    /// Whether they are called for this client.
    pub fn is(self, key: Key) -> bool {
        match self {
            Self::All => true,
            Self::Until(until) => clock::now() < until,
            Self::WithMail(own) => key == own || own.place().is_some_and(|slot| slot.guard.busy()),
        }
    }
}

/// What is told.
enum What {
    /// Lines, each with a NUL behind it.
    Lines(Trace, Box<[u8]>),
    /// How a mail ended.
    End(Done<LastMail>, Boxed<LastMail>),
    /// That a mail has ended, for the library itself: after the lines of its conversation were told.
    Result(Boxed<Ended>),
}

/// A call of a function of the program.
pub struct Call {
    /// Whose mail it is about.
    pub key: Key,
    what: What,
    /// The one behind it in a list. It does not end with this one, which would need a deep stack: who drops a list takes it apart.
    next: ManuallyDrop<Option<Boxed<Self>>>,
}

impl Call {
    /// Tells lines, each with a NUL behind it; None without memory.
    pub fn of_lines(key: Key, trace: Trace, lines: Box<[u8]>) -> Option<Boxed<Self>> {
        let what = What::Lines(trace, lines);
        Boxed::new(Self {
            key,
            what,
            next: ManuallyDrop::new(None),
        })
    }

    /// The result of a mail; None without memory.
    pub fn of_result(key: Key, ended: &Ended) -> Option<Boxed<Self>> {
        let what = What::Result(Boxed::new(*ended)?);
        let next = ManuallyDrop::new(None);
        Boxed::new(Self { key, what, next })
    }

    /// The result of a mail, where it is one.
    pub fn result(&self) -> Option<&Ended> {
        match &self.what {
            What::Result(ended) => Some(ended),
            _ => None,
        }
    }

    /// Whether it may be made now: the end of a mail is told when every send() of the client has returned, and every function that
    /// an attachment is read with.
    fn may_run(&self) -> bool {
        match self.what {
            What::Lines(..) | What::Result(..) => true,
            What::End(..) => self
                .key
                .slot()
                .is_none_or(|slot| !slot.sending.is_any() && !slot.reading.is_any()),
        }
    }

    /// Makes it, unless the client has ended meanwhile. No lock may be held.
    pub fn make(&self) {
        match &self.what {
            What::Lines(trace, lines) => {
                for line in lines.split_inclusive(|octet| *octet == 0) {
                    if let (Ok(line), Some(_)) = (CStr::from_bytes_with_nul(line), self.key.slot()) {
                        run(|| trace.call(line));
                    }
                }
            }
            What::End(done, told) => {
                let handle = self.key.caller_handle();
                run(|| done.call(handle, told));
            }
            What::Result(..) => {}
        }
    }
}

/// That the program will be told of the end of a mail. It has the memory for that from the beginning.
pub struct Promise(Boxed<Call>);

impl Promise {
    /// For a mail of this client; None without memory.
    pub fn new(key: Key, done: Done<LastMail>) -> Option<Self> {
        let told = Boxed::new(LastMail::without_id(Report::NONE))?;
        let what = What::End(done, told);
        let next = ManuallyDrop::new(None);
        Boxed::new(Call { key, what, next }).map(Self)
    }

    /// The call that keeps it.
    pub fn kept(mut self, told: &LastMail) -> Boxed<Call> {
        if let What::End(_, end) = &mut self.0.what {
            **end = *told;
        }
        self.0
    }
}

/// The calls that are to be made. A part of what the shared lock protects.
pub struct Calls {
    /// In their order.
    first: Option<Boxed<Call>>,
    /// Those that came after them, the newest one first.
    newest: Option<Boxed<Call>>,
    /// A thread makes them.
    runs: bool,
    /// The client of the one that is being made.
    pub now: Option<Key>,
    /// Threads that wait until a function of the program has returned.
    pub waiters: u32,
}

impl Calls {
    /// None.
    pub const NONE: Self = Self {
        first: None,
        newest: None,
        runs: false,
        now: None,
        waiters: 0,
    };

    /// Adds a call. This needs no memory.
    // Saves 230 bytes.
    #[inline(never)]
    pub fn add(&mut self, mut call: Boxed<Call>) {
        *call.next = self.newest.take();
        self.newest = Some(call);
        QUEUED.fetch_add(1, Ordering::Release);
    }

    /// Takes it over to make the calls; false where another thread does that.
    pub fn begin(&mut self) -> bool {
        !core::mem::replace(&mut self.runs, true)
    }

    /// Gives it back.
    pub fn end(&mut self) {
        self.runs = false;
    }

    /// Whether one for this client is to be made, or is being made.
    pub fn has(&self, key: Key) -> bool {
        let mut rest = [&self.first, &self.newest];
        for list in &mut rest {
            while let Some(call) = list {
                if call.key == key {
                    return true;
                }
                *list = &call.next;
            }
        }
        self.now == Some(key)
    }

    /// Whether there is none, and none is being made.
    pub fn are_over(&self) -> bool {
        self.first.is_none() && self.newest.is_none() && !self.runs
    }

    /// The next call that may be made now, for a client that is wanted.
    pub fn next(&mut self, wanted: Wanted) -> Option<Boxed<Call>> {
        let call = take(&mut self.first, wanted).or_else(|| {
            self.append();
            take(&mut self.first, wanted)
        })?;
        QUEUED.fetch_sub(1, Ordering::Release);
        Some(call)
    }

    /// Puts the newest ones behind the others.
    fn append(&mut self) {
        let mut in_order = None;
        while let Some(mut call) = self.newest.take() {
            self.newest = call.next.take();
            *call.next = in_order;
            in_order = Some(call);
        }
        let mut end = &mut self.first;
        while let Some(call) = end {
            end = &mut call.next;
        }
        *end = in_order;
    }

    /// In the child of a fork: nothing is told of the parent's mails, and no function of the program runs, but for one that has
    /// forked.
    pub fn forget(&mut self) {
        self.clear();
        self.runs = false;
        self.now = None;
        self.waiters = 0;
        CARRIED.store(0, Ordering::Release);
        FORKS.fetch_add(1, Ordering::Release);
    }

    /// One after the other: a long list would need a deep stack to be dropped.
    fn clear(&mut self) {
        for list in [&mut self.first, &mut self.newest] {
            while let Some(mut call) = list.take() {
                *list = call.next.take();
                QUEUED.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

/// Takes the first call out of a list that may be made and is wanted.
fn take(list: &mut Option<Boxed<Call>>, wanted: Wanted) -> Option<Boxed<Call>> {
    let mut at = list;
    while !at.as_ref().map(|call| call.may_run() && wanted.is(call.key))? {
        at = &mut at.as_mut()?.next;
    }
    let mut call = at.take()?;
    *at = call.next.take();
    Some(call)
}

/// Notes that something of the program runs for a client; from when it is made until it is dropped.
pub struct Running {
    counter: &'static Counter,
    forks: u32,
}

impl Running {
    /// Of what is counted so for the client.
    pub fn of(counter: &'static Counter) -> Self {
        counter.begin();
        Self {
            counter,
            forks: forks(),
        }
    }

    /// Whether this is still the process in which it began.
    pub fn same_process(&self) -> bool {
        self.forks == forks()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In the child of a fork nothing is counted that began before.
        if self.same_process() {
            self.counter.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::registry;

    fn lines(key: Key) -> Boxed<Call> {
        Call::of_lines(key, Trace::of_nothing(), Box::default()).unwrap()
    }

    fn end(key: Key) -> Boxed<Call> {
        let promise = Promise::new(key, Done::of_nothing()).unwrap();
        promise.kept(&LastMail::without_id(Report::NONE))
    }

    fn keys(calls: &mut Calls) -> std::vec::Vec<(usize, bool)> {
        let next = core::iter::from_fn(|| calls.next(Wanted::All));
        next.map(|call| (call.key.place, matches!(call.what, What::End(..))))
            .collect()
    }

    #[test]
    fn calls_are_made_in_their_order_and_an_end_waits_for_send() {
        let [a, b] = [5000, 5001].map(|place| registry::begin(place).unwrap());
        let mut calls = Calls::NONE;
        for call in [lines(a), lines(b), end(a), end(b)] {
            calls.add(call);
        }
        let sending = Running::of(&a.slot().unwrap().sending);
        assert_eq!(keys(&mut calls), [(5000, false), (5001, false), (5001, true)]);
        calls.add(lines(b));
        assert_eq!(keys(&mut calls), [(5001, false)]);
        assert!(!calls.are_over());
        drop(sending);
        assert_eq!(keys(&mut calls), [(5000, true)]);
        // The end of a client that is no more is taken, to be dropped.
        let sending = Running::of(&b.slot().unwrap().sending);
        calls.add(end(b));
        assert!(keys(&mut calls).is_empty());
        registry::end(b);
        assert_eq!(keys(&mut calls), [(5001, true)]);
        drop(sending);
        registry::end(a);
        assert!(calls.are_over());
    }

    #[test]
    fn a_long_list_is_forgotten_without_a_deep_stack() {
        let key = registry::begin(5002).unwrap();
        let mut calls = Calls::NONE;
        for _ in 0..50_000 {
            calls.add(lines(key));
        }
        assert!(calls.next(Wanted::Until(0)).is_none() && calls.next(Wanted::All).is_some());
        calls.clear();
        assert!(calls.are_over());
        registry::end(key);
    }

    #[test]
    fn one_thread_makes_the_calls() {
        let mut calls = Calls::NONE;
        assert!(calls.begin() && !calls.begin() && !calls.are_over());
        calls.end();
        assert!(calls.begin());
        assert!(!inside());
        assert!(run(|| inside() && run(inside) && inside()));
        assert!(!inside());
    }
}
