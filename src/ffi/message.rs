//! `struct sds_smtp_message`.

use core::ffi::{c_char, c_int, c_void};

use super::Client;
use super::attachment::sds_smtp_attachment;
use super::client::{of, sds_smtp_client};
use super::codes::{
    SDS_SMTP_AUTO_SUBMITTED, SDS_SMTP_BORROW_TEXT, SDS_SMTP_DRY_RUN, SDS_SMTP_PARTIAL, SDS_SMTP_RAW,
    SDS_SMTP_TEXT_IN_CHARSET,
};
#[cfg(feature = "std")]
use super::codes::{
    SDS_SMTP_DSN_DELAY, SDS_SMTP_DSN_FAILURE, SDS_SMTP_DSN_FULL, SDS_SMTP_DSN_NEVER, SDS_SMTP_DSN_SUCCESS,
    SDS_SMTP_PRIORITY_HIGH, SDS_SMTP_PRIORITY_LOW, SDS_SMTP_VERB_SAML, SDS_SMTP_VERB_SEND, SDS_SMTP_VERB_SOML,
};
use super::guard::{guard_code, read, string, versioned};
#[cfg(feature = "std")]
use super::parts::{Given, parts_of};
#[cfg(feature = "std")]
use super::result::call_done;
use super::result::sds_smtp_result;
#[cfg(feature = "std")]
use crate::channel::callbacks::Done;
#[cfg(feature = "std")]
use crate::client::wrong::Wrong;
use crate::code::Code;
#[cfg(not(feature = "std"))]
use crate::code::Reason;
#[cfg(not(feature = "std"))]
use crate::firmware::{Content, Outgoing, Pieces, Source};
#[cfg(feature = "std")]
use crate::host::{Growing, Notify, Order, Outgoing, Priority, Row, Verb};
#[cfg(feature = "std")]
use crate::limits::{PIECE_BYTES, READ_LATER, TEXT_BYTES};
#[cfg(not(feature = "std"))]
use core::mem::{offset_of, size_of};

#[cfg(feature = "std")]
type Read = unsafe extern "C" fn(context: *mut c_void, offset: u32, out: *mut c_char, max: usize) -> i32;

