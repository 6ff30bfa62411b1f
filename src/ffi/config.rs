//! `struct sds_smtp_config`.

use core::ffi::{c_char, c_int, c_void};
#[cfg(not(feature = "std"))]
use core::mem::{offset_of, size_of};

use super::client::{of, sds_smtp_client};
use super::codes::SDS_SMTP_TLS_OPPORTUNISTIC;
use super::codes::{SDS_SMTP_CHUNKING, SDS_SMTP_KEEP_DIALOGUE, SDS_SMTP_NO_PIPELINING};
#[cfg(feature = "complete")]
use super::codes::{SDS_SMTP_TLS_IMPLICIT, SDS_SMTP_TLS_STARTTLS};
use super::guard::{guard_code, read, string, versioned};
#[cfg(feature = "std")]
use crate::channel::callbacks::Trace;
use crate::client::settings::Draft;
#[cfg(feature = "std")]
use crate::client::wrong::Wrong;
use crate::code::Code;
#[cfg(not(feature = "std"))]
use crate::firmware::Wanted;
#[cfg(all(feature = "complete", not(feature = "std")))]
use crate::firmware::security::Mode;
#[cfg(feature = "std")]
use crate::host::{Given, Mode, Setup};
use crate::limits::Timeouts;

/// A configuration. Begin with `SDS_SMTP_CONFIG_INIT`; a field that is 0 or NULL means its default.
///
/// All strings end with a NUL, are copied by the call, and may be freed or wiped after it. A field that is
/// not 0 or NULL, and that this build of the library lacks, gives code 39. sds_smtp_client_refusal() says
/// which field was refused, and why.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_config {
    /// sizeof(struct sds_smtp_config); SDS_SMTP_CONFIG_INIT sets it.
    pub struct_size: u32,
    /// 0, or a sum of SDS_SMTP_NO_PIPELINING, SDS_SMTP_CHUNKING and SDS_SMTP_KEEP_DIALOGUE. SDS_SMTP_CHUNKING:
    /// where the server offers CHUNKING (RFC 3030) and PIPELINING, the mail goes with BDAT. To one recipient,
    /// up to 64 KiB, it goes out at once with its envelope, one answer earlier. A server that refuses the
    /// recipient and does not read on over the mail takes its text for commands: use it with servers that you
    /// know. Where the server does not know BDAT after all, the mail goes with DATA on another connection, if
    /// nothing of it can have been delivered. Not on bare metal (code 39).
    pub flags: u32,
    /// The server: an IP address or a host name, each with a port where it is not `port`: "192.0.2.1",
    /// "mail.example.org:587", "[2001:db8::1]:2525", "2001:db8::1", "fe80::1%eth0". Several are separated by
    /// commas, at most 100, and tried in this order: the next one follows only where the one before cannot be
    /// reached, does not answer in time, or refuses for now (4xx), and never where the mail may have been
    /// sent. A name with other letters than ASCII needs a build with the feature `unicode` (code 39), or its
    /// form in ASCII ("xn--..."). On bare metal: one IP address, or a name, if the transport has `resolve`,
    /// and has been set before; each with a port, but for libsds_smtp_small.a. Else code 13.
    pub server: *const c_char,
    /// The user name, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 10. Without `auth` it is
    /// kept, and not used: if the server asks for a login then, the result says that `auth` is 0.
    pub username: *const c_char,
    /// The password, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 11. Where `auth` has only
    /// XOAUTH2 and OAUTHBEARER: the token, at most 16384 bytes; where it has one of them neither this nor the
    /// user name has a control character. SCRAM has it, and the user name, normalized (RFC 4013) in a build
    /// with the feature `unicode`, where it is UTF-8; all else as it is. The library wipes its copy, and the
    /// keys that SCRAM makes of it, when the configuration ends.
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
    /// The client's own IP address that it connects from; by default the system chooses. Addresses of the
    /// server of the other IP version are left out. No address: code 33. Not on bare metal.
    pub source: *const c_char,
    /// The certificates of the authorities that are trusted, instead of those of the system: the path of a
    /// file, or its content (PEM), at most 1 MiB. A file that cannot be read: code 40; garbage: 33; no
    /// certificates in the system: 37. Files are read by this call only.
    pub tls_ca: *const c_char,
    /// The client's own certificate with its chain, where the server wants one: a path, or PEM.
    pub tls_certificate: *const c_char,
    /// Its private key, not encrypted: a path, or PEM. The library wipes its copy.
    pub tls_key: *const c_char,
    /// The server's own public key, as "sha256//BASE64", several separated by ";": the SHA-256 of its
    /// SubjectPublicKeyInfo. It takes the place of issuer, dates and name; with `tls_ca` both must hold.
    pub tls_pin: *const c_char,
    /// The name or the IP address in the server's certificate, where it is another one than in `server`. On
    /// bare metal the transport's start_tls is told it.
    pub tls_name: *const c_char,
    /// Called for every line of the conversation, on the library's thread, when the line was said: "S: 220
    /// mail.example.org", "C: EHLO [192.0.2.7]". User name and password are masked, the mail's text is left
    /// out, `line` has no line end and is the callback's until it returns. Lines that begin with "# " are the
    /// library's own notes: the name that is looked up, the address that is connected to, what ended an
    /// attempt without a word of the server, and what follows. After the end of the mail it is not called:
    /// the answer to QUIT is only in the dialogue (SDS_SMTP_KEEP_DIALOGUE). docs/threads-and-loops.md says
    /// what it may do. Not on bare metal.
    pub trace: Option<unsafe extern "C" fn(context: *mut c_void, line: *const c_char)>,
    /// Handed to `trace`, untouched.
    pub trace_context: *mut c_void,
    /// NULL.
    pub reserved_pointer: *const c_void,
    /// SDS_SMTP_AUTH_NONE, SDS_SMTP_AUTH_ANY, or a sum of the others, of which the strongest is used that the
    /// server offers: SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, OAUTHBEARER, XOAUTH2, PLAIN, LOGIN. One that it
    /// refuses as such is followed by the next; a wrong password never is. An unknown bit, or _ANY with
    /// others: code 33. Only XOAUTH2 and OAUTHBEARER, and no TLS that verifies the server: code 39. TLS does
    /// so with SDS_SMTP_TLS_STARTTLS and _IMPLICIT, and where a transport of the program has start_tls.
    /// docs/logins.md has a table.
    pub auth: u32,
    /// The port of servers that `server` names without one, 1 to 65535; by default 25, with
    /// SDS_SMTP_TLS_STARTTLS 587, with SDS_SMTP_TLS_IMPLICIT 465. Else code 13.
    pub port: u32,
    /// SDS_SMTP_TLS_NONE, _STARTTLS, _IMPLICIT or _OPPORTUNISTIC. Where a transport of the program has
    /// start_tls, it speaks TLS, and tls_ca, tls_certificate, tls_key and tls_pin are refused (39). The
    /// fields above with SDS_SMTP_TLS_NONE, or those that verify with _OPPORTUNISTIC: code 33. In a build
    /// without TLS (LEAN=1), without such a transport: code 39. On bare metal _STARTTLS and _IMPLICIT need
    /// such a transport, which has been set before; without it, with _OPPORTUNISTIC and in
    /// libsds_smtp_small.a: 39. If another one without start_tls is set later, the mails end with code 36.
    pub tls: u32,
    /// The longest user name and password that sds_smtp_configure() accepts from now on, in bytes, 1 to 4096;
    /// by default 32. The devices' firmware had 16 before 17 July 2010. Else code 33.
    pub credential_limit: u32,
    /// The time limits are in milliseconds; the defaults are those of RFC 5321, 4.5.3.2. This one: until the
    /// connection is made, with the lookup of the name, all addresses of one server, and TLS from the first
    /// octet on, 60000. With STARTTLS the answer to it and the handshake have the same time, each.
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
    /// The whole mail with all its attempts, from the start to the result: 1800000.
    pub total_timeout_ms: u32,
    /// How often a mail is attempted again that was not sent, where that may help: after a temporary refusal
    /// (4xx), a timeout, a lost connection, or where no server could be reached. A mail whose outcome is
    /// unknown is never repeated. By default 0. `total_timeout_ms` has to have room for all attempts: by
    /// default it has for four further ones. The client is busy (14) meanwhile. Not on bare metal.
    pub retry_max: u32,
    /// The wait before the first further attempt, in milliseconds, 60000 by default. It doubles each time, up
    /// to 15 minutes, and varies by a quarter. No attempt begins with less than 30 seconds of
    /// `total_timeout_ms` left: then the mail ends, and the text of the result says so.
    pub retry_delay_ms: u32,
    /// How long the connection stays after a mail, for the client's next one, in milliseconds, any number; by
    /// default 0: it ends with QUIT. It stays behind a mail that was sent or refused, a dry run and a probe;
    /// not after a timeout, a cancellation or 421. No other client uses it. The next mail needs no connection,
    /// TLS and login then; after more than a second, and behind a refusal, RSET goes first. Where the server
    /// has closed it meanwhile, the mail goes over another connection: this is no further attempt.
    ///
    /// A new configuration, the same one again included, another transport, sds_smtp_client_free() and
    /// sds_smtp_shutdown() end it with QUIT. A process without descriptors ends the oldest one so. Where the
    /// process ends it is only closed. After fork() it is the parent's; the child makes its own. A server may
    /// allow few mails on a connection (LIMITS, RFC 9422: kept), and a shorter time. Not on bare metal (39).
    pub keep_alive_ms: u32,
    /// 0.
    pub reserved: u32,
    /// 0.
    pub reserved_2: u32,
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
    source,
    tls_ca,
    tls_certificate,
    tls_key,
    tls_pin,
    tls_name,
    trace,
    trace_context,
    reserved_pointer,
    auth,
    port,
    tls,
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
    retry_max,
    retry_delay_ms,
    keep_alive_ms,
    reserved,
    reserved_2,
});

