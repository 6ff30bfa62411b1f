//! What a program without an operating system provides: memory, the time, and the calls that do the work.

use core::ffi::{c_int, c_void};

use super::client::sds_smtp_client;
use super::guard::guard_code;
use super::log::sds_smtp_log_entry;
use super::transport::sds_smtp_client_set_transport;
use crate::channel::transport::sds_smtp_transport;
use crate::code::Code;
use crate::firmware;

/// Makes a client in memory that the program lends. The first client is the built-in one, which
/// sds_smtp_configure(), sds_smtp_send() and sds_smtp_status() use; its handle is also NULL.
///
/// The part of `storage` beyond SDS_SMTP_CLIENT_SIZE is the client's arena. It holds the configuration (about
/// 200 bytes and its strings). While a mail is in flight it also holds the mail's recipients, subject and
/// text: for a text that is read in pieces only a buffer of 16 to 256 bytes, for a borrowed text nothing. A
/// client that is configured meanwhile needs room for both configurations. 1 KiB is plenty for a text of a
/// few lines.
///
/// @param storage  memory that stays until sds_smtp_client_free(); it may begin at any address
/// @param length   its size in bytes
/// @return the client; NULL: storage is NULL or shorter than SDS_SMTP_CLIENT_SIZE, or there is a client in
///         it, or another function of the library is running (the call comes from an interrupt or a callback)
///
/// # Safety
///
/// `storage` is NULL or points to `length` octets that nobody else uses from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_init(storage: *mut c_void, length: usize) -> *mut sds_smtp_client {
    // SAFETY: the caller's promise.
    unsafe { firmware::init(storage.cast(), length) }.cast()
}

/// Sets the transport of the built-in client: sds_smtp_client_set_transport() with NULL.
///
/// @param transport  the callbacks; NULL: none, and no mail can be sent
/// @return as sds_smtp_client_set_transport()
///
/// # Safety
///
/// As for [`sds_smtp_client_set_transport`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_set_transport(transport: *const sds_smtp_transport) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { sds_smtp_client_set_transport(core::ptr::null_mut(), transport) }
}

/// Lends a client memory for its log. Without it there is no log. In a full log a new entry replaces the
/// oldest one.
///
/// @param client   the client, or NULL for the built-in one
/// @param entries  memory for `count` entries, which stays until the client ends. Read it with
///                 sds_smtp_client_log() only. NULL: no log from now on
/// @param count    the number of entries
/// @return 0; 14: another function of the library is running (the call comes from an interrupt or a
///         callback); 33: entries is NULL and count is not 0, or entries is not aligned; 34
///
/// # Safety
///
/// `entries` is NULL or points to `count` entries that nobody else uses from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_set_log(
    client: *mut sds_smtp_client,
    entries: *mut sds_smtp_log_entry,
    count: usize,
) -> c_int {
    guard_code(|| {
        if (entries.is_null() && count != 0) || !entries.is_aligned() {
            return Code::BadArgument;
        }
        // SAFETY: the caller's promise; the library's lines have the layout of an entry.
        unsafe { firmware::set_log(client.addr(), entries.cast(), count) }
    })
}

/// Sets the calendar clock of all clients: for the Date of mails, their Message-IDs, and the log. Without a
/// clock mails have no Date; most servers then add one.
///
/// @param unix_time  returns the seconds since 1970, UTC; 0 while they are not known. sds_smtp_poll() calls
///                   it; it must not block. NULL: no clock
/// @param context    handed to it, untouched
///
/// # Safety
///
/// `unix_time` can be called with `context` at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_set_clock(
    unix_time: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    context: *mut c_void,
) {
    // SAFETY: the caller's promise.
    unsafe { firmware::set_clock(unix_time, context) };
}

/// Does the work of all clients, as far as that is possible now without waiting. The work of one call is
/// bounded; once in each mail, after the reply to EHLO, it reads the whole text (not if the text is read in
/// pieces). Call it from the program's main loop. Call it at once after starting a mail or a probe or
/// cancelling one, whatever it returned before: the time limits begin with that call.
///
/// @param now_ms  the time in milliseconds, of a monotonic clock that wraps from 0xFFFFFFFF to 0. While a
///                mail is in flight, call at least once in 24 days
/// @return the time in milliseconds after which it is to be called again at the latest. 0: at once, there is
///         more to do; SDS_SMTP_NO_LIMIT: no mail is in flight. See SDS_SMTP_TRANSPORT_WAKES. 1: another
///         function of the library is running (the call comes from an interrupt or a callback), and nothing
///         was done
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_poll(now_ms: u32) -> u32 {
    firmware::poll(now_ms)
}