/// A mail. Begin with `SDS_SMTP_MESSAGE_INIT`.
///
/// All strings end with a NUL. The call copies them, and they may be freed after it (but see
/// SDS_SMTP_BORROW_TEXT). A field that is not 0 or NULL, and that this build of the library lacks, gives code
/// 39.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_message {
    /// sizeof(struct sds_smtp_message); SDS_SMTP_MESSAGE_INIT sets it.
    pub struct_size: u32,
    /// 0, or a sum of SDS_SMTP_BORROW_TEXT, SDS_SMTP_TEXT_IN_CHARSET, SDS_SMTP_RAW, SDS_SMTP_PARTIAL,
    /// SDS_SMTP_DRY_RUN and SDS_SMTP_AUTO_SUBMITTED.
    pub flags: u32,
    /// The recipients, as people write them: "a@example.org, Boiler room <b@example.org>", separated by
    /// commas or semicolons; docs/addresses.md says what is taken. `to`, `cc` and `bcc` together: 1 to 100000
    /// (code 5). An address with other letters than ASCII before its @ needs a server with SMTPUTF8, one
    /// behind it a library with the feature `unicode` (code 39). On bare metal addresses only, 1 to 100, and
    /// no `cc` to `reverse_path`.
    pub to: *const c_char,
    /// Recipients that Cc names.
    pub cc: *const c_char,
    /// Recipients that the mail does not name.
    pub bcc: *const c_char,
    /// Where answers go to, a list as `to`. Else code 33.
    pub reply_to: *const c_char,
    /// The author, instead of the configuration's sender: "Name <address>" or an address. Else code 4.
    pub from: *const c_char,
    /// The reverse-path of the envelope, to which the servers send what they have to say of the mail, where it
    /// is not the author's address. "<>" is the null one: nothing comes back. Else code 4.
    pub reverse_path: *const c_char,
    /// The subject, one line of at most 2000 bytes; NULL is an empty one. With a line end in it: code 7.
    pub subject: *const c_char,
    /// The text, at most 64 MiB; NULL is an empty one. Lines may end with LF, CR or CRLF and be of any
    /// length.
    pub text: *const c_char,
    /// The same as HTML, at most 64 MiB (code 7), always copied; NULL: none. With `text`, or `text_path`,
    /// readers show what they can. Not on bare metal.
    pub html: *const c_char,
    /// Instead of `text`: a file with the text, which is read while the mail is sent. It is UTF-8, or with
    /// SDS_SMTP_TEXT_IN_CHARSET in the configuration's charset, and sent as quoted-printable. If it cannot be
    /// read the mail ends with code 40, if it is not UTF-8 with code 7, and is not delivered. Not on bare
    /// metal.
    pub text_path: *const c_char,
    /// Instead of `text`: a function that gives the text in pieces. It writes up to `max` bytes of the text
    /// into `out`, from byte number `offset` on. It returns the number of bytes written; 0 at the end of the
    /// text; SDS_SMTP_READ_LATER if it has nothing now; another negative number if it fails: then the mail
    /// ends with code 40 (7 on bare metal) and is not delivered. The library asks for each piece once, in
    /// order. With an operating system it reads the whole text within sds_smtp_client_send(). On bare metal
    /// it reads within sds_smtp_poll(), so that the text may be longer than the memory, and sends it as
    /// quoted-printable.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, out: *mut c_char, max: usize) -> i32>,
    /// Handed to `read`, untouched.
    pub read_context: *mut c_void,
    /// Further header fields, each "Name: value"; the last pointer is NULL. Values are folded; one with other
    /// letters than ASCII is encoded. Code 33: fields that the library writes itself (Date, From, To, Cc,
    /// Bcc, Reply-To, Subject, Message-ID, MIME-Version, Content-..., those of `priority` and
    /// SDS_SMTP_AUTO_SUBMITTED where they are set), Return-Path, Received and Resent-Bcc; a line end; no
    /// colon; a blank in the name, or more than 76 bytes; a control character; a word over 900 bytes; more
    /// than 1 MiB together. Not on bare metal, nor are the fields below.
    pub headers: *const *const c_char,
    /// Attachments, and inline parts of `html`: an array of `attachment_count` structures.
    pub attachments: *const sds_smtp_attachment,
    /// The Message-ID, with its angle brackets, at most 319 bytes. By default the library makes one. Else code
    /// 33.
    pub message_id: *const c_char,
    /// What notices about the delivery name the mail by (ENVID, RFC 3461): printable ASCII, at most 100 bytes,
    /// where blanks, + and = count as three. Else code 33.
    pub envelope_id: *const c_char,
    /// Called once when the mail has ended, on the library's thread (in the program's own sds_smtp_poll()
    /// after sds_smtp_use_event_loop()), after sds_smtp_client_send() has returned 0. The status is final
    /// then; `result` is the callback's until it returns. It may call every function, and send the next mail;
    /// docs/threads-and-loops.md has the rules. Not after sds_smtp_client_free(), not in the child of a fork.
    /// Not on bare metal.
    pub done: Option<
        unsafe extern "C" fn(context: *mut c_void, client: *mut sds_smtp_client, result: *const sds_smtp_result),
    >,
    /// Handed to `done`, untouched.
    pub done_context: *mut c_void,
    /// What Date says, in seconds since 1970, up to 2106; 0: now. Else code 33.
    pub date: i64,
    /// How many there are, at most 10000. Else code 33.
    pub attachment_count: u32,
    /// SDS_SMTP_VERB_...: how the transaction begins. A server that does not know the verb: code 39. SEND,
    /// SOML and SAML have no parameters: with them `dsn` and `envelope_id` give code 33, and addresses that
    /// need SMTPUTF8 code 39.
    pub verb: u32,
    /// A sum of SDS_SMTP_DSN_...: when a notice about the delivery goes to the reverse-path (RFC 3461). If the
    /// server does not offer DSN, the mail goes without, and the text of the result says so.
    pub dsn: u32,
    /// SDS_SMTP_PRIORITY_...
    pub priority: u32,
}

