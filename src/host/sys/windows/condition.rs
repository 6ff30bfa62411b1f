//! Waiting until another thread has done something.

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What threads wait for, with a lock that they give back meanwhile.
pub struct Condition(Condvar);

impl Condition {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self(Condvar::new())
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Gives the lock back, waits until it is woken, for at most so many milliseconds, and takes the lock again. It may return
    /// earlier. True where the time was over.
    pub fn wait<'m, T>(&self, _: &'m Mutex<T>, locked: MutexGuard<'m, T>, most: u64) -> (MutexGuard<'m, T>, bool) {
        let waited = self.0.wait_timeout(locked, Duration::from_millis(most));
        let (locked, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (locked, waited.timed_out())
    }
}
