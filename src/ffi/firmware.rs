//! What a program without an operating system does by itself: lend memory, tell the time, call again.

use core::ffi::{c_int, c_void};

use super::client::sds_smtp_client;
use super::guard::guard_code;
use super::log::sds_smtp_log_entry;
use crate::code::Code;
use crate::firmware;

/// Makes a client in memory that the program lends. The first client that is made is the built-in one of
/// sds_smtp_configure(), sds_smtp_send() and sds_smtp_status(), whose handle is NULL, too.
///
/// What `storage` has beyond SDS_SMTP_CLIENT_SIZE is the client's arena. It holds the configuration (about 200 bytes and its
/// strings), and beside it, while a mail is in flight, the mail: its recipients, subject and text where they are copied (a
/// buffer of 16 to 256 bytes for a text that is read). A configuration made meanwhile has its place there, too. 1 KiB is
/// plenty for a text of a few lines.
///
/// @param storage  memory that stays until sds_smtp_client_free(); it may begin at any address. NULL: none
/// @param length   its size in bytes
/// @return the client; NULL where storage is NULL or shorter than SDS_SMTP_CLIENT_SIZE, a client lives in it, or
///         in an interrupt or a callback, while another function of the library runs
///
/// # Safety
///
/// `storage` is NULL or points to `length` octets that nobody else uses from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_init(storage: *mut c_void, length: usize) -> *mut sds_smtp_client {
    // SAFETY: the caller's promise.
    unsafe { firmware::init(storage.cast(), length) }.cast()
}

/// Lends a client memory for its log. Without it there is no log. Where it is full the oldest entry goes, and the others move up.
///
/// @param client   the client, or NULL for the built-in one
/// @param entries  memory for `count` entries, which stays until the client ends; its contents are the library's own (read
///                 them with sds_smtp_client_log()). NULL: no log any more
/// @param count    how many
/// @return 0; 14 in an interrupt or a callback, while another function of the library runs; 33 where entries is
///         NULL and count is not 0, or is not aligned as its type is; 34
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
        // SAFETY: the caller's promise; a line of the library's is laid out as an entry.
        unsafe { firmware::set_log(client.addr(), entries.cast(), count) }
    })
}

/// The calendar's clock, for the Date of mails, their Message-IDs, and the log; of all clients. Without one mails have no
/// Date, which most servers then add.
///
/// @param unix_time  returns the seconds since 1970, UTC; 0 where they are not known (yet). It is called out of
///                   sds_smtp_poll(), and may not block. NULL: no clock
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

/// Does the work of all clients: what is possible now without waiting, and a bounded amount of it (a text that is not read piece by
/// piece is looked through as a whole, once, when the server has answered EHLO). To be called from the program's main loop;
/// and at once after a mail, a probe or a cancellation was ordered, whatever it returned before: the time limits
/// begin there.
///
/// @param now_ms  the time in milliseconds, of a clock that only goes forward and is never set; it wraps from
///                0xFFFFFFFF to 0. It is to be called once in 24 days at the least while a mail is in flight
/// @return the milliseconds after which it wants to be called again, at the latest: 0: at once, there is more to do;
///         SDS_SMTP_NO_LIMIT: no mail is in flight. See SDS_SMTP_TRANSPORT_WAKES. 1 in an interrupt or a callback,
///         while another function of the library runs
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_poll(now_ms: u32) -> u32 {
    firmware::poll(now_ms)
}
