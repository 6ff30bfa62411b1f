//! Handles: `sds_smtp_client`.

use core::ffi::{c_char, c_int};

use super::Client;
use super::guard::{copy_text, guard, guard_code};

/// A client: one SDS device, with its own configuration, its own single mail in flight, its own log. Opaque.
///
/// Wherever a function takes one, NULL means the built-in client of sds_smtp_configure(), sds_smtp_send() and
/// sds_smtp_status(). A handle that was freed is recognised: the function returns SDS_SMTP_BAD_HANDLE.
pub struct sds_smtp_client {
    _private: (),
}

/// The client behind a handle. A handle is a number that looks like a pointer, and is never followed.
pub(super) fn of(handle: *const sds_smtp_client) -> Client {
    Client::from_handle(handle.addr())
}

/// Ends a client. A mail in flight is cancelled; the library's thread soon closes its connection and wipes its
/// data. A connection that is kept (`keep_alive_ms`) ends with QUIT, for which this does not wait.
///
/// Waits only while a callback of this client runs, and then no more of them is called; and until memory that
/// was lent with SDS_SMTP_BORROW_TEXT is read no more, some milliseconds. Within a callback it does not wait.
///
/// @param client  the client; with NULL, or a client that was freed before, nothing is done
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_free(client: *mut sds_smtp_client) {
    guard((), || {
        if !client.is_null() {
            let _ = of(client).free();
        }
    });
}

/// The state of a client: one atomic load. May be called as often as you like, from any thread.
///
/// @param client  the client, or NULL for the built-in one
/// @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0
///         before the first one; 34
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_status(client: *const sds_smtp_client) -> c_int {
    guard_code(|| of(client).status())
}

/// Cancels the mail in flight. It soon ends with SDS_SMTP_CANCELLED, unless the server's final reply comes
/// first. Its outcome tells whether the server may have it. Does not block; sds_smtp_client_wait() waits for
/// the end.
///
/// @param client  the client, or NULL for the built-in one
/// @return 0, also when no mail is in flight; 34
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_cancel(client: *mut sds_smtp_client) -> c_int {
    guard_code(|| of(client).cancel())
}

/// Why the last sds_smtp_client_configure(), sds_smtp_client_configure_url(), sds_smtp_configure(),
/// sds_smtp_client_send() or sds_smtp_send() of a client was refused: the field and what is wrong with it, as
/// "to: entry 2 (operator): no @: a whole e-mail address is needed". Never anything of the credentials. On
/// bare metal the text is short, as "to: bad recipients", and may name the few fields of which one is wrong.
///
/// @param client  the client, or NULL for the built-in one
/// @param out     gets the text, cut where it does not fit, with a NUL behind it; or NULL
/// @param max     the size of `out` in bytes
/// @return the length of the whole text, without the NUL; 0: it was not refused, or the handle is not that of
///         a client
///
/// # Safety
///
/// `out` is NULL or points to `max` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_refusal(
    client: *const sds_smtp_client,
    out: *mut c_char,
    max: usize,
) -> usize {
    guard(0, || {
        // SAFETY: the caller's promise.
        let copied = of(client).refusal(|text| unsafe { copy_text(text, out, max) });
        // SAFETY: likewise.
        copied.unwrap_or_else(|_| unsafe { copy_text(&[], out, max) })
    })
}
