//! `struct sds_smtp_message`.

use core::ffi::{c_char, c_int, c_void};

use super::Client;
use super::client::{of, sds_smtp_client};
use super::codes::{SDS_SMTP_BORROW_TEXT, SDS_SMTP_TEXT_IN_CHARSET};
use super::guard::{guard_code, read, string, versioned};
use crate::code::{Code, Reason};
#[cfg(not(feature = "std"))]
use crate::firmware::{Content, Outgoing, Pieces, Source};
#[cfg(feature = "std")]
use crate::limits::{PIECE_BYTES, TEXT_BYTES};

#[cfg(feature = "std")]
type Read = unsafe extern "C" fn(context: *mut c_void, offset: u32, out: *mut c_char, max: usize) -> i32;

/// A mail. Begin with `SDS_SMTP_MESSAGE_INIT`.
///
/// All strings end with a NUL. The call copies them, and they may be freed after it (but see
/// SDS_SMTP_BORROW_TEXT).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_message {
    /// sizeof(struct sds_smtp_message); SDS_SMTP_MESSAGE_INIT sets it.
    pub struct_size: u32,
    /// 0, or a sum of SDS_SMTP_BORROW_TEXT and SDS_SMTP_TEXT_IN_CHARSET.
    pub flags: u32,
    /// The recipients' e-mail addresses, 1 to 100, separated by commas. Else code 5.
    pub to: *const c_char,
    /// The subject, one line of at most 2000 bytes; NULL is an empty one. With a line end in it: code 7.
    pub subject: *const c_char,
    /// The text, at most 64 MiB; NULL is an empty one. Lines may end with LF, CR or CRLF and be of any
    /// length.
    pub text: *const c_char,
    /// Instead of `text`: a function that gives the text in pieces. It writes up to `max` bytes of the text
    /// into `out`, from byte number `offset` on. It returns the number of bytes written; 0 at the end of the
    /// text; SDS_SMTP_READ_LATER if it has nothing now; another negative number if it fails: then the mail
    /// ends with code 7 and is not delivered. The library asks for each piece once, in order. With an
    /// operating system it reads the whole text within sds_smtp_client_send(). On bare metal it reads within
    /// sds_smtp_poll(), so that the text may be longer than the memory, and sends it as quoted-printable.
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

/// Starts to send a mail in the background and returns at once, as sds_smtp_send() does, for any client.
///
/// With several recipients the mail goes to all of them or, when the server refuses one, to none.
///
/// @param client   the client, or NULL for the built-in one
/// @param message  the mail; copied
/// @return 0: started; 14: the previous mail is still in flight, and nothing was changed; otherwise the mail
///         could not be started, and the status has this code, too: 5 recipients, 7 subject, text or memory,
///         13 not configured, 33 message is NULL or its struct_size or flags are not known; or 34
///
/// # Safety
///
/// `message` is NULL or points to `struct_size` octets; its strings are NULL or end with a NUL.
#[unsafe(no_mangle)]
#[allow(clippy::needless_borrow)] // With a system read() returns a copy, without one a reference.
pub unsafe extern "C" fn sds_smtp_client_send(client: *mut sds_smtp_client, message: *const sds_smtp_message) -> c_int {
    guard_code(|| {
        let client = of(client);
        // SAFETY: the caller's promises.
        match unsafe { read(message) } {
            Ok(message) if message.is_known() => {
                // SAFETY: likewise.
                Ok(unsafe { post(client, &message) })
            }
            _ => Err(client.refuse(Code::BadArgument, Reason::BadStructure)),
        }
    })
}

impl sds_smtp_message {
    fn is_known(&self) -> bool {
        self.flags & !(SDS_SMTP_BORROW_TEXT | SDS_SMTP_TEXT_IN_CHARSET) == 0
            && (self.read.is_none() || self.text.is_null())
    }
}

/// Hands a message to the client.
///
/// # Safety
///
/// The strings are NULL or end with a NUL; a text that is borrowed stays; `read` can be called with its
/// context.
#[cfg(not(feature = "std"))]
unsafe fn post(client: Client, message: &sds_smtp_message) -> Code {
    // SAFETY: the caller's promises.
    unsafe {
        let (text, borrowed) = (string(message.text), message.flags & SDS_SMTP_BORROW_TEXT != 0);
        let read = message.read.map(|read| {
            let utf8 = message.flags & SDS_SMTP_TEXT_IN_CHARSET == 0;
            Pieces::new(Source::new(read, message.read_context), utf8)
        });
        client.send(&Outgoing {
            recipients: string(message.to),
            subject: string(message.subject),
            content: Content {
                copied: if borrowed { &[] } else { text },
                borrowed: if borrowed { text } else { &[] },
                read: read.as_ref(),
            },
        })
    }
}

/// Hands a message to the client. A text that comes in pieces is read here as a whole.
///
/// # Safety
///
/// The strings are NULL or end with a NUL; `read` can be called with its context.
#[cfg(feature = "std")]
unsafe fn post(client: Client, message: &sds_smtp_message) -> Result<(), Code> {
    // SAFETY: the caller's promises.
    unsafe {
        let pieces;
        let text = match message.read {
            Some(read) if client.status() != Ok(Code::Busy.number()) => match pieces_of(read, message.read_context) {
                Ok(text) => {
                    pieces = text;
                    pieces.as_slice()
                }
                Err(reason) => return Err(client.refuse(Code::DataFailed, reason)),
            },
            Some(_) => return Err(Code::Busy),
            None => string(message.text),
        };
        client.send(Some(string(message.to)), string(message.subject), text)
    }
}

/// A whole text, read piece by piece.
///
/// # Safety
///
/// `read` can be called with the context.
#[cfg(feature = "std")]
unsafe fn pieces_of(read: Read, context: *mut c_void) -> Result<std::vec::Vec<u8>, Reason> {
    let mut text = std::vec::Vec::new();
    loop {
        let offset = text.len();
        if offset > TEXT_BYTES {
            return Err(Reason::LongText);
        }
        text.try_reserve(PIECE_BYTES).map_err(|_| Reason::NoMemory)?;
        text.resize(offset.saturating_add(PIECE_BYTES), 0);
        let piece = text.get_mut(offset..).unwrap_or(&mut []);
        let at = u32::try_from(offset).unwrap_or(u32::MAX);
        // SAFETY: the caller's promise; the piece has this length.
        let given = unsafe { read(context, at, piece.as_mut_ptr().cast(), piece.len()) };
        match usize::try_from(given) {
            Ok(length) if length <= PIECE_BYTES => text.truncate(offset.saturating_add(length)),
            _ => return Err(Reason::BadSource),
        }
        if given == 0 {
            return Ok(text);
        }
    }
}

/// Starts a probe in the background: it connects, says EHLO, logs in and quits, and sends no mail. It counts
/// as the mail in flight. Its status is 0 if EHLO and the login were accepted; its outcome is "not sent".
///
/// @param client  the client, or NULL for the built-in one
/// @return 0: started; 14: a mail is in flight; 13: not configured; 7: out of memory; 34
///
/// # Safety
///
/// None: a handle is checked, not followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_probe(client: *mut sds_smtp_client) -> c_int {
    guard_code(|| of(client).probe())
}
