//! The function that takes a `struct sds_smtp_transport`, which [`crate::channel`] has.

use core::ffi::c_int;

use super::client::{of, sds_smtp_client};
use super::guard::guard_code;
use crate::channel::Transport;
use crate::channel::transport::sds_smtp_transport;
use crate::code::Code;

/// Sets the transport of a client. It is checked, and not copied: it must stay in place, unchanged, until it
/// is replaced or the client ends.
///
/// @param client     the client, or NULL for the built-in one
/// @param transport  the callbacks; NULL: none, and no mail can be sent
/// @return 0; 14: a mail is in flight; 33: struct_size or flags are not known, or connect, connected, send,
///         receive or close is NULL; 34
///
/// # Safety
///
/// `transport` is NULL or points to `struct_size` octets, whose functions can be called with its context, and
/// which stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_set_transport(
    client: *mut sds_smtp_client,
    transport: *const sds_smtp_transport,
) -> c_int {
    guard_code(|| {
        if !transport.is_aligned() {
            return Code::BadArgument;
        }
        // SAFETY: the caller's promise.
        let given = unsafe { transport.as_ref() };
        // SAFETY: likewise.
        let transport = given.and_then(|given| unsafe { Transport::new(given) });
        if transport.is_none() && given.is_some() {
            return Code::BadArgument;
        }
        of(client).set_transport(transport)
    })
}
