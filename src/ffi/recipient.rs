//! `struct sds_smtp_recipient`.

use core::ffi::c_char;

use super::client::{of, sds_smtp_client};
use super::guard::{fill, guard, number, size_to_write, versioned, write};
use crate::host::Recipient;
use crate::limits::{ADDRESS_BYTES, LOG_TEXT_BYTES};

/// What became of a recipient of the last mail. Begin with `SDS_SMTP_RECIPIENT_INIT`. Not on bare metal.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_recipient {
    /// sizeof(struct sds_smtp_recipient); SDS_SMTP_RECIPIENT_INIT sets it.
    pub struct_size: u32,
    /// The result code for it: 0 if the mail was sent to it; in a dry run, if it was accepted. Never 41.
    pub code: i32,
    /// What became of the mail for it: SDS_SMTP_OUTCOME_...
    pub outcome: u32,
    /// The server's reply code that decided: to RCPT, or to what ended the mail for it; 0 where there was
    /// none.
    pub reply_code: u32,
    /// The enhanced status code (RFC 3463), as 5.1.1: class,
    pub enhanced_class: u32,
    /// subject,
    pub enhanced_subject: u32,
    /// and detail; zeros where the server gave none.
    pub enhanced_detail: u32,
    /// 0.
    pub reserved: u32,
    /// Its address, as it is sent.
    pub address: [c_char; 256],
    /// The server's text, or where reply_code is 0 the library's words; cut after 127 bytes. Never any of the
    /// credentials.
    pub text: [c_char; 128],
}

versioned!(sds_smtp_recipient {
    struct_size,
    code,
    outcome,
    reply_code,
    enhanced_class,
    enhanced_subject,
    enhanced_detail,
    reserved,
    address,
    text,
});

const _: () = assert!(ADDRESS_BYTES < 256 && LOG_TEXT_BYTES < 128);

fn tell(recipient: &Recipient<'_>, out: &mut sds_smtp_recipient) {
    out.code = number(recipient.code);
    out.outcome = recipient.outcome as u32;
    out.reply_code = u32::from(recipient.reply);
    [out.enhanced_class, out.enhanced_subject, out.enhanced_detail] = recipient.enhanced;
    fill(&mut out.address, recipient.address);
    fill(&mut out.text, recipient.text.octets());
}

/// What became of each recipient of the last mail that has ended: `to`, `cc`, `bcc`, in this order; who is
/// named twice stands there twice. Without SDS_SMTP_PARTIAL all of them share what became of the mail. Where
/// one was refused it has its own answer, and the others have the code of the mail, reply_code 0, and a text
/// that says so. Not on bare metal.
///
/// It is there in `done`, and while the next mail is in flight, until that one ends. A mail that does not
/// start ends it, too. One call tells of one mail; but another mail may end between two calls.
///
/// @param client  the client, or NULL for the built-in one
/// @param out     an array; the struct_size of its first element is the size of every element; that of the
///                others is not read, but written. NULL: the recipients are only counted
/// @param max     the number of elements in the array; with fewer than recipients, the first ones are told of
/// @return the number of elements written; if out is NULL or max is 0, the number of recipients; 0 before the
///         first mail, after a probe, where the last mail did not start, if that struct_size is not known, or
///         if the handle is not that of a client
///
/// # Safety
///
/// `out` is NULL or points to `max` elements of `struct_size` octets, of which the first has its
/// `struct_size` set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_recipients(
    client: *const sds_smtp_client,
    out: *mut sds_smtp_recipient,
    max: usize,
) -> usize {
    guard(0, || {
        if out.is_null() || max == 0 {
            return of(client).recipients_len().unwrap_or(0);
        }
        // SAFETY: the caller's promise.
        let Ok(size) = (unsafe { size_to_write(out) }) else {
            return 0;
        };
        of(client)
            .recipients(max, |at, recipient| {
                // SAFETY: `max` elements of `size` octets are the caller's, and those given are numbered below that.
                unsafe { write(out.byte_add(at.wrapping_mul(size)), size, |out| tell(recipient, out)) };
            })
            .unwrap_or(0)
    })
}