/// The draft that a structure describes, without what a device lacks.
///
/// # Safety
///
/// The strings are NULL or end with a NUL, and live as long as the draft.
unsafe fn draft<'a>(config: &sds_smtp_config) -> Draft<'a> {
    // SAFETY: the caller's promise, for each of them.
    let text = |string_of_c| Some(unsafe { string(string_of_c) });
    Draft {
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
        #[cfg(feature = "std")]
        chunking: config.flags & SDS_SMTP_CHUNKING != 0,
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
    }
}

/// The known flags.
const FLAGS: u32 = SDS_SMTP_NO_PIPELINING | SDS_SMTP_CHUNKING | SDS_SMTP_KEEP_DIALOGUE;

/// The code of what a configuration asks for and a device lacks; 33 for what no library knows.
#[cfg(not(feature = "std"))]
fn lacking(config: &sds_smtp_config) -> Code {
    let zero = |from: usize, to: usize| {
        // SAFETY: whole fields of a structure that is there; any octets are a value of u8.
        let octets = unsafe {
            let first = core::ptr::from_ref(config).cast::<u8>().add(from);
            core::slice::from_raw_parts(first, to.wrapping_sub(from))
        };
        octets.iter().all(|octet| *octet == 0)
    };
    if config.flags & !FLAGS != 0 || config.tls > SDS_SMTP_TLS_OPPORTUNISTIC {
        return Code::BadArgument;
    }
    // TLS is the transport's, and of the complete library.
    let (tls, tls_name) = if cfg!(feature = "complete") {
        (SDS_SMTP_TLS_OPPORTUNISTIC, offset_of!(sds_smtp_config, tls_name))
    } else {
        (1, offset_of!(sds_smtp_config, trace))
    };
    if config.flags & !SDS_SMTP_NO_PIPELINING == 0
        && config.tls < tls
        && zero(offset_of!(sds_smtp_config, source), tls_name)
        && zero(offset_of!(sds_smtp_config, trace), offset_of!(sds_smtp_config, auth))
        && zero(offset_of!(sds_smtp_config, retry_max), size_of::<sds_smtp_config>())
    {
        Code::Ok
    } else {
        Code::NotSupported
    }
}

