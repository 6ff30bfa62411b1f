//! Who does the library's work, and its end.

use core::ffi::c_int;

use super::codes::NO_LIMIT;
use super::guard::guard_code;
use crate::code::Code;
use crate::host::{self, Wait};

/// For programs with an event loop: from now on the library starts no thread, and sds_smtp_poll() does its
/// work. Call this before the first mail, and again in the child of a fork() and after sds_smtp_shutdown().
///
/// @param descriptor  gets a descriptor to wait on, with poll() or the like: when it is readable,
///                    sds_smtp_poll() has something to do. On Windows it is the handle of an event object,
///                    which is set then. It stays the same, also where this is called again; do not close it
/// @return 0; 14: the library's thread runs already; 7: the system has no descriptor or memory: the library
///         goes on with a thread; 33: descriptor is NULL
///
/// # Safety
///
/// `descriptor` is NULL or points to an `intptr_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_use_event_loop(descriptor: *mut isize) -> c_int {
    guard_code(|| {
        if descriptor.is_null() {
            return Err(Code::BadArgument);
        }
        let number = host::use_event_loop()?;
        // SAFETY: the caller's promise. A careless program may have it unaligned.
        unsafe { descriptor.write_unaligned(isize::try_from(number).unwrap_or(-1)) };
        Ok(())
    })
}

/// Ends the library's work: waits for the mails in flight, cancels those that are left when the time is over
/// (they end with SDS_SMTP_CANCELLED), ends the thread, and gives back its memory and descriptors. After
/// sds_smtp_use_event_loop() it does the waiting mails' work itself, and ends that mode, too. Clients stay,
/// with their configurations, results and logs, and the next mail starts the thread again. Connections that
/// are kept (`keep_alive_ms`) end with QUIT; for the replies it waits half a second at most.
///
/// When the time is over, a `done` or another function of the program's that runs, and lookups of names, have
/// another second.
///
/// @param timeout_ms  the longest time to wait for mails, in milliseconds; 0: cancels them at once;
///                    SDS_SMTP_NO_LIMIT: waits as long as it takes
/// @return 0; 14: a function of the program's or a lookup of a name has not ended in time, and the thread
///         goes on: this may be called again. 14 also out of such a function, where nothing happens
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_shutdown(timeout_ms: u32) -> c_int {
    guard_code(|| {
        host::shut_down(match timeout_ms {
            NO_LIMIT => Wait::Forever,
            some => Wait::Milliseconds(some),
        })
    })
}
