//! Calls the functions of the program that are told of its mails, without a lock.
//!
//! One thread at a time does it: the engine's after its turns, or one that drives the engine. So each client is told in order.

use super::calls::{self, Running, Wanted};
use super::registry::Slot;
use super::shared::{Shared, end_mail, shared};
use super::sys::Condition;
use super::{clock, fork};

/// Tells those who wait that a function of the program has returned.
static RETURNED: Condition = Condition::new();

/// The longest time for which a waiting thread relies on others, in milliseconds: then it looks itself.
const LOOK: u64 = 1000;

/// What became of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// There was none, or another thread makes them.
    Nothing,
    /// Some were made, which has taken time.
    Some,
    /// This is the child of a fork in one of them: what this thread knew of is the parent's.
    InChild,
}

/// Makes the calls that are queued for clients that are `wanted`, which is asked before each call; and has the connections carried
/// that are due, and tells what that has brought. No lock may be held.
pub fn run(wanted: Wanted, carry: fn(Wanted) -> Ran) -> Ran {
    let carried = calls::carried() > 0;
    if !(calls::queued() || carried) || calls::inside() {
        return Ran::Nothing;
    }
    if !shared().calls.begin() {
        return Ran::Nothing;
    }
    let mut ran = make_calls(wanted);
    if ran != Ran::InChild && carried {
        ran = match carry(wanted) {
            Ran::Nothing => ran,
            Ran::Some if make_calls(wanted) == Ran::InChild => Ran::InChild,
            other => other,
        };
    }
    if ran != Ran::InChild {
        let mut shared = shared();
        shared.calls.end();
        if shared.calls.waiters > 0 {
            RETURNED.notify_all();
        }
    }
    ran
}

#[inline(never)]
fn make_calls(wanted: Wanted) -> Ran {
    let mut ran = Ran::Nothing;
    let mut locked = shared();
    while let Some(call) = locked.calls.next(wanted) {
        ran = Ran::Some;
        let key = call.key;
        if let Some(ended) = call.result() {
            end_mail(locked, key, ended, None);
            locked = shared();
            continue;
        }
        // Of a client that has ended nothing more is told.
        let running = key.slot().map(|slot| Running::of(&slot.calls));
        locked.calls.now = Some(key);
        drop(locked);
        let forks = calls::forks();
        if running.is_some() {
            call.make();
        }
        drop(call);
        if forks != calls::forks() {
            return Ran::InChild;
        }
        locked = shared();
        locked.calls.now = None;
        drop(running);
        if locked.calls.waiters > 0 {
            RETURNED.notify_all();
        }
    }
    ran
}

/// Runs a function of the program for a client, out of a function that the program has called.
pub fn run_for<T>(slot: &'static Slot, function: impl FnOnce() -> T) -> T {
    let running = Running::of(&slot.calls);
    let result = calls::run(function);
    drop(running);
    let waits = fork::shared().calls.waiters > 0;
    if waits {
        RETURNED.notify_all();
    }
    result
}

/// Waits until no function of the program runs for a client that has ended.
pub fn wait_for(slot: &'static Slot) {
    if calls::inside() || !slot.calls.is_any() {
        return;
    }
    wait_until(None, Awaited::Client(slot));
}

/// How soon this thread looks again whether memory of the program's is still read, in milliseconds.
const LENT: u64 = 1;

/// Waits until no memory of the program's is read for a client that has ended: the engine gives its mail up. `drive` has it do so
/// where the program drives it.
pub fn wait_for_lent(slot: &'static Slot, drive: impl Fn(u64)) {
    while slot.lent.is_any() && !calls::inside() {
        drive(LENT);
    }
}

/// Waits until all calls were made; false where they were not in time.
pub fn wait_for_all(until: u64) -> bool {
    wait_until(Some(until), Awaited::Calls)
}

/// Waits until no other thread ends the library's; false where it does not in time.
pub fn wait_for_end(until: u64) -> bool {
    wait_until(Some(until), Awaited::End)
}

/// No thread ends the library's any more.
pub fn end_is_over() {
    let mut shared = shared();
    shared.ending = false;
    if shared.calls.waiters > 0 {
        RETURNED.notify_all();
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Awaited {
    /// No function of the program runs for the client with this slot.
    Client(&'static Slot),
    /// All calls were made.
    Calls,
    /// No thread ends the library's.
    End,
}

impl Awaited {
    fn is_over(self, shared: &Shared) -> bool {
        match self {
            Self::Client(slot) => !slot.calls.is_any(),
            Self::Calls => shared.calls.are_over(),
            Self::End => !shared.ending,
        }
    }
}

/// Waits until something is over; false where it was not in time.
// Saves 400 bytes.
#[inline(never)]
fn wait_until(until: Option<u64>, awaited: Awaited) -> bool {
    let mut locked = fork::shared();
    loop {
        if awaited.is_over(&locked) {
            return true;
        }
        let left = until.map_or(LOOK, |until| until.saturating_sub(clock::now()));
        if left == 0 {
            return false;
        }
        locked.calls.waiters = locked.calls.waiters.saturating_add(1);
        locked = RETURNED.wait(locked, left.min(LOOK)).0;
        locked.calls.waiters = locked.calls.waiters.saturating_sub(1);
    }
}
