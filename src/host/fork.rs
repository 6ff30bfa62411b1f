//! `fork()` in the host program: neither process finds anything half done.
//!
//! Both locks are taken before the fork and given back after it. The child has the same clients and configurations, no
//! thread of ours, and no mail in flight; it closes its copies of the parent's sockets, which the parent's connections do
//! not notice.

use std::cell::RefCell;
use std::sync::MutexGuard;

use super::engine::{ENGINE, Engine};
use super::shared::{self, Shared, lock};
use super::{registry, sys};

/// Locks the shared part, for a call of the program's: from the first one on `fork()` knows of us.
pub fn shared() -> MutexGuard<'static, Shared> {
    let mut shared = shared::shared();
    if !shared.fork_prepared {
        shared.fork_prepared = sys::on_fork(before, after_in_parent, after_in_child).is_ok();
    }
    shared
}

type Held = (MutexGuard<'static, Option<Engine>>, MutexGuard<'static, Shared>);

std::thread_local! {
    /// Both locks, from before a fork until after it, in the thread that forks.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

extern "C" fn before() {
    let held = (lock(&ENGINE), shared::shared());
    let _ = HELD.try_with(|place| place.replace(Some(held)));
}

extern "C" fn after_in_parent() {
    let _ = HELD.try_with(RefCell::take);
}

extern "C" fn after_in_child() {
    if let Ok(Some((mut engine, mut shared))) = HELD.try_with(RefCell::take) {
        *engine = None;
        shared.forget_thread();
        registry::forget_mails();
    }
}
