//! `struct sds_smtp_attachment`.

use core::ffi::{c_char, c_void};

use super::guard::versioned;

/// An attachment, or an inline part of `html`. Begin with `SDS_SMTP_ATTACHMENT_INIT`, and give exactly one of
/// `data`, `path` and `read`. What is wrong here gives code 33, if nothing else is said.
///
/// All strings end with a NUL. The call copies them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_attachment {
    /// sizeof(struct sds_smtp_attachment); SDS_SMTP_ATTACHMENT_INIT sets it.
    pub struct_size: u32,
    /// 0, or SDS_SMTP_BORROW_TEXT: `data` is not copied. It must stay unchanged until `done` is called or the
    /// status is no longer SDS_SMTP_BUSY.
    pub flags: u32,
    /// The number of bytes of `data`, or of what `read` gives; for `read`, 0: not known. 0 with `path`.
    pub length: u64,
    /// The name of the file, in UTF-8, at most 255 bytes; no path, no control characters, none that turn the
    /// direction of writing. NULL: the last part of `path`, or none.
    pub name: *const c_char,
    /// Its type, such as "text/csv; charset=utf-8", at most 255 bytes. NULL: application/octet-stream. Not
    /// message/... or multipart/...
    pub content_type: *const c_char,
    /// What `html` calls it as "cid:...", without angle brackets, ASCII, at most 200 bytes: an inline part,
    /// which without `html` stands behind the text. NULL: an attachment.
    pub content_id: *const c_char,
    /// The bytes; not NULL where `length` is 0, too.
    pub data: *const c_void,
    /// A file, which is read while the mail is sent. If it cannot be read, or becomes shorter or longer
    /// meanwhile, the mail ends with code 40 and is not delivered. Directories and devices give code 40.
    pub path: *const c_char,
    /// A function that gives the bytes, as sds_smtp_message.read does; but the library calls it on a thread
    /// of its own, while the mail is sent, never twice at the same time for one mail. It is asked until it
    /// returns 0, also where `length` says how much there is: fewer or more bytes, or a failure, end the mail
    /// with code 40, and nothing is delivered. It may block: that holds up this mail only, until its deadline
    /// (four at the same time: then also other mails with files or such functions). An attempt that is
    /// repeated begins with offset 0 again. When the mail has ended the last call may not have returned yet:
    /// `done` is called, and sds_smtp_client_free() returns, behind it.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, offset: u64, out: *mut c_char, max: usize) -> i32>,
    /// Handed to `read`, untouched.
    pub read_context: *mut c_void,
    /// NULL.
    pub reserved_pointer: *mut c_void,
}

versioned!(sds_smtp_attachment {
    struct_size,
    flags,
    length,
    name,
    content_type,
    content_id,
    data,
    path,
    read,
    read_context,
    reserved_pointer,
});
