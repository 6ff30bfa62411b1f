//! `fork()` in the host program: neither process finds anything half done.
//!
//! Both locks are taken before the fork and given back after it. The child has the same clients and configurations, no
//! thread of ours, and no mail in flight; it closes its copies of the parent's sockets, which the parent's connections do
//! not notice.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use super::engine::{ENGINE, Engine};
use super::memory::Boxed;
use super::shared::{self, Shared, lock};
use super::{registry, sys};

/// Whether `fork()` knows of us.
static PREPARED: AtomicBool = AtomicBool::new(false);

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

type Held = (MutexGuard<'static, Option<Boxed<Engine>>>, MutexGuard<'static, Shared>);

std::thread_local! {
    /// Both locks, from before a fork until after it, in the thread that forks.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

extern "C" fn before() {
    let _ = HELD.try_with(|place| {
        let mut place = place.borrow_mut();
        if place.is_none() {
            *place = Some((lock(&ENGINE), shared::shared()));
        }
    });
}

extern "C" fn after_in_parent() {
    let _ = HELD.try_with(RefCell::take);
}

extern "C" fn after_in_child() {
    if let Ok(Some((mut engine, mut shared))) = HELD.try_with(RefCell::take) {
        *engine = None;
        let mut orders = VecDeque::new();
        if let Some(waker) = shared.forget_thread(&mut orders) {
            waker.close();
        }
        shared.forget_waiters();
        registry::forget_mails();
    }
}
