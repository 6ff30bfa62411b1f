//! `struct sds_smtp_message`.

use core::ffi::{c_char, c_int, c_void};

use super::client::{of, sds_smtp_client};
use super::guard::{guard_code, read, string, versioned};
use crate::code::{Code, Reason};

/// A mail. Begin with `SDS_SMTP_MESSAGE_INIT`.
///
/// All strings end with a NUL, are copied by the call, and may be freed after it; but see SDS_SMTP_BORROW_TEXT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_message {
    /// sizeof(struct sds_smtp_message); SDS_SMTP_MESSAGE_INIT sets it.
    pub struct_size: u32,
    /// 0, or a sum of SDS_SMTP_BORROW_TEXT and SDS_SMTP_TEXT_IN_CHARSET.
    pub flags: u32,
    /// The recipients' e-mail addresses, separated by commas; 1 to 100 of them. Else code 5.
    pub to: *const c_char,
    /// The subject, at most 2000 bytes in one line; NULL is an empty one. With a line end in it: code 7.
    pub subject: *const c_char,
    /// The text, at most 64 MiB; NULL is an empty one. Lines may end with LF, CR or CRLF and be of any length.
    pub text: *const c_char,
    /// Instead of `text`: a function that gives the text piece by piece, so that it may be longer than there is memory for.
    /// It writes up to `max` bytes of the text, from the byte number `offset` on, and returns how many; 0 at the end of the
    /// text; SDS_SMTP_READ_LATER where it has none now; another negative number where it fails: then the mail ends with
    /// code 7, and the server gets nothing of it. It is asked for each piece once, in order. Such a text is sent as
    /// quoted-printable.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, out: *mut c_char, max: usize) -> i32>,
    /// Handed to `read`, untouched.
    pub read_context: *mut c_void,
}

versioned!(sds_smtp_message {
    struct_size,
    flags,
    to,
    subject,
    text,
    read,
    read_context,
});

/// Starts to send a mail, in the background: returns at once. What the three-function sds_smtp_send() does, for any
/// client.
///
/// With several recipients the mail goes to all of them or, when the server refuses one, to none.
///
/// @param client   the client, or NULL for the built-in one
/// @param message  the mail; copied
/// @return 0: started; 14: the previous mail is still in flight, and nothing was changed; otherwise the mail could not
///         be started, and this is the status now, too: 5 recipients, 7 subject, text or memory, 13 not configured, 33
///         where message is NULL or its struct_size or flags are not known; or 34
///
/// # Safety
///
/// `message` is NULL or points to `struct_size` octets; its strings are NULL or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_send(client: *mut sds_smtp_client, message: *const sds_smtp_message) -> c_int {
    guard_code(|| {
        let client = of(client);
        // SAFETY: the caller's promises.
        match unsafe { read(message) } {
            Ok(message) if message.flags == 0 => {
                // SAFETY: the caller's promise, for each of them.
                let text = |string_of_c| unsafe { string(string_of_c) };
                let (subject, body) = (text(message.subject), text(message.text));
                client
                    .send(text(message.to), subject.unwrap_or(&[]), body.unwrap_or(&[]))
                    .map(|()| 0)
            }
            _ => Err(client.refuse(Code::BadArgument, Reason::BadStructure)),
        }
    })
}

/// Starts a probe, in the background: connects, greets, logs in and leaves, and sends no mail. It counts as the mail in
/// flight; its status is 0 when a mail could be sent as far as the login shows, and its outcome "not sent".
///
/// @param client  the client, or NULL for the built-in one
/// @return 0: started; 14: a mail is in flight; 13 not configured; 7 out of memory; 34
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_probe(client: *mut sds_smtp_client) -> c_int {
    guard_code(|| of(client).probe().map(|()| 0))
}
