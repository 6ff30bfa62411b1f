//! `struct sds_smtp_result`.

#[cfg(feature = "std")]
use core::ffi::c_void;
use core::ffi::{c_char, c_int};

use super::client::{of, sds_smtp_client};
#[cfg(not(feature = "std"))]
use super::guard::whole;
#[cfg(feature = "std")]
use super::guard::{fill, number, size_to_write, write};
use super::guard::{guard_code, versioned};
#[cfg(not(feature = "std"))]
use crate::buffer::Window;
#[cfg(not(feature = "std"))]
use crate::code::Code;
#[cfg(not(feature = "std"))]
use crate::firmware::{Member, ResultFields};
#[cfg(feature = "std")]
use crate::host::LastMail;
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
    /// How often it was attempted, 1 where it was not repeated; 0 where it did not start, and on bare
    /// metal.
    pub attempts: u32,
    /// What to do: SDS_SMTP_ADVICE_...; 0 on bare metal.
    pub advice: u32,
    /// The version of TLS that protected the last attempt: 0x0303 (1.2), 0x0304 (1.3); 0: none, or a
    /// transport's.
    pub tls_version: u32,
    /// The Message-ID with its angle brackets; empty where the mail did not start, and with SDS_SMTP_RAW: that
    /// mail has its own. All attempts have the same.
    pub message_id: [c_char; 320],
    /// The server that the last attempt tried: its address and port, as "192.0.2.1:25"; a name that had no
    /// address to connect to as "mail.example.org:25", cut after 63 bytes. Empty where there was none, and on
    /// bare metal.
    pub server: [c_char; 64],
    /// The recipient that the server refused, where that decided; empty on bare metal.
    pub recipient: [c_char; 256],
    /// The server's text in printable ASCII, its lines joined, and behind it what it may mean, in the
    /// library's words; where reply_code is 0, the library's words alone. Cut after 255 bytes. Never anything
    /// of the credentials.
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
    attempts,
    advice,
    tls_version,
    message_id,
    server,
    recipient,
    text,
});

const _: () = assert!(MESSAGE_ID_BYTES < 320 && REPLY_TEXT_BYTES < 256);

/// [`ResultFields`] and the C structure have the same fields from the code up to the Message-ID, and the
/// same text.
#[cfg(not(feature = "std"))]
const _: () = assert!(
    core::mem::offset_of!(ResultFields, text).wrapping_add(4) == core::mem::offset_of!(sds_smtp_result, attempts)
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
        // From `attempts` up to the text a device has the Message-ID only.
        let rest =
            core::mem::offset_of!(sds_smtp_result, text).wrapping_sub(core::mem::offset_of!(sds_smtp_result, attempts));
        core::ptr::from_mut(out)
            .cast::<u8>()
            .add(core::mem::offset_of!(sds_smtp_result, attempts))
            .write_bytes(0, rest);
        core::slice::from_raw_parts_mut(out.message_id.as_mut_ptr().cast::<u8>(), MESSAGE_ID_BYTES)
    };
    if let Some(id) = client.message_id() {
        id.write(&mut Window::new(field, 0));
    }
}

#[cfg(feature = "std")]
// Saves 288 bytes.
#[inline(never)]
fn tell(told: &LastMail, out: &mut sds_smtp_result) {
    let report = &told.report;
    out.code = number(report.code);
    out.outcome = report.outcome as u32;
    out.phase = report.phase as u32;
    out.reply_code = u32::from(report.reply);
    [out.enhanced_class, out.enhanced_subject, out.enhanced_detail] = report.enhanced;
    (out.recipients_accepted, out.recipients_refused) = report.recipients;
    out.elapsed_ms = report.elapsed;
    out.attempts = report.attempts;
    out.tls_version = u32::from(report.tls_version);
    out.advice = report.advice as u32;
    fill(&mut out.message_id, told.message_id.octets());
    fill(&mut out.server, told.server.octets());
    if told.decided {
        fill(&mut out.recipient, told.recipient.octets());
    }
    fill(&mut out.text, report.text.octets());
}

/// Calls a program's `done` with the result of a mail.
///
/// # Safety
///
/// `function` is one of the type of `sds_smtp_message.done`, and can be called with the context.
#[cfg(feature = "std")]
pub(super) unsafe fn call_done(function: *const (), context: *mut c_void, handle: usize, told: &LastMail) {
    type Function = unsafe extern "C" fn(*mut c_void, *mut sds_smtp_client, *const sds_smtp_result);
    // SAFETY: zeros are a value of it.
    let mut result: sds_smtp_result = unsafe { core::mem::zeroed() };
    result.struct_size = u32::try_from(size_of::<sds_smtp_result>()).unwrap_or(0);
    tell(told, &mut result);
    // SAFETY: the caller's promise.
    let function = unsafe { core::mem::transmute::<*const (), Function>(function) };
    // SAFETY: likewise. The result lives until it returns.
    unsafe { function(context, core::ptr::without_provenance_mut(handle), &raw const result) };
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
        let told = of(client).report()?;
        // SAFETY: likewise, and the size was checked.
        unsafe { write(out, size, |out| tell(&told, out)) };
        Ok(())
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
