//! What only a system has: clients out of its memory, and waiting.

use core::ffi::c_int;

use super::client::{of, sds_smtp_client};
use super::codes::NO_LIMIT;
use super::guard::{guard, guard_code};
use crate::host::{Client, Wait};

/// Makes a client. It has no configuration, and no mail in flight.
///
/// @return the client, to be given to sds_smtp_client_free() in the end; NULL when out of memory, or when 65535 live
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_client_new() -> *mut sds_smtp_client {
    guard(core::ptr::null_mut(), || {
        Client::new().map_or(core::ptr::null_mut(), |client| {
            core::ptr::without_provenance_mut(client.handle())
        })
    })
}

/// Waits until no mail is in flight.
///
/// @param client      the client, or NULL for the built-in one
/// @param timeout_ms  the longest time to wait, in milliseconds; 0 does not wait; SDS_SMTP_NO_LIMIT as long as it takes
/// @return the status then: 14 when the mail is still in flight; 34, also when another thread frees the client meanwhile
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_wait(client: *mut sds_smtp_client, timeout_ms: u32) -> c_int {
    guard_code(|| {
        of(client).wait(match timeout_ms {
            NO_LIMIT => Wait::Forever,
            some => Wait::Milliseconds(some),
        })
    })
}