/// What a configuration says of TLS.
///
/// # Safety
///
/// As of [`draft`].
#[cfg(all(feature = "complete", not(feature = "std")))]
unsafe fn tls<'a>(config: &sds_smtp_config) -> Wanted<'a> {
    Wanted {
        mode: match config.tls {
            SDS_SMTP_TLS_STARTTLS => Mode::StartTls,
            SDS_SMTP_TLS_IMPLICIT => Mode::Implicit,
            _ => Mode::Unsaid,
        },
        // SAFETY: the caller's promise.
        name: unsafe { string(config.tls_name) },
    }
}

#[cfg(all(not(feature = "complete"), not(feature = "std")))]
unsafe fn tls<'a>(_config: &sds_smtp_config) -> Wanted<'a> {
    Wanted::default()
}

/// What only a library on a system has.
///
/// # Safety
///
/// As of [`draft`]; and `trace` can be called with its context.
#[cfg(feature = "std")]
unsafe fn setup<'a>(config: &sds_smtp_config) -> Result<Setup<'a>, Wrong<'static>> {
    // SAFETY: the caller's promise, for each of them.
    let text = |string_of_c| unsafe { string(string_of_c) };
    let unknown = "not known to this version";
    if config.flags & !FLAGS != 0 {
        return Err(Wrong::new(Code::BadArgument, "flags", "unknown bit"));
    }
    if config.tls > SDS_SMTP_TLS_OPPORTUNISTIC {
        return Err(Wrong::new(Code::BadArgument, "tls", "unknown value"));
    }
    for (field, given) in [
        ("reserved", config.reserved != 0),
        ("reserved_2", config.reserved_2 != 0),
        ("reserved_pointer", !config.reserved_pointer.is_null()),
    ] {
        if given {
            return Err(Wrong::new(Code::BadArgument, field, unknown));
        }
    }
    Ok(Setup {
        // SAFETY: the caller's promise.
        draft: unsafe { draft(config) },
        source: text(config.source),
        // SAFETY: likewise.
        trace: config
            .trace
            .map(|trace| unsafe { Trace::new(trace, config.trace_context) }),
        keep_dialogue: config.flags & SDS_SMTP_KEEP_DIALOGUE != 0,
        retry_max: config.retry_max,
        retry_delay: config.retry_delay_ms,
        keep_alive: config.keep_alive_ms,
        tls: match config.tls {
            SDS_SMTP_TLS_STARTTLS => Some(Mode::StartTls),
            SDS_SMTP_TLS_IMPLICIT => Some(Mode::Implicit),
            SDS_SMTP_TLS_OPPORTUNISTIC => Some(Mode::Opportunistic),
            _ => None,
        },
        given: Given {
            ca: text(config.tls_ca),
            certificate: text(config.tls_certificate),
            key: text(config.tls_key),
            pin: text(config.tls_pin),
            unverified: false,
        },
        tls_name: text(config.tls_name),
    })
}

