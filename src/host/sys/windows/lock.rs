//! Locks, and waiting until another thread has done something.

use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A value that one thread at a time uses. A panic in such a thread does not matter to the others.
pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    /// A value that nobody uses yet.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits until no other thread uses the value; it is this thread's until what is returned is dropped.
    pub fn lock(&self) -> Locked<'_, T> {
        Locked(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A locked value.
pub struct Locked<'l, T>(MutexGuard<'l, T>);

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

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
    pub fn wait<'l, T>(&self, locked: Locked<'l, T>, most: u64) -> (Locked<'l, T>, bool) {
        let waited = self.0.wait_timeout(locked.0, Duration::from_millis(most));
        let (locked, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (Locked(locked), waited.timed_out())
    }
}
