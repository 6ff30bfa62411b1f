//! `fork()` in the host program: neither process finds anything half done.
//!
//! The locks are taken before the fork and given back after it. The child has the same clients and configurations, no
//! thread of ours, and no mail in flight; it closes its copies of the parent's sockets, which the parent's connections do
//! not notice.
//!
//! The program may have handlers of its own (`pthread_atfork()`) that run between ours, in the thread that forks, and call
//! the library: [`outside`] gives the locks back for such a call, or, in the child, does first what there is to do.

use core::mem::ManuallyDrop;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use super::driver::{self, Locked};
use super::shared::{self, Shared};
use super::{registry, sys};

/// Whether `fork()` knows of us.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Whether some thread forks just now and holds the locks.
static FORKING: AtomicBool = AtomicBool::new(false);

/// Locks the shared part, for a call of the program's: from the first one on `fork()` knows of us.
///
/// It is told before the lock is taken: a fork between the two would leave the child with a lock that nobody gives back.
/// Two threads may both tell it, which `before` bears.
pub fn shared() -> MutexGuard<'static, Shared> {
    if !PREPARED.load(Ordering::Acquire) && sys::on_fork(before, after_in_parent, after_in_child).is_ok() {
        PREPARED.store(true, Ordering::Release);
    }
    shared::shared()
}

/// All locks, in the order in which they are taken, and the process that took them.
struct Held {
    shared: MutexGuard<'static, Shared>,
    engine: Locked,
    _door: MutexGuard<'static, ()>,
    process: u32,
}

std::thread_local! {
    /// The locks, from before a fork until after it, in the thread that forks. What needs no destructor can be used for as
    /// long as the thread lives, in the destructors of its other values, too.
    static HELD: RefCell<ManuallyDrop<Option<Held>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

fn take_held() -> Option<Held> {
    let held = HELD.with(|held| held.borrow_mut().take());
    if held.is_some() {
        FORKING.store(false, Ordering::Release);
    }
    held
}

extern "C" fn before() {
    HELD.with(|place| {
        let mut place = place.borrow_mut();
        if place.is_some() {
            return;
        }
        let (door, engine) = driver::engine_and_door();
        **place = Some(Held {
            shared: shared::shared(),
            engine,
            _door: door,
            process: std::process::id(),
        });
        FORKING.store(true, Ordering::Release);
    });
}

extern "C" fn after_in_parent() {
    drop(take_held());
}

extern "C" fn after_in_child() {
    if let Some(held) = take_held() {
        begin_anew(held);
    }
}

/// In the child.
fn begin_anew(held: Held) {
    let Held {
        mut shared, mut engine, ..
    } = held;
    if let Some(engine) = engine.take() {
        driver::forget(engine);
    }
    shared.forget_thread(&mut VecDeque::new());
    shared.forget_waiters();
    registry::forget_mails();
}

/// Runs a function of the program's call. Within a fork, in the thread that forks, it runs without the locks.
pub fn outside<T>(run: impl FnOnce() -> T) -> T {
    if !FORKING.load(Ordering::Acquire) {
        return run();
    }
    let Some(held) = take_held() else {
        // It is another thread that forks.
        return run();
    };
    if held.process != std::process::id() {
        // The child, whose other handler runs before ours.
        begin_anew(held);
        return run();
    }
    // Before the fork, or after it in the parent, where the locks are given back once more.
    drop(held);
    let result = run();
    before();
    result
}
