//! `struct sds_smtp_config`.

use core::ffi::{c_char, c_int};

use super::client::{of, sds_smtp_client};
use super::codes::SDS_SMTP_NO_PIPELINING;
use super::guard::{guard_code, read, string, versioned};
use crate::client::settings::Draft;
use crate::code::Code;
use crate::limits::Timeouts;

/// A configuration. Begin with `SDS_SMTP_CONFIG_INIT`; a field that is 0 or NULL means its default.
///
/// All strings end with a NUL, are copied by the call, and may be freed or wiped after it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_config {
    /// sizeof(struct sds_smtp_config); SDS_SMTP_CONFIG_INIT sets it.
    pub struct_size: u32,
    /// 0 or SDS_SMTP_NO_PIPELINING.
    pub flags: u32,
    /// The server's IPv4 or IPv6 address, as "192.0.2.1" or "2001:db8::1"; no host name. Else code 13.
    pub server: *const c_char,
    /// The user name, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 10.
    pub username: *const c_char,
    /// The password, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 11. The library wipes
    /// its copy when the configuration ends.
    pub password: *const c_char,
    /// The sender's whole e-mail address. Else code 4.
    pub sender: *const c_char,
    /// The sender's display name, at most 200 bytes; none by default. With a control character in it: 4.
    pub sender_name: *const c_char,
    /// What EHLO says: a domain name, an address literal, or an IP address, which becomes a literal
    /// ("192.0.2.7" becomes "[192.0.2.7]"). By default the literal of the client's own address. Else code 3.
    pub ehlo_name: *const c_char,
    /// The charset of text that is not UTF-8, as "windows-1250": letters, digits, - _ +. By default, and if
    /// this names UTF-8, "unknown-8bit". Else code 33.
    pub charset: *const c_char,
    /// SDS_SMTP_AUTH_NONE, _ANY, _PLAIN or _LOGIN. Else code 9.
    pub auth: u32,
    /// The server's port, 1 to 65535; by default 25. Else code 13.
    pub port: u32,
    /// The longest user name and password that sds_smtp_configure() accepts from now on, in bytes, 1 to 4096;
    /// by default 32. The devices' firmware had 16 before 17 July 2010. Else code 33.
    pub credential_limit: u32,
    /// The time limits are in milliseconds; the defaults are those of RFC 5321, 4.5.3.2. This one: until the
    /// connection is made, 60000.
    pub connect_timeout_ms: u32,
    /// Until the greeting: 300000.
    pub greeting_timeout_ms: u32,
    /// The answer to EHLO or HELO: 300000.
    pub ehlo_timeout_ms: u32,
    /// Each answer while logging in: 300000.
    pub auth_timeout_ms: u32,
    /// The answer to MAIL: 300000.
    pub mail_timeout_ms: u32,
    /// The answer to each RCPT: 300000.
    pub rcpt_timeout_ms: u32,
    /// The answer to DATA: 120000.
    pub data_timeout_ms: u32,
    /// Until more of the text could be sent: 180000. It begins anew whenever some was.
    pub block_timeout_ms: u32,
    /// The answer to the end of the data: 600000. A server may scan the mail that long; too short a time
    /// makes mails whose outcome is unknown.
    pub final_timeout_ms: u32,
    /// The answers to RSET and QUIT, after the result is known: 5000 each. They do not delay the result.
    pub quit_timeout_ms: u32,
    /// The whole mail, from the start to the result: 1800000.
    pub total_timeout_ms: u32,
}

versioned!(sds_smtp_config {
    struct_size,
    flags,
    server,
    username,
    password,
    sender,
    sender_name,
    ehlo_name,
    charset,
    auth,
    port,
    credential_limit,
    connect_timeout_ms,
    greeting_timeout_ms,
    ehlo_timeout_ms,
    auth_timeout_ms,
    mail_timeout_ms,
    rcpt_timeout_ms,
    data_timeout_ms,
    block_timeout_ms,
    final_timeout_ms,
    quit_timeout_ms,
    total_timeout_ms,
});

/// The draft that a structure describes.
///
/// # Safety
///
/// The strings are NULL or end with a NUL, and live as long as the draft.
unsafe fn draft<'a>(config: &sds_smtp_config) -> Result<Draft<'a>, Code> {
    if config.flags & !SDS_SMTP_NO_PIPELINING != 0 {
        return Err(Code::BadArgument);
    }
    // SAFETY: the caller's promise, for each of them.
    let text = |string_of_c| Some(unsafe { string(string_of_c) });
    Ok(Draft {
        server: text(config.server),
        port: config.port,
        auth: config.auth,
        username: text(config.username),
        password: text(config.password),
        sender: text(config.sender),
        sender_name: text(config.sender_name),
        ehlo_name: text(config.ehlo_name),
        charset: text(config.charset),
        no_pipelining: config.flags & SDS_SMTP_NO_PIPELINING != 0,
        timeouts: Timeouts {
            connect: config.connect_timeout_ms,
            greeting: config.greeting_timeout_ms,
            ehlo: config.ehlo_timeout_ms,
            auth: config.auth_timeout_ms,
            mail: config.mail_timeout_ms,
            rcpt: config.rcpt_timeout_ms,
            data: config.data_timeout_ms,
            block: config.block_timeout_ms,
            end: config.final_timeout_ms,
            quit: config.quit_timeout_ms,
            total: config.total_timeout_ms,
        },
        credential_limit: usize::try_from(config.credential_limit).unwrap_or(usize::MAX),
    })
}

/// Configures a client. On an error the old configuration stays; a mail in flight keeps the one it began
/// with.
///
/// @param client  the client, or NULL for the built-in one
/// @param config  the configuration; copied
/// @return 0; or the code of a field that is wrong (see struct sds_smtp_config); 33: config is NULL, or its
///         struct_size or flags are not known; 34; 7: out of memory
///
/// # Safety
///
/// `config` is NULL or points to `struct_size` octets; its strings are NULL or end with a NUL.
#[unsafe(no_mangle)]
#[allow(clippy::needless_borrow)] // With a system read() returns a copy, without one a reference.
pub unsafe extern "C" fn sds_smtp_client_configure(
    client: *mut sds_smtp_client,
    config: *const sds_smtp_config,
) -> c_int {
    guard_code(|| {
        // SAFETY: the caller's promises.
        let config = unsafe { read(config) }?;
        // SAFETY: likewise.
        Ok::<_, Code>(of(client).configure(&unsafe { draft(&config) }?))
    })
}
