//! `struct sds_smtp_result`.

use core::ffi::{c_char, c_int};

use super::client::{of, sds_smtp_client};
#[cfg(not(feature = "std"))]
use super::guard::whole;
#[cfg(feature = "std")]
use super::guard::{fill, number, size_to_write, write};
use super::guard::{guard_code, versioned};
use crate::buffer::Window;
#[cfg(feature = "std")]
use crate::client::report::{MessageId, Report};
#[cfg(not(feature = "std"))]
use crate::code::Code;
#[cfg(not(feature = "std"))]
use crate::firmware::{Member, ResultFields};
use crate::limits::{MESSAGE_ID_BYTES, REPLY_TEXT_BYTES};

/// How the last mail ended. Begin with `SDS_SMTP_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_result {
    /// sizeof(struct sds_smtp_result); SDS_SMTP_RESULT_INIT sets it.
    pub struct_size: u32,
    /// The result code, as sds_smtp_client_status() has it.
    pub code: i32,
    /// What became of the mail: SDS_SMTP_OUTCOME_...
    pub outcome: u32,
    /// How far it came: SDS_SMTP_PHASE_...
    pub phase: u32,
    /// The server's reply code (RFC 5321), as 550; 0 where the server did not decide.
    pub reply_code: u32,
    /// The enhanced status code (RFC 3463), as 5.1.1: class,
    pub enhanced_class: u32,
    /// subject,
    pub enhanced_subject: u32,
    /// and detail; zeros where the server gave none.
    pub enhanced_detail: u32,
    /// Recipients that the server accepted.
    pub recipients_accepted: u32,
    /// Recipients that the server refused.
    pub recipients_refused: u32,
    /// Milliseconds from the start to the result.
    pub elapsed_ms: u32,
    /// The Message-ID with its angle brackets; empty where the mail did not start.
    pub message_id: [c_char; 320],
    /// The server's text in printable ASCII, its lines joined, cut after 255 bytes; where reply_code is 0,
    /// the library's own words. Never anything of the credentials.
    pub text: [c_char; 256],
}

versioned!(sds_smtp_result {
    struct_size,
    code,
    outcome,
    phase,
    reply_code,
    enhanced_class,
    enhanced_subject,
    enhanced_detail,
    recipients_accepted,
    recipients_refused,
    elapsed_ms,
    message_id,
    text,
});

const _: () = assert!(MESSAGE_ID_BYTES < 320 && REPLY_TEXT_BYTES < 256);

/// [`ResultFields`] and the C structure have the same fields from the code up to the Message-ID, and the same text.
#[cfg(not(feature = "std"))]
const _: () = assert!(
    core::mem::offset_of!(ResultFields, text).wrapping_add(4) == core::mem::offset_of!(sds_smtp_result, message_id)
        && core::mem::offset_of!(ResultFields, enhanced).wrapping_add(4)
            == core::mem::offset_of!(sds_smtp_result, enhanced_class)
        && core::mem::offset_of!(ResultFields, elapsed_ms).wrapping_add(4)
            == core::mem::offset_of!(sds_smtp_result, elapsed_ms)
        && core::mem::size_of::<ResultFields>() == core::mem::offset_of!(ResultFields, text).wrapping_add(256)
);

#[cfg(not(feature = "std"))]
fn tell(client: &Member, out: &mut sds_smtp_result) {
    let told = client.told();
    // SAFETY: up to there the layouts are the same (asserted above). A char of C is an octet.
    let field = unsafe {
        core::ptr::copy_nonoverlapping(
            core::ptr::from_ref(told).cast::<u8>(),
            core::ptr::from_mut(&mut out.code).cast(),
            core::mem::offset_of!(ResultFields, text),
        );
        core::ptr::copy_nonoverlapping(told.text.as_ptr().cast(), out.text.as_mut_ptr(), out.text.len());
        out.message_id.as_mut_ptr().write_bytes(0, out.message_id.len());
        core::slice::from_raw_parts_mut(out.message_id.as_mut_ptr().cast::<u8>(), MESSAGE_ID_BYTES)
    };
    if let Some(id) = client.message_id() {
        id.write(&mut Window::new(field, 0));
    }
}

#[cfg(feature = "std")]
fn tell(report: &Report, id: MessageId<'_>, out: &mut sds_smtp_result) {
    out.code = number(report.code);
    out.outcome = report.outcome as u32;
    out.phase = report.phase as u32;
    out.reply_code = u32::from(report.reply);
    [out.enhanced_class, out.enhanced_subject, out.enhanced_detail] = report.enhanced;
    let (accepted, refused) = report.recipients;
    out.recipients_accepted = u32::from(accepted);
    out.recipients_refused = u32::from(refused);
    out.elapsed_ms = report.elapsed;
    // SAFETY: the octets of the field but the last ones, which stay zero: no Message-ID is that long (asserted above).
    let field = unsafe { core::slice::from_raw_parts_mut(out.message_id.as_mut_ptr().cast::<u8>(), MESSAGE_ID_BYTES) };
    id.write(&mut Window::new(field, 0));
    fill(&mut out.text, report.text.octets());
}

/// Tells how the last mail ended, or why it could not be started. While a mail is in flight it tells of the
/// one before; before the first mail every field is zero.
///
/// @param client  the client, or NULL for the built-in one
/// @param out     filled on success only; its struct_size is kept
/// @return 0; 33: out is NULL or its struct_size is not known; 34
///
/// # Safety
///
/// `out` is NULL or points to `struct_size` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_result(client: *const sds_smtp_client, out: *mut sds_smtp_result) -> c_int {
    #[cfg(feature = "std")]
    return guard_code(|| {
        // SAFETY: the caller's promise.
        let size = unsafe { size_to_write(out) }?;
        of(client).read_report(|report, message_id| {
            // SAFETY: likewise, and the size was checked.
            unsafe { write(out, size, |out| tell(report, message_id, out)) };
        })
    });
    #[cfg(not(feature = "std"))]
    return guard_code(|| {
        if !whole(out) {
            return Code::BadArgument;
        }
        of(client).show(|client| {
            // SAFETY: the caller's promise, and the size was checked.
            tell(client, unsafe { &mut *out });
        })
    });
}
