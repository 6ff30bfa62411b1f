//! The function that takes a `struct sds_smtp_transport`, which [`crate::channel`] has.

use core::ffi::c_int;

use super::client::{of, sds_smtp_client};
use super::guard::guard_code;
#[cfg(feature = "std")]
use super::guard::{read, versioned};
use crate::channel::Transport;
use crate::channel::transport::sds_smtp_transport;
use crate::code::Code;

#[cfg(feature = "std")]
versioned!(sds_smtp_transport {
    struct_size,
    flags,
    context,
    connect,
    connected,
    send,
    receive,
    close,
    local_address,
    random,
    start_tls,
    resolve,
    descriptor,
    reserved,
});

/// Sets the transport of a client: its connections are made of the program's functions. The structure is
/// checked. On bare metal it is not copied: it must stay in place, unchanged, until it is replaced or the
/// client ends. With an operating system it is copied; `context` must stay until then.
///
/// With an operating system a connection that only waits for the reply to QUIT is closed here, and so is one
/// that is kept (`keep_alive_ms`), which says QUIT before. When this returns, the functions of the transport
/// before are not called any more, unless it is called from inside one of them.
///
/// @param client     the client, or NULL for the built-in one
/// @param transport  the functions; NULL: none. On bare metal no mail can be sent then; with an operating
///                   system the library uses sockets
/// @return 0; 14: a mail is in flight; 33: struct_size or flags are not known, or connect, connected, send,
///         receive or close is NULL; 7: out of memory; 34
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
    #[cfg(feature = "std")]
    return guard_code(|| {
        if transport.is_null() {
            return of(client).set_transport(None);
        }
        // SAFETY: the caller's promise.
        let mut copy = unsafe { read(transport) }?;
        copy.struct_size = u32::try_from(size_of::<sds_smtp_transport>()).unwrap_or(0);
        // SAFETY: likewise.
        let given = unsafe { Transport::new(copy) }.ok_or(Code::BadArgument)?;
        of(client).set_transport(Some(given))
    });
    #[cfg(not(feature = "std"))]
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
