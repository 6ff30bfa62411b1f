//! What of a message is no plain text: HTML, attachments, files, whole messages; checked, and copied where it is not lent.

use core::ffi::c_char;

use super::attachment::sds_smtp_attachment;
use super::codes::{SDS_SMTP_BORROW_TEXT, SDS_SMTP_RAW, SDS_SMTP_TEXT_IN_CHARSET};
use super::guard::{read, string};
use crate::channel::callbacks::{Lent, Read};
use crate::client::wrong::Wrong;
use crate::code::Code;
use crate::host::parts::{self, Enclosure, Material, Octets, Parts};
use crate::host::{Boxed, Client};
use crate::limits::{ATTACHMENTS, TEXT_BYTES};

/// What a message has.
pub struct Given<'a> {
    /// Its flags.
    pub flags: u32,
    /// Its text, which `read` may have given; whether the message itself has one, or `read`.
    pub text: &'a [u8],
    pub has_text: bool,
    pub has_read: bool,
    /// As they stand in it.
    pub html: *const c_char,
    pub text_path: *const c_char,
    pub attachments: *const sds_smtp_attachment,
    pub attachment_count: u32,
}

const NO_MEMORY: &str = "out of memory";

/// What of a message is no plain text of its own, checked and copied; None where all of it is.
///
/// # Safety
///
/// The message's strings are NULL or end with a NUL; its attachments are as many as it says, each with its own struct_size; what is
/// borrowed stays; the functions can be called with their contexts.
pub unsafe fn parts_of(client: Client, message: &Given<'_>) -> Result<Option<Boxed<Parts>>, Wrong<'static>> {
    let text = message.text;
    let raw = message.flags & SDS_SMTP_RAW != 0;
    let lent = message.flags & SDS_SMTP_BORROW_TEXT != 0 && message.has_text;
    let others = !message.html.is_null() || message.attachment_count > 0;
    if !raw && !lent && !others && message.text_path.is_null() {
        return Ok(None);
    }
    let no_memory = |field| Wrong::new(Code::DataFailed, field, NO_MEMORY);
    let parts = Parts::new(raw, message.flags & SDS_SMTP_TEXT_IN_CHARSET != 0);
    let mut parts = Boxed::new(parts).ok_or(no_memory("message"))?;
    if !message.text_path.is_null() {
        if message.has_text || message.has_read {
            let why = "text_path, and text or read, are both set";
            return Err(Wrong::new(Code::BadArgument, "text_path", why));
        }
        // SAFETY: the caller's promise.
        let path = unsafe { string(message.text_path) };
        parts.read_text(path).ok_or(no_memory("text_path"))?;
    }
    if lent {
        // SAFETY: likewise.
        parts.lend_text(unsafe { Lent::new(text) });
    }
    if raw {
        if parts::names_bcc(text) {
            return Err(Wrong::new(Code::BadArgument, "text", "a Bcc field in a whole message"));
        }
        return Ok(Some(parts));
    }
    if !message.html.is_null() {
        // SAFETY: likewise.
        let html = unsafe { string(message.html) };
        if html.len() > TEXT_BYTES {
            return Err(Wrong::new(Code::DataFailed, "html", "longer than 64 MiB"));
        }
        parts.set_html(Octets::copy(html).ok_or(no_memory("html"))?);
    }
    // SAFETY: likewise.
    unsafe { enclose_all(client, message, &mut parts) }?;
    Ok(Some(parts))
}

/// Adds the attachments.
///
/// # Safety
///
/// As for [`parts_of`].
unsafe fn enclose_all(client: Client, message: &Given<'_>, parts: &mut Parts) -> Result<(), Wrong<'static>> {
    let count = usize::try_from(message.attachment_count).unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(());
    }
    let whole = |why| Err(Wrong::new(Code::BadArgument, "attachments", why));
    if message.attachments.is_null() {
        return whole("NULL, and attachment_count is not 0");
    }
    if count > ATTACHMENTS {
        return whole("more than 10000 attachments");
    }
    // SAFETY: each begins with its size. A careless program may have it unaligned.
    let size_of = |at: *const sds_smtp_attachment| unsafe { at.cast::<u32>().read_unaligned() };
    let stride = size_of(message.attachments);
    let mut at = message.attachments;
    for number in 0..count {
        let wrong = |why| Wrong::entry(Code::BadArgument, "attachments", number, why);
        if size_of(at) != stride {
            return Err(wrong("another struct_size than the first one"));
        }
        // SAFETY: the caller's promise.
        let attachment =
            unsafe { read(at) }.map_err(|_| wrong("struct_size is not known, or reserved fields are not 0"))?;
        // SAFETY: likewise.
        unsafe { attachment.enclose(client, parts) }.map_err(|(code, why)| Wrong { code, ..wrong(why) })?;
        // SAFETY: the next one begins there; behind the last one nothing is read.
        at = unsafe { at.byte_add(usize::try_from(stride).unwrap_or(0)) };
    }
    Ok(())
}

impl sds_smtp_attachment {
    /// Adds this one.
    ///
    /// # Safety
    ///
    /// As for [`parts_of`].
    unsafe fn enclose(&self, client: Client, parts: &mut Parts) -> Result<(), (Code, &'static str)> {
        let wrong = |why| Err((Code::BadArgument, why));
        let no_memory = (Code::DataFailed, NO_MEMORY);
        // SAFETY: the caller's promise.
        let (name, content_type, content_id, path) = unsafe {
            (
                string(self.name),
                string(self.content_type),
                string(self.content_id),
                string(self.path),
            )
        };
        if self.flags & !SDS_SMTP_BORROW_TEXT != 0 {
            return wrong("flags: unknown bit");
        }
        if !self.reserved_pointer.is_null() {
            return wrong("reserved_pointer is not NULL");
        }
        let given = [!self.data.is_null(), !self.path.is_null(), self.read.is_some()];
        match given.into_iter().filter(|given| *given).count() {
            0 => return wrong("none of data, path and read is set"),
            1 => {}
            _ => return wrong("more than one of data, path and read is set"),
        }
        if !self.path.is_null() && self.length != 0 {
            return wrong("length is not 0, and path is set");
        }
        let enclosure = Enclosure {
            content_type,
            name: if self.name.is_null() {
                parts::last_of(path)
            } else {
                name
            },
            content_id,
        };
        let has_id = !self.content_id.is_null();
        if let Some(why) = parts::wrong_enclosure(&enclosure, has_id) {
            return wrong(why);
        }
        let material = match self.read {
            Some(function) => {
                // SAFETY: likewise.
                let read = unsafe { Read::new(function, self.read_context) };
                let function = client.reads(read).map_err(|code| (code, "the client was freed"))?;
                Material::Function(function, Some(self.length).filter(|length| *length > 0))
            }
            None if !self.data.is_null() => {
                let length = usize::try_from(self.length)
                    .ok()
                    .filter(|length| *length <= isize::MAX.unsigned_abs());
                let Some(length) = length else {
                    return wrong("length is longer than memory");
                };
                // SAFETY: likewise.
                let data = unsafe { core::slice::from_raw_parts(self.data.cast::<u8>(), length) };
                Material::Octets(if self.flags & SDS_SMTP_BORROW_TEXT == 0 {
                    Octets::copy(data).ok_or(no_memory)?
                } else {
                    // SAFETY: likewise.
                    Octets::Lent(unsafe { Lent::new(data) })
                })
            }
            None => Material::file(path).ok_or(no_memory)?,
        };
        parts.enclose(&enclosure, material).ok_or(no_memory)
    }
}