/// Configures a client. On an error the old configuration stays; a mail in flight keeps the one it began
/// with.
///
/// @param client  the client, or NULL for the built-in one
/// @param config  the configuration; copied
/// @return 0; or the code of a field that is wrong (see struct sds_smtp_config); 39: a field that is not 0
///         needs what this build of the library lacks; 33: config is NULL, or its struct_size or flags are
///         not known; 34; 7: out of memory. sds_smtp_client_refusal() names the field
///
/// # Safety
///
/// `config` is NULL or points to `struct_size` octets; its strings are NULL or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_configure(
    client: *mut sds_smtp_client,
    config: *const sds_smtp_config,
) -> c_int {
    #[cfg(feature = "std")]
    return guard_code(|| {
        // SAFETY: the caller's promises.
        let setup = match unsafe { read(config) } {
            // SAFETY: likewise.
            Ok(config) => unsafe { setup(&config) },
            Err(code) => Err(Wrong::new(code, "config", "NULL, or struct_size is not known")),
        };
        match setup {
            Ok(setup) => of(client).set_up(&setup),
            Err(wrong) => Err(of(client).refuse_configuration(&wrong)),
        }
    });
    #[cfg(not(feature = "std"))]
    return guard_code(|| {
        // SAFETY: the caller's promises.
        let config = match unsafe { read(config) } {
            Ok(config) => config,
            Err(code) => return of(client).refuse_configuration(code),
        };
        match lacking(config) {
            // SAFETY: likewise.
            Code::Ok => of(client).configure(&unsafe { draft(config) }, &unsafe { tls(config) }),
            code => of(client).refuse_configuration(code),
        }
    });
}

/// Configures a client with a URL and a sender, and everything else at its default:
/// "smtp://user:password@mail.example.org:587". User name, password and server are percent-encoded (RFC
/// 3986). A user name means SDS_SMTP_AUTH_ANY. An IPv6 address stands in brackets, its zone behind "%25".
/// smtp+starttls:// is SDS_SMTP_TLS_STARTTLS (port 587), smtps:// SDS_SMTP_TLS_IMPLICIT (port 465), with the
/// system's trust store. The library wipes its copies of the URL; wipe yours. On an error the old
/// configuration stays.
///
/// @param client  the client, or NULL for the built-in one
/// @param url     the URL
/// @param sender  the sender's whole e-mail address
/// @return 0; 33: the URL is NULL or malformed (sds_smtp_client_refusal() says where); 4: sender is no e-mail
///         address; 10, 11: user name or password cannot be one; 37: TLS, and the system has no trust store;
///         39: TLS, in a build without it; 34; 7: out of memory
///
/// # Safety
///
/// `url` and `sender` are NULL or end with a NUL.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_configure_url(
    client: *mut sds_smtp_client,
    url: *const c_char,
    sender: *const c_char,
) -> c_int {
    // SAFETY: the caller's promises.
    guard_code(|| of(client).configure_url(unsafe { string(url) }, unsafe { string(sender) }))
}
