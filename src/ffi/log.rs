//! `struct sds_smtp_log_entry`.

use core::ffi::c_char;

use super::client::{of, sds_smtp_client};
#[cfg(not(feature = "std"))]
use super::guard::whole;
#[cfg(feature = "std")]
use super::guard::{fill, number, size_to_write, write};
use super::guard::{guard, versioned};
#[cfg(feature = "std")]
use crate::client::log::Entry;
#[cfg(not(feature = "std"))]
use crate::firmware::Line;
use crate::limits::{LOG_RECIPIENT_BYTES, LOG_TEXT_BYTES};

/// An entry of the log: a mail that ended, or one that could not be started; and each attempt that is
/// repeated, with the phase SDS_SMTP_PHASE_WAITING. Between two attempts only the log tells why:
/// sds_smtp_client_result() still tells of the mail before. Begin with `SDS_SMTP_LOG_ENTRY_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_log_entry {
    /// sizeof(struct sds_smtp_log_entry); SDS_SMTP_LOG_ENTRY_INIT sets it.
    pub struct_size: u32,
    /// The result code.
    pub code: i32,
    /// When it ended, in milliseconds since 1970, UTC; 0 where the device does not know the date.
    pub time_ms: i64,
    /// Milliseconds from the start to the end.
    pub elapsed_ms: u32,
    /// What became of the mail: SDS_SMTP_OUTCOME_...
    pub outcome: u32,
    /// How far it came: SDS_SMTP_PHASE_...
    pub phase: u32,
    /// The server's reply code, or 0.
    pub reply_code: u32,
    /// How many recipients the mail had; 0 for a probe.
    pub recipients: u32,
    /// 0.
    pub reserved: u32,
    /// The first recipient, or the one that was refused; cut after 95 bytes.
    pub recipient: [c_char; 96],
    /// The server's text, or the library's own words; cut after 127 bytes. Never any of the credentials.
    pub text: [c_char; 128],
}

versioned!(sds_smtp_log_entry {
    struct_size,
    code,
    time_ms,
    elapsed_ms,
    outcome,
    phase,
    reply_code,
    recipients,
    reserved,
    recipient,
    text,
});

const _: () = assert!(LOG_RECIPIENT_BYTES < 96 && LOG_TEXT_BYTES < 128);

#[cfg(feature = "std")]
fn tell(entry: &Entry, out: &mut sds_smtp_log_entry) {
    out.code = number(entry.code);
    out.time_ms = i64::try_from(entry.time).unwrap_or(0);
    out.elapsed_ms = entry.elapsed;
    out.outcome = entry.outcome as u32;
    out.phase = entry.phase as u32;
    out.reply_code = u32::from(entry.reply);
    out.recipients = entry.recipients;
    fill(&mut out.recipient, entry.recipient.octets());
    fill(&mut out.text, entry.text.octets());
}

#[cfg(not(feature = "std"))]
const _: () = assert!(
    core::mem::size_of::<Line>() == core::mem::size_of::<sds_smtp_log_entry>()
        && core::mem::align_of::<Line>() == core::mem::align_of::<sds_smtp_log_entry>()
        && core::mem::offset_of!(Line, time_ms) == core::mem::offset_of!(sds_smtp_log_entry, time_ms)
        && core::mem::offset_of!(Line, recipients) == core::mem::offset_of!(sds_smtp_log_entry, recipients)
        && core::mem::offset_of!(Line, text) == core::mem::offset_of!(sds_smtp_log_entry, text)
);

/// Reads the log: the newest entries, the oldest of them first.
///
/// @param client  the client, or NULL for the built-in one
/// @param out     an array; the struct_size of its first element is the size of every element. NULL: the
///                entries are only counted
/// @param max     the number of elements in the array
/// @return the number of entries written; if out is NULL or max is 0, the number of entries in the log (at
///         most 64); 0 if that struct_size is not known, or the handle is not that of a client
///
/// # Safety
///
/// `out` is NULL or points to `max` elements of `struct_size` octets, of which the first has its
/// `struct_size` set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_log(
    client: *const sds_smtp_client,
    out: *mut sds_smtp_log_entry,
    max: usize,
) -> usize {
    #[cfg(feature = "std")]
    return guard(0, || {
        if out.is_null() || max == 0 {
            return of(client).log_len().unwrap_or(0);
        }
        // SAFETY: the caller's promise.
        let Ok(size) = (unsafe { size_to_write(out) }) else {
            return 0;
        };
        let mut next = out;
        of(client)
            .log(max, |entry| {
                // SAFETY: `max` elements of `size` octets are the caller's, and no more entries than that are given.
                unsafe {
                    write(next, size, |out| tell(entry, out));
                    next = next.byte_add(size);
                }
            })
            .unwrap_or(0)
    });
    #[cfg(not(feature = "std"))]
    return guard(0, || {
        let (mut count, told) = (0, !out.is_null() && max != 0);
        if !told || whole(out) {
            of(client).show(|client| {
                if !told {
                    count = client.lines();
                } else if let Some(newest) = client.newest(max) {
                    count = newest.len();
                    // SAFETY: `max` elements are the caller's, and no more than that are given.
                    unsafe { core::ptr::copy_nonoverlapping(newest.as_ptr(), out.cast(), count) };
                }
            });
        }
        count
    });
}
