//! The process: random octets, and a thread. There is no fork, and threads are not cancelled.

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use std::boxed::Box;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::Security::Cryptography::{BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::Threading::{
    CreateThread, GetCurrentThread, INFINITE, STACK_SIZE_PARAM_IS_A_RESERVATION, SetThreadDescription,
    WaitForSingleObject,
};

use super::super::interface::{Failure, Task, run};

/// Random octets; false where the system has none yet.
pub fn random(octets: &mut [u8]) -> bool {
    let Ok(length) = u32::try_from(octets.len()) else {
        return false;
    };
    // SAFETY: the buffer is ours through the call, and its length is right; no algorithm is named with this flag.
    let status = unsafe { BCryptGenRandom(null_mut(), octets.as_mut_ptr(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG) };
    status >= 0
}

/// A thread that was started. Where this is dropped, the thread goes on, and the system keeps nothing of it when it has ended.
pub struct Thread(OwnedHandle);

impl Thread {
    /// Waits until the thread has ended. Not to be called by the thread itself.
    pub fn join(self) {
        // SAFETY: the handle is ours.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) };
    }

    /// In the child of a fork: there is none on Windows.
    pub fn forget(self) {}
}

/// Starts a thread; it ends with its task. The standard library's threads need memory that cannot be refused.
pub fn start_thread<T: Task>(task: Box<T>) -> Result<Thread, Failure> {
    extern "system" fn begin<T: Task>(task: *mut c_void) -> u32 {
        // SAFETY: it came out of `into_raw` below, and this thread alone has it.
        let task = unsafe { Box::from_raw(task.cast::<T>()) };
        // UTF-16, with a zero behind it.
        let mut name = [0u16; 16];
        for (unit, octet) in name.iter_mut().zip(T::NAME.to_bytes()).take(15) {
            *unit = u16::from(*octet);
        }
        // SAFETY: the name ends with a zero; a failure costs the name only.
        unsafe { SetThreadDescription(GetCurrentThread(), name.as_ptr()) };
        run(task);
        0
    }

    stay_loaded(begin::<T> as *const u16);
    let task = Box::into_raw(task);
    // SAFETY: no attributes; the task is handed over to the thread, if there is one.
    let thread = unsafe {
        CreateThread(
            null(),
            T::STACK,
            Some(begin::<T>),
            task.cast(),
            STACK_SIZE_PARAM_IS_A_RESERVATION,
            null_mut(),
        )
    };
    if thread.is_null() {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(task) });
        return Err(Failure::Exhausted);
    }
    // SAFETY: it was made for us alone.
    Ok(Thread(unsafe { OwnedHandle::from_raw_handle(thread) }))
}

/// Keeps the library that this code stands in, for as long as the process lives: unloading it would take the code away
/// under its thread.
fn stay_loaded(code: *const u16) {
    let mut module: HMODULE = null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    // SAFETY: with this flag the name is an address in the library; the handle is written into a value of ours.
    unsafe { GetModuleHandleExW(flags, code, &raw mut module) };
}

/// There is no fork on Windows.
#[allow(clippy::unnecessary_wraps)]
pub fn on_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) -> Result<(), Failure> {
    Ok(())
}

/// Threads are not cancelled on Windows.
pub fn without_cancellation<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// A number of this thread that no other one has: not 0.
#[cfg(feature = "reserve")]
pub fn thread_number() -> usize {
    // SAFETY: it cannot fail.
    unsafe { windows_sys::Win32::System::Threading::GetCurrentThreadId() as usize }
}

/// Opens a file to read it.
#[cfg(feature = "tls")]
pub fn open_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    std::fs::File::open(path)
}

/// Lets other threads go on.
#[cfg(feature = "reserve")]
pub fn give_way() {
    // SAFETY: it cannot fail.
    unsafe { windows_sys::Win32::System::Threading::SwitchToThread() };
}

/// Large pages need a privilege that hardly any program has: those that there are stay.
///
/// # Safety
///
/// The memory is the caller's.
pub unsafe fn use_large_pages(_: core::ptr::NonNull<u8>, _: usize) {}