versioned!(sds_smtp_message {
    struct_size,
    flags,
    to,
    cc,
    bcc,
    reply_to,
    from,
    reverse_path,
    subject,
    text,
    html,
    text_path,
    read,
    read_context,
    headers,
    attachments,
    message_id,
    envelope_id,
    done,
    done_context,
    date,
    attachment_count,
    verb,
    dsn,
    priority,
});

/// The flags that have a meaning here, and those that will have one.
const FLAGS: u32 = SDS_SMTP_BORROW_TEXT
    | SDS_SMTP_TEXT_IN_CHARSET
    | if cfg!(feature = "std") {
        SDS_SMTP_DRY_RUN | SDS_SMTP_RAW | SDS_SMTP_AUTO_SUBMITTED | SDS_SMTP_PARTIAL
    } else {
        0
    };
#[cfg(feature = "std")]
const DSN: u32 =
    SDS_SMTP_DSN_SUCCESS | SDS_SMTP_DSN_FAILURE | SDS_SMTP_DSN_DELAY | SDS_SMTP_DSN_NEVER | SDS_SMTP_DSN_FULL;
const FLAGS_TO_COME: u32 = SDS_SMTP_RAW | SDS_SMTP_PARTIAL | SDS_SMTP_DRY_RUN | SDS_SMTP_AUTO_SUBMITTED;

/// Starts to send a mail in the background and returns at once, as sds_smtp_send() does, for any client.
///
/// With several recipients the mail goes to all of them or, when the server refuses one, to none; with
/// SDS_SMTP_PARTIAL to whoever the server accepts.
///
/// @param client   the client, or NULL for the built-in one
/// @param message  the mail; copied
/// @return 0: started; 14: the previous mail is still in flight, and nothing was changed; otherwise the mail
///         could not be started, and the status has this code, too: 4 the author or the reverse-path,
///         5 recipients, 7 subject, text, HTML or memory, 13 not configured, 40 `read` failed, 39 a field
///         that is not 0 needs what this build of the library lacks, 33 another field, or message is NULL or
///         its struct_size or flags are not known; or 34. sds_smtp_client_refusal() names the field
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
        let Ok(message) = (unsafe { read(message) }) else {
            return Err(refuse(
                client,
                "message",
                "NULL, or struct_size is not known",
                Code::BadArgument,
            ));
        };
        match message.lacking() {
            // SAFETY: likewise.
            None => Ok(unsafe { post(client, &message) }),
            Some((field, why, code)) => Err(refuse(client, field, why, code)),
        }
    })
}

/// Refuses a mail for one of its fields.
// Saves 50 bytes.
#[cfg(feature = "std")]
#[inline(never)]
fn refuse(client: Client, field: &'static str, why: &'static str, code: Code) -> Code {
    client.refuse(&Wrong::new(code, field, why))
}

/// Refuses a mail. A device says no more than the code.
#[cfg(not(feature = "std"))]
fn refuse(client: Client, _: &'static str, _: &'static str, code: Code) -> Code {
    client.refuse(code, Reason::BadStructure)
}

impl sds_smtp_message {
    /// The field that asks for what this build lacks, or has a value that no build knows.
    #[cfg(feature = "std")]
    fn lacking(&self) -> Option<(&'static str, &'static str, Code)> {
        let (field, why) = match () {
            () if self.flags & !(FLAGS | FLAGS_TO_COME) != 0 => ("flags", "unknown bit"),
            () if self.read.is_some() && !self.text.is_null() => ("read", "text and read are both set"),
            () if self.verb > SDS_SMTP_VERB_SAML => ("verb", "unknown value"),
            () if self.priority > SDS_SMTP_PRIORITY_LOW => ("priority", "unknown value"),
            () if self.dsn & !DSN != 0 => ("dsn", "unknown bit"),
            () if self.flags & !FLAGS != 0 => return Some(("flags", "not in this version", Code::NotSupported)),
            () => return None,
        };
        Some((field, why, Code::BadArgument))
    }

