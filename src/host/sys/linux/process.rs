//! The process: random octets, a thread that takes no signals, forks, and threads that are cancelled.

use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ptr::NonNull;
use std::boxed::Box;

use super::super::interface::{Failure, Task, run};
use super::failure::failure;

/// Random octets; false where the system has none yet.
pub fn random(octets: &mut [u8]) -> bool {
    // SAFETY: the buffer is ours through the call, and its length is right.
    let filled = unsafe { libc::getrandom(octets.as_mut_ptr().cast(), octets.len(), libc::GRND_NONBLOCK) };
    usize::try_from(filled) == Ok(octets.len())
}

/// Has the system use large pages for memory that nothing was written to yet; where it has none it uses small ones.
///
/// # Safety
///
/// The memory is the caller's, and so large.
pub unsafe fn use_large_pages(place: NonNull<u8>, size: usize) {
    const PAGE: usize = 2 * 1024 * 1024;
    let before = place.as_ptr().align_offset(PAGE);
    let length = size.saturating_sub(before) & !(PAGE - 1);
    if length > 0 {
        // SAFETY: these pages are within the memory, and nothing in them changes.
        unsafe { libc::madvise(place.as_ptr().add(before).cast(), length, libc::MADV_HUGEPAGE) };
    }
}

/// A thread that was started. Where this is dropped, the thread goes on, and the system keeps nothing of it when it has ended.
pub struct Thread(libc::pthread_t);

// SAFETY: a thread's name may be used by any thread. With musl it is a pointer, which only the system follows.
unsafe impl Send for Thread {}

impl Thread {
    /// Waits until the thread has ended. Not to be called by the thread itself.
    pub fn join(self) {
        // SAFETY: it is a thread of ours, neither joined nor detached before: that takes this value.
        unsafe { libc::pthread_join(self.0, core::ptr::null_mut()) };
        core::mem::forget(self);
    }

    /// In the child of a fork: there is no such thread.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::pthread_detach(self.0) };
    }
}

/// Starts a thread; it ends with its task. The standard library's threads need memory that cannot be refused.
pub fn start_thread<T: Task>(task: Box<T>) -> Result<Thread, Failure> {
    extern "C" fn begin<T: Task>(task: *mut c_void) -> *mut c_void {
        // SAFETY: it came out of `into_raw` below, and this thread alone has it.
        let task = unsafe { Box::from_raw(task.cast::<T>()) };
        // SAFETY: the name ends with a NUL; a failure costs the name only.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), T::NAME.as_ptr()) };
        run(task);
        core::ptr::null_mut()
    }

    let task = Box::into_raw(task);
    // SAFETY: `begin` is given the task, once.
    let started = unsafe { start(begin::<T>, task.cast(), T::STACK) };
    if started.is_err() {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(task) });
    }
    started.map(Thread).map_err(failure)
}

/// Starts a thread that runs `begin`; or the error. In one place for all tasks.
///
/// # Safety
///
/// `begin` may be called with `task`, by another thread.
unsafe fn start(
    begin: extern "C" fn(*mut c_void) -> *mut c_void,
    task: *mut c_void,
    stack: usize,
) -> Result<libc::pthread_t, c_int> {
    // SAFETY: a pthread_t is a number or a pointer; the attributes are ours and initialised before they are used; a size that is
    // refused leaves the default; the caller's promise.
    with_signals_blocked(|| unsafe {
        let mut thread: libc::pthread_t = zeroed();
        let mut attributes: libc::pthread_attr_t = zeroed();
        match libc::pthread_attr_init(&raw mut attributes) {
            0 => {}
            error => return Err(error),
        }
        libc::pthread_attr_setstacksize(&raw mut attributes, stack);
        let error = libc::pthread_create(&raw mut thread, &raw const attributes, begin, task);
        libc::pthread_attr_destroy(&raw mut attributes);
        if error == 0 { Ok(thread) } else { Err(error) }
    })
}

/// Calls `run` with all signals blocked, which a thread made in it inherits: the program's signal handlers run on the
/// program's threads.
fn with_signals_blocked<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are ours and written before they are read; restoring what was there cannot fail.
    unsafe {
        let mut all: libc::sigset_t = zeroed();
        let mut before: libc::sigset_t = zeroed();
        libc::sigfillset(&raw mut all);
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before) == 0;
        let result = run();
        if blocked {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, core::ptr::null_mut());
        }
        result
    }
}

/// Has `fork()` call these functions: before it, and after it in each process.
pub fn on_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> Result<(), Failure> {
    unsafe extern "C" {
        // The libc crate has it for some systems only.
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }
    // SAFETY: the functions live as long as the library, which is never unloaded (it is linked nodelete).
    let result = unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    if result == 0 { Ok(()) } else { Err(failure(result)) }
}

/// Calls `run` while this thread cannot be cancelled: `pthread_cancel()` takes effect in system calls and unwinds the stack,
/// which is not allowed through Rust code.
pub fn without_cancellation<T>(run: impl FnOnce() -> T) -> T {
    const PTHREAD_CANCEL_DISABLE: c_int = 1;
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before: c_int = 0;
    // SAFETY: the state before is written into a value of ours.
    let off = unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) } == 0;
    let result = run();
    if off && before != PTHREAD_CANCEL_DISABLE {
        // SAFETY: as above.
        unsafe { pthread_setcancelstate(before, &raw mut before) };
    }
    result
}

/// A number of this thread that no other one has: not 0.
#[cfg(feature = "reserve")]
pub fn thread_number() -> usize {
    // SAFETY: it cannot fail.
    unsafe { libc::pthread_self() as usize }
}

/// Opens a file to read it. Nobody waits for what a FIFO or a terminal may have to say.
#[cfg(feature = "tls")]
pub fn open_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Lets other threads go on.
#[cfg(feature = "reserve")]
pub fn give_way() {
    // SAFETY: it cannot fail.
    unsafe { libc::sched_yield() };
}
