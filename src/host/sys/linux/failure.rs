//! What Linux's error numbers mean, and descriptors that are new or could not be made.

use core::ffi::c_int;
use std::os::fd::{FromRawFd, OwnedFd};

use super::super::interface::Failure;

/// What an error number of the system means for a connection.
pub(super) fn failure(error: c_int) -> Failure {
    match error {
        libc::EAGAIN | libc::EINPROGRESS | libc::EINTR => Failure::WouldBlock,
        // ENOSPC: a list would have more sockets than this user may have in all of them.
        libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::ENOSPC | libc::EADDRNOTAVAIL => {
            Failure::Exhausted
        }
        libc::ECONNREFUSED => Failure::Refused,
        libc::ETIMEDOUT => Failure::TimedOut,
        libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::ENETDOWN
        | libc::EHOSTDOWN
        | libc::EACCES
        | libc::EPERM
        | libc::EAFNOSUPPORT
        | libc::EINVAL => Failure::Unreachable,
        _ => Failure::Broken,
    }
}

/// The last error's number.
pub(super) fn last_error() -> c_int {
    // SAFETY: it is this thread's, and always there.
    unsafe { *libc::__errno_location() }
}

/// What the last error means.
// Saves 128 bytes.
#[inline(never)]
pub(super) fn last_failure() -> Failure {
    failure(last_error())
}

/// A new descriptor, or why there is none.
pub(super) fn owned(descriptor: c_int) -> Result<OwnedFd, Failure> {
    if descriptor < 0 {
        return Err(last_failure());
    }
    // SAFETY: the system call that returned this descriptor made it for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
