//! What needs a system: clients in its memory, waiting, and programs with an event loop of their own.

use core::ffi::{c_char, c_int};

use super::client::{of, sds_smtp_client};
use super::codes::NO_LIMIT;
use super::guard::{copy_text, guard, guard_code};
use crate::host::{self, Client, Wait};

/// Makes a client. It has no configuration, and no mail in flight.
///
/// @return the client, to be freed with sds_smtp_client_free(); NULL if out of memory, or if there are 65535
///         clients
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_client_new() -> *mut sds_smtp_client {
    guard(core::ptr::null_mut(), || {
        Client::new().map_or(core::ptr::null_mut(), |client| {
            core::ptr::without_provenance_mut(client.handle())
        })
    })
}

/// Waits until the mail in flight has ended. If several threads send with one client, this is the first mail
/// that ends after the wait began, even if another thread has started the next one by then.
///
/// @param client      the client, or NULL for the built-in one
/// @param timeout_ms  the longest time to wait, in milliseconds; 0: does not wait; SDS_SMTP_NO_LIMIT: waits
///                    as long as it takes
/// @return the code of that mail; without a mail in flight, the status; 14: the time ran out first, or the
///         call comes from a callback; 34: also if another thread frees the client meanwhile
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

/// How far the mail in flight is, or without one the last mail.
///
/// @param client  the client, or NULL for the built-in one
/// @param sent    gets the number of bytes of the mail, its header included, that have left; or NULL
/// @param all     gets the number of bytes that there are; 0: not known; or NULL
/// @return 0, or 34
///
/// # Safety
///
/// `sent` and `all` are NULL or point to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_progress(
    client: *const sds_smtp_client,
    sent: *mut u64,
    all: *mut u64,
) -> c_int {
    guard_code(|| {
        let (left, whole) = of(client).progress()?;
        for (out, number) in [(sent, left), (all, whole)] {
            if !out.is_null() {
                // SAFETY: the caller's promise.
                unsafe { out.write_unaligned(number) };
            }
        }
        Ok(())
    })
}

/// Does the library's work for all clients, as far as that is possible without waiting, and for a few
/// milliseconds at most, whatever the number of clients. On bare metal (sds_smtp_firmware.h) every program
/// calls it; with an operating system, a program that has called sds_smtp_use_event_loop().
///
/// @param now_ms  on bare metal, the time in milliseconds: see sds_smtp_firmware.h. With an operating system
///                it is ignored
/// @return the time in milliseconds after which it is to be called again at the latest, besides whenever the
///         descriptor is readable; SDS_SMTP_NO_LIMIT: only when the descriptor is readable
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_poll(now_ms: u32) -> u32 {
    let _ = now_ms;
    guard(NO_LIMIT, || {
        host::poll().map_or(NO_LIMIT, |left| {
            u32::try_from(left).unwrap_or(NO_LIMIT).min(NO_LIMIT.saturating_sub(1))
        })
    })
}

/// The last conversation of a client that has SDS_SMTP_KEEP_DIALOGUE in its configuration: its newest lines,
/// at most 4 KiB of all attempts together, each as a trace has it and with a line feed behind it. User name
/// and password are masked, the mail's text is left out. It is there when the mail has ended; right after
/// that it may still lack RSET, QUIT and the answers to them.
///
/// @param client  the client, or NULL for the built-in one
/// @param out     gets whole lines, the newest that fit, with a NUL behind them; or NULL
/// @param max     the size of `out` in bytes
/// @return the number of bytes that there are, without the NUL; 0 before the first mail, or where the handle
///         is not that of a client
///
/// # Safety
///
/// `out` is NULL or points to `max` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_dialogue(
    client: *const sds_smtp_client,
    out: *mut c_char,
    max: usize,
) -> usize {
    guard(0, || {
        let copied = of(client).dialogue(|text| {
            let mut newest = text;
            while newest.len() > max.saturating_sub(1) {
                let line = newest.iter().position(|octet| *octet == b'\n');
                newest = line.and_then(|end| newest.get(end.saturating_add(1)..)).unwrap_or(&[]);
            }
            // SAFETY: the caller's promise.
            unsafe { copy_text(newest, out, max) };
            text.len()
        });
        // SAFETY: likewise.
        copied.unwrap_or_else(|_| unsafe { copy_text(&[], out, max) })
    })
}