    /// Whether it has nothing of what only few mails have.
    #[cfg(feature = "std")]
    fn is_plain(&self) -> bool {
        self.cc.is_null()
            && self.bcc.is_null()
            && self.reply_to.is_null()
            && self.from.is_null()
            && self.reverse_path.is_null()
            && self.message_id.is_null()
            && self.envelope_id.is_null()
            && self.headers.is_null()
            && self.flags & SDS_SMTP_AUTO_SUBMITTED == 0
            && self.verb | self.dsn | self.priority == 0
            && self.date == 0
    }

    /// The mail as it is to be checked.
    ///
    /// # Safety
    ///
    /// The strings are NULL or end with a NUL, and live as long as the result.
    #[cfg(feature = "std")]
    unsafe fn outgoing<'a>(&self, text: &'a [u8], headers: &'a [&'a [u8]]) -> Outgoing<'a> {
        // SAFETY: the caller's promise, for each of them.
        let string_of = |text| unsafe { string(text) };
        let asked = |bit| self.dsn & bit != 0;
        Outgoing {
            to: string_of(self.to),
            cc: string_of(self.cc),
            bcc: string_of(self.bcc),
            reply_to: string_of(self.reply_to),
            from: string_of(self.from),
            reverse_path: string_of(self.reverse_path),
            subject: string_of(self.subject),
            text,
            headers,
            message_id: string_of(self.message_id),
            envelope_id: string_of(self.envelope_id),
            date: self.date,
            verb: match self.verb {
                SDS_SMTP_VERB_SEND => Verb::Send,
                SDS_SMTP_VERB_SOML => Verb::Soml,
                SDS_SMTP_VERB_SAML => Verb::Saml,
                _ => Verb::Mail,
            },
            notify: Notify {
                success: asked(SDS_SMTP_DSN_SUCCESS),
                failure: asked(SDS_SMTP_DSN_FAILURE),
                delay: asked(SDS_SMTP_DSN_DELAY),
                never: asked(SDS_SMTP_DSN_NEVER),
                full: asked(SDS_SMTP_DSN_FULL),
            },
            priority: match self.priority {
                SDS_SMTP_PRIORITY_HIGH => Priority::High,
                SDS_SMTP_PRIORITY_LOW => Priority::Low,
                _ => Priority::Normal,
            },
            auto_submitted: self.flags & SDS_SMTP_AUTO_SUBMITTED != 0,
        }
    }

    /// The code where it asks for what a device lacks, or has a value that no library knows.
    #[cfg(not(feature = "std"))]
    fn lacking(&self) -> Option<(&'static str, &'static str, Code)> {
        let code = if self.flags & !(FLAGS | FLAGS_TO_COME) != 0 || (self.read.is_some() && !self.text.is_null()) {
            Code::BadArgument
        } else if self.flags & !FLAGS != 0
            || !self.are_zero(offset_of!(Self, cc), offset_of!(Self, subject))
            || !self.are_zero(offset_of!(Self, html), offset_of!(Self, read))
            || !self.are_zero(offset_of!(Self, headers), size_of::<Self>())
        {
            Code::NotSupported
        } else {
            return None;
        };
        Some(("", "", code))
    }

    /// Whether the fields between these two places are zero.
    #[cfg(not(feature = "std"))]
    fn are_zero(&self, from: usize, to: usize) -> bool {
        // SAFETY: whole fields of this structure; any octets are a value of u8.
        let fields = unsafe {
            let first = core::ptr::from_ref(self).cast::<u8>().add(from);
            core::slice::from_raw_parts(first, to.wrapping_sub(from))
        };
        fields.iter().all(|octet| *octet == 0)
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
/// The strings are NULL or end with a NUL; `read` can be called with its context; and as [`parts_of`] has it.
#[cfg(feature = "std")]
unsafe fn post(client: Client, message: &sds_smtp_message) -> Result<(), Code> {
    // SAFETY: the caller's promises.
    unsafe {
        if client.status() == Ok(Code::Busy.number()) {
            // Nothing is read or copied for it. That mail may have ended since: this is no result of another one.
            let wrong = Wrong::new(Code::Busy, "client", "a mail is in flight");
            return Err(client.refuse_configuration(&wrong));
        }
        let pieces;
        let text = match message.read {
            Some(read) => match pieces_of(client, read, message.read_context) {
                Ok(text) => {
                    pieces = text;
                    &*pieces
                }
                Err((code, why)) => return Err(refuse(client, "read", why, code)),
            },
            None => string(message.text),
        };
        let order = Order {
            dry: message.flags & SDS_SMTP_DRY_RUN != 0,
            partial: message.flags & SDS_SMTP_PARTIAL != 0,
            done: message
                .done
                .map(|done| Done::new(call_done, done as *const (), message.done_context)),
        };
        let given = Given {
            flags: message.flags,
            text,
            has_text: !message.text.is_null(),
            has_read: message.read.is_some(),
            html: message.html,
            text_path: message.text_path,
            attachments: message.attachments,
            attachment_count: message.attachment_count,
        };
        let parts = parts_of(client, &given).map_err(|wrong| client.refuse(&wrong))?;
        if message.is_plain() {
            let raw = message.flags & SDS_SMTP_RAW != 0;
            let subject = if raw { &[] } else { string(message.subject) };
            return client.send_as(Some(string(message.to)), subject, text, parts, order);
        }
        let Some(headers) = headers_of(message.headers) else {
            return Err(refuse(client, "headers", "out of memory", Code::DataFailed));
        };
        let mut outgoing = message.outgoing(text, &headers);
        if message.flags & SDS_SMTP_RAW != 0 {
            outgoing = outgoing.raw();
        }
        client.send_outgoing(&outgoing, parts, order)
    }
}

/// The strings of a list that ends with NULL; None without memory.
///
/// # Safety
///
/// `list` is NULL or such a list; its strings end with a NUL, and live as long as the result.
#[cfg(feature = "std")]
unsafe fn headers_of<'a>(list: *const *const c_char) -> Option<Row<&'a [u8]>> {
    let mut all = Row::new();
    let mut next = list;
    // SAFETY: the caller's promise: there is a pointer behind each one that is not NULL.
    while !next.is_null() && unsafe { !(*next).is_null() } {
        // SAFETY: likewise.
        unsafe {
            all.push(string(*next))?;
            next = next.add(1);
        }
    }
    Some(all)
}

/// A whole text, read piece by piece.
///
/// # Safety
///
/// `read` can be called with the context.
#[cfg(feature = "std")]
unsafe fn pieces_of(client: Client, read: Read, context: *mut c_void) -> Result<Growing, (Code, &'static str)> {
    let mut text = Growing::default();
    loop {
        let offset = text.len();
        if offset > TEXT_BYTES {
            return Err((Code::DataFailed, "a text longer than 64 MiB"));
        }
        let no_memory = (Code::DataFailed, "out of memory");
        let piece = text.grow(PIECE_BYTES).ok_or(no_memory)?;
        let at = u32::try_from(offset).unwrap_or(u32::MAX);
        // SAFETY: the caller's promise; the piece has this length.
        let given = client.run(|| unsafe { read(context, at, piece.as_mut_ptr().cast(), piece.len()) });
        let given = given.map_err(|code| (code, "the client was freed"))?;
        match usize::try_from(given) {
            Ok(length) if length <= PIECE_BYTES => text.truncate(offset.saturating_add(length)),
            _ if given == READ_LATER => return Err((Code::ReadFailed, "it has nothing now, and the call cannot wait")),
            _ => return Err((Code::ReadFailed, "it failed, or gave more than there was room for")),
        }
        if given == 0 {
            return Ok(text);
        }
    }
}

/// Starts a probe in the background: it connects, says EHLO, logs in, and sends no mail. Then it quits, or
/// with `keep_alive_ms` leaves its connection to the next mail; it never uses one that was kept. It counts
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
