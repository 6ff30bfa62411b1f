//! Waiting until another thread has done something. The standard library's has checks that could panic.

use core::ffi::c_long;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::interface::Failure;
use super::failure::last_failure;

/// What threads wait for, with a lock that they give back meanwhile.
pub struct Condition {
    /// One more each time that those who wait are woken.
    count: AtomicU32,
}

impl Condition {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
        }
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.count.fetch_add(1, Ordering::Release);
        // SAFETY: the kernel only compares the address with those that threads wait at.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.count.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                i32::MAX,
            )
        };
    }

    /// Gives the lock back, waits until it is woken, for at most so many milliseconds, and takes the lock again. It may return
    /// earlier. True where the time was over.
    pub fn wait<'m, T>(&self, mutex: &'m Mutex<T>, locked: MutexGuard<'m, T>, most: u64) -> (MutexGuard<'m, T>, bool) {
        let count = self.count.load(Ordering::Relaxed);
        drop(locked);
        let over = self.sleep(count, most);
        (mutex.lock().unwrap_or_else(PoisonError::into_inner), over)
    }

    /// Waits while the count is this one.
    fn sleep(&self, count: u32, most: u64) -> bool {
        /// What the kernel calls struct timespec, wherever the C library has a longer one.
        #[repr(C)]
        struct Timeout {
            seconds: c_long,
            nanoseconds: c_long,
        }
        let timeout = Timeout {
            seconds: c_long::try_from(most / 1000).unwrap_or(c_long::MAX),
            nanoseconds: c_long::try_from(most % 1000).unwrap_or(0).saturating_mul(1_000_000),
        };
        // SAFETY: both live through the call, and the kernel only reads them.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.count.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                count,
                &raw const timeout,
            )
        };
        result < 0 && last_failure() == Failure::TimedOut
    }
}
