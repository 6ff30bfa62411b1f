//! `fork()` in the host program: neither process finds anything half done.
//!
//! The locks are taken before the fork and given back after it. The child has the same clients and configurations, no
//! thread of ours, and no mail in flight, and is told of none. It closes its copies of the parent's sockets; the parent's connections go on.
//!
//! The program's own handlers (`pthread_atfork()`) may run between ours, in the thread that forks, and call the library.
//! [`outside`] gives the locks back for such a call; in the child it first does what our handler would do.

use core::mem::ManuallyDrop;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::current::{self, Installed};
use super::driver;
use super::queue::Queue;
use super::shared::{self, Shared};
use super::sys::{self, Locked};
use super::{files, registry, resolve};

/// Whether our handlers are registered with `fork()`.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Whether a thread is forking and holds the locks.
static FORKING: AtomicBool = AtomicBool::new(false);

/// Locks the shared part, for a call from the program. The first such call registers our handlers with `fork()`.
///
/// They are registered before the lock is taken: with a fork between the two, nobody in the child would give the lock back.
/// Two threads may both register them; `before` allows for that.
pub fn shared() -> Locked<'static, Shared> {
    if !PREPARED.load(Ordering::Acquire) && sys::on_fork(before, after_in_parent, after_in_child).is_ok() {
        PREPARED.store(true, Ordering::Release);
    }
    shared::shared()
}

/// All locks, the one that is taken last first, and the process that took them.
struct Held {
    files: files::Held,
    resolver: resolve::Held,
    shared: Locked<'static, Shared>,
    engine: Installed,
    _door: Locked<'static, ()>,
    process: u32,
}

std::thread_local! {
    /// The locks, from before a fork until after it, in the thread that forks. `ManuallyDrop`, because a thread-local value
    /// without a destructor can be used as long as the thread lives, also in the destructors of its other values.
    static HELD: Cell<ManuallyDrop<Option<Held>>> = const { Cell::new(ManuallyDrop::new(None)) };
}

/// Keeps other locks in the thread instead of those that it kept.
// Saves 70 bytes.
#[inline(never)]
fn exchange(held: Option<Held>) -> Option<Held> {
    let new = ManuallyDrop::new(held);
    // It is always there. `Cell::replace` would panic where it is not.
    HELD.try_with(|kept| ManuallyDrop::into_inner(kept.replace(new)))
        .unwrap_or(None)
}

fn take_held() -> Option<Held> {
    let held = exchange(None);
    if held.is_some() {
        FORKING.store(false, Ordering::Release);
    }
    held
}

extern "C" fn before() {
    let before = exchange(None);
    if before.is_some() {
        // Registered twice.
        exchange(before);
        return;
    }
    let (door, engine) = current::engine_and_door();
    let shared = shared::shared();
    let resolver = resolve::hold_for_fork();
    let held = Held {
        files: files::hold_for_fork(),
        resolver,
        shared,
        engine,
        _door: door,
        process: std::process::id(),
    };
    exchange(Some(held));
    FORKING.store(true, Ordering::Release);
}

extern "C" fn after_in_parent() {
    drop(take_held());
}

extern "C" fn after_in_child() {
    if let Some(held) = take_held() {
        begin_anew(held);
    }
}

/// In the child: forgets the threads, the mails, who waited for them, and who was to be told of them.
fn begin_anew(held: Held) {
    let Held {
        files,
        resolver,
        mut shared,
        mut engine,
        ..
    } = held;
    sys::forget_guarded();
    files.begin_anew();
    resolver.begin_anew();
    if let Some(engine) = engine.take() {
        driver::forget(engine);
    }
    if let Some(thread) = shared.forget_thread(&mut Queue::new()) {
        thread.forget();
    }
    shared.forget_waiters();
    registry::forget_mails();
}

/// Runs a function that the program has called. In a thread that is forking it runs without the locks.
pub fn outside<T>(run: impl FnOnce() -> T) -> T {
    if !FORKING.load(Ordering::Acquire) {
        return run();
    }
    let Some(held) = take_held() else {
        // Another thread is forking.
        return run();
    };
    if held.process != std::process::id() {
        // The child, in a handler of the program's that runs before ours.
        begin_anew(held);
        return run();
    }
    // Before the fork, or in the parent after it: the locks are taken again, and our handler gives them back.
    drop(held);
    let result = run();
    before();
    result
}
