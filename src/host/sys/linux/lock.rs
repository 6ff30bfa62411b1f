//! Locks, and waiting until another thread has done something. The standard library's look for panics at every turn, and its waits
//! can panic.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_long};
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use super::super::interface::Failure;
use super::failure::last_failure;

/// What the kernel calls struct timespec, wherever the C library has a longer one.
#[repr(C)]
struct Timeout {
    seconds: c_long,
    nanoseconds: c_long,
}

/// Calls futex(), of this process alone.
fn futex(word: &AtomicU32, operation: c_int, value: u32, timeout: Option<&Timeout>) -> c_long {
    let timeout = timeout.map_or(core::ptr::null(), core::ptr::from_ref);
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word and the time live through the call, and the kernel only reads them.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) }
}

/// What a lock's word says: a thread has it.
const TAKEN: u32 = 1;

/// A thread has it, and others may sleep until it is free.
const AWAITED: u32 = TAKEN | 2;

/// Nobody has it.
const FREE: u32 = 0;

/// How often a thread looks before it sleeps: most locks are given back at once.
const LOOKS: u32 = 100;

/// A value that one thread at a time uses. A panic in such a thread does not matter to the others.
pub struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time gets to the value.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A value that nobody uses yet.
    pub const fn new(value: T) -> Self {
        Self {
            word: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until no other thread uses the value; it is this thread's until what is returned is dropped.
    pub fn lock(&self) -> Locked<'_, T> {
        take(&self.word);
        Locked {
            lock: self,
            here: PhantomData,
        }
    }
}

// Saves 400 bytes.
#[inline(never)]
fn take(word: &AtomicU32) {
    let free = word.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
    if free.is_err() {
        sleep_until_free(word);
    }
}

#[cold]
#[inline(never)]
fn sleep_until_free(word: &AtomicU32) {
    for _ in 0..LOOKS {
        if word.load(Ordering::Relaxed) != TAKEN {
            break;
        }
        core::hint::spin_loop();
    }
    if word
        .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
    {
        return;
    }
    // Another thread may sleep, too: whoever takes it now says so.
    while word.swap(AWAITED, Ordering::Acquire) != FREE {
        futex(word, libc::FUTEX_WAIT, AWAITED, None);
    }
}

// Saves 3,800 bytes.
#[inline(never)]
fn free(word: &AtomicU32) {
    if word.swap(FREE, Ordering::Release) == AWAITED {
        futex(word, libc::FUTEX_WAKE, 1, None);
    }
}

/// A locked value.
pub struct Locked<'l, T> {
    lock: &'l Lock<T>,
    /// It stays in its thread.
    here: PhantomData<*const T>,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: nobody else uses it while this lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        free(&self.lock.word);
    }
}

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
    // Saves 350 bytes.
    #[inline(never)]
    pub fn notify_all(&self) {
        self.count.fetch_add(1, Ordering::Release);
        futex(&self.count, libc::FUTEX_WAKE, c_int::MAX as u32, None);
    }

    /// Gives the lock back, waits until it is woken, for at most so many milliseconds, and takes the lock again. It may return
    /// earlier. True where the time was over.
    pub fn wait<'l, T>(&self, locked: Locked<'l, T>, most: u64) -> (Locked<'l, T>, bool) {
        let lock = locked.lock;
        let count = self.count.load(Ordering::Relaxed);
        drop(locked);
        let over = self.sleep(count, most);
        (lock.lock(), over)
    }

    /// Waits while the count is this one.
    fn sleep(&self, count: u32, most: u64) -> bool {
        let timeout = Timeout {
            seconds: c_long::try_from(most / 1000).unwrap_or(c_long::MAX),
            nanoseconds: c_long::try_from(most % 1000).unwrap_or(0).saturating_mul(1_000_000),
        };
        let result = futex(&self.count, libc::FUTEX_WAIT, count, Some(&timeout));
        result < 0 && last_failure() == Failure::TimedOut
    }
}
