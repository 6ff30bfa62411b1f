//! The constants. cbindgen writes them as `#define`; a test compares them with the engine's own.

/// The server has accepted the mail: it answered 2xx to the end of the data.
pub const SDS_SMTP_OK: i32 = 0;
/// A deadline passed, in any phase, connecting included.
pub const SDS_SMTP_TIMEOUT: i32 = 1;
/// Try again later. The greeting is not 220, or did not come; or the server answered 421 in any phase before
/// it accepted the mail, or 4xx to the login, which says nothing about user name and password.
pub const SDS_SMTP_NOT_READY: i32 = 2;
/// EHLO and then HELO were refused, or the connection was lost there.
pub const SDS_SMTP_HELO_FAILED: i32 = 3;
/// The sender was refused (or the connection was lost there), or is not an e-mail address. With 530: the
/// server wants a login.
pub const SDS_SMTP_SENDER_REFUSED: i32 = 4;
/// A recipient was refused, other than by 6, 12 and 15 (or the connection was lost there); or is not an
/// e-mail address.
pub const SDS_SMTP_RECIPIENT_REFUSED: i32 = 5;
/// The server refused to relay to the recipient ("relay access denied"), or answered 530. Log in, or use
/// another server.
pub const SDS_SMTP_RELAY_DENIED: i32 = 6;
/// The server did not accept the data, or the connection was lost while the data was sent; the mail is too
/// large (also 552 to the sender); the subject has a line end in it; out of memory.
pub const SDS_SMTP_DATA_FAILED: i32 = 7;
/// The server refused the mail after its end; or the connection was lost before that reply came, and the
/// outcome is unknown.
pub const SDS_SMTP_DATA_END_FAILED: i32 = 8;
/// The configuration asks for a login, and the server offers none that may be used (or the connection was
/// lost there).
pub const SDS_SMTP_AUTH_UNSUPPORTED: i32 = 9;
/// The user name was refused (or the connection was lost there), is missing or too long.
pub const SDS_SMTP_BAD_USERNAME: i32 = 10;
/// The login was refused (or the connection was lost there); or the password is missing or too long.
pub const SDS_SMTP_BAD_PASSWORD: i32 = 11;
/// The server answered 550 to the recipient, for another reason than relaying (6). 550 with the enhanced
/// status code X.1.1, "no such mailbox", is always this code.
pub const SDS_SMTP_INVALID_RECIPIENT: i32 = 12;
/// No connection, or no usable server configured.
pub const SDS_SMTP_CONNECT_FAILED: i32 = 13;
/// The previous mail is still in flight.
pub const SDS_SMTP_BUSY: i32 = 14;
/// The server answered 501 ("syntax error") after EHLO or HELO. Some servers use 501 for rules of their own:
/// see the text of the result.
pub const SDS_SMTP_SYNTAX: i32 = 15;
/// The program cancelled the mail. (The devices do not have the codes from 32 on.)
pub const SDS_SMTP_CANCELLED: i32 = 32;
/// A pointer is NULL, or this library does not know a structure, flag or value.
pub const SDS_SMTP_BAD_ARGUMENT: i32 = 33;
/// The handle is not that of a client, or the client was freed.
pub const SDS_SMTP_BAD_HANDLE: i32 = 34;
/// The server's name has no address, or the name service gave no answer in time.
pub const SDS_SMTP_NAME_NOT_FOUND: i32 = 35;
/// The TLS handshake failed, or one side speaks no TLS on this port. The text of the result says which.
pub const SDS_SMTP_TLS_FAILED: i32 = 36;
/// The server's certificate is not trusted. The text of the result says why.
pub const SDS_SMTP_TLS_UNTRUSTED: i32 = 37;
/// TLS is required, and the server does not offer STARTTLS.
pub const SDS_SMTP_TLS_UNAVAILABLE: i32 = 38;
/// A field that is not 0, or the mail, needs something that the server, or this build of the library, does
/// not have.
pub const SDS_SMTP_NOT_SUPPORTED: i32 = 39;
/// A file of the configuration, or a read function of the mail, failed. On bare metal a read function that
/// fails gives 7.
pub const SDS_SMTP_READ_FAILED: i32 = 40;
/// With SDS_SMTP_PARTIAL: some recipients have the mail, and others do not. sds_smtp_client_recipients() says
/// what became of each. In a dry run: some were accepted, and others were not.
pub const SDS_SMTP_PARTLY_SENT: i32 = 41;

/// `sds_smtp_config.auth`: no login.
pub const SDS_SMTP_AUTH_NONE: u32 = 0;
/// `sds_smtp_config.auth`, alone: the strongest of SCRAM-SHA-256, SCRAM-SHA-1 and CRAM-MD5 that the server
/// offers; else PLAIN or LOGIN, but over TLS that verifies the server only. On bare metal: PLAIN, else LOGIN,
/// with TLS or without.
pub const SDS_SMTP_AUTH_ANY: u32 = 1;
/// `sds_smtp_config.auth`: PLAIN may be used. Without TLS everybody on the way reads the password then.
pub const SDS_SMTP_AUTH_PLAIN: u32 = 2;
/// `sds_smtp_config.auth`: LOGIN may be used. Likewise.
pub const SDS_SMTP_AUTH_LOGIN: u32 = 4;
/// `sds_smtp_config.auth`: CRAM-MD5 may be used. This and what follows is not on bare metal (code 39).
pub const SDS_SMTP_AUTH_CRAM_MD5: u32 = 8;
/// `sds_smtp_config.auth`: SCRAM-SHA-1 may be used.
pub const SDS_SMTP_AUTH_SCRAM_SHA_1: u32 = 16;
/// `sds_smtp_config.auth`: SCRAM-SHA-256 may be used.
pub const SDS_SMTP_AUTH_SCRAM_SHA_256: u32 = 32;
/// `sds_smtp_config.auth`: XOAUTH2 may be used: `password` is a token of OAuth 2.0, which is sent over TLS
/// that verifies the server only. Not in SDS_SMTP_AUTH_ANY.
pub const SDS_SMTP_AUTH_XOAUTH2: u32 = 64;
/// `sds_smtp_config.auth`: OAUTHBEARER may be used. Likewise.
pub const SDS_SMTP_AUTH_OAUTHBEARER: u32 = 128;

/// `sds_smtp_config.flags`: do not use PIPELINING, even where the server offers it.
pub const SDS_SMTP_NO_PIPELINING: u32 = 1;
/// `sds_smtp_config.flags`: use BDAT (RFC 3030) where the server offers CHUNKING and PIPELINING. Not on bare
/// metal.
pub const SDS_SMTP_CHUNKING: u32 = 2;
/// `sds_smtp_config.flags`: keep the newest 4 KiB of the last conversation for sds_smtp_client_dialogue().
pub const SDS_SMTP_KEEP_DIALOGUE: u32 = 4;

/// `sds_smtp_config.tls`: no TLS.
pub const SDS_SMTP_TLS_NONE: u32 = 0;
/// `sds_smtp_config.tls`: STARTTLS (port 587); nothing is sent without it: code 38.
pub const SDS_SMTP_TLS_STARTTLS: u32 = 1;
/// `sds_smtp_config.tls`: TLS from the first octet on (port 465).
pub const SDS_SMTP_TLS_IMPLICIT: u32 = 2;
/// `sds_smtp_config.tls`: STARTTLS where the server offers it and does not refuse it, with whatever
/// certificate; else in the clear, a login, too. It keeps out who only listens. Not on bare metal.
pub const SDS_SMTP_TLS_OPPORTUNISTIC: u32 = 3;

/// `sds_smtp_message.flags`, `sds_smtp_attachment.flags`: `text`, or `data`, is not copied; it must stay
/// unchanged until the mail has ended: until `done` is called, or the status is no longer SDS_SMTP_BUSY.
/// sds_smtp_client_free() returns when nothing reads it any more (called in a callback, it does not wait).
pub const SDS_SMTP_BORROW_TEXT: u32 = 1;
/// `sds_smtp_message.flags`: the text in `text_path`, and on bare metal the text that `read` gives, is in the
/// configuration's charset, not in UTF-8: without the flag the mail ends with code 7. For `text` and `html`,
/// and with an operating system for `read`, it means nothing: what is not UTF-8 is in that charset.
pub const SDS_SMTP_TEXT_IN_CHARSET: u32 = 2;
/// `sds_smtp_message.flags`: `text`, `text_path` or `read` is a whole message (RFC 5322) with its header
/// block, which is sent as it is: only line ends become CRLF. `to` says who gets it. `subject`, `html`,
/// `headers`, `attachments`, `date`, `message_id` and `priority` are not used. With a Bcc field in it: code
/// 33. With bytes above 127, and a server without 8BITMIME: code 39. Not on bare metal.
pub const SDS_SMTP_RAW: u32 = 4;
/// `sds_smtp_message.flags`: whoever the server accepts gets the mail. Without it all recipients get the mail
/// or, if the server refuses one, nobody. Recipients that the server does not take at a time get it in several
/// transactions on the same connection, with the same Message-ID; a further attempt repeats only recipients
/// that have not got it and were not refused for good. Not on bare metal.
///
/// If all have it: code 0, "sent". If some have it: 41, "sent". If nobody has it: the code of the first one in
/// the list, "not sent". If it is not known whether some have it: the code of the first of these, "unknown";
/// the mail ends there. Reply and text of the result, unless the code is 0, are of the first one that has not
/// got it, or of whom that is not known. sds_smtp_client_recipients() tells of each.
pub const SDS_SMTP_PARTIAL: u32 = 8;
/// `sds_smtp_message.flags`: try everything up to the last recipient, then RSET: nothing is sent. The code is
/// 0 if the server accepted them all, with SDS_SMTP_PARTIAL 41 if it accepted some; the outcome is "not
/// sent". Not on bare metal.
pub const SDS_SMTP_DRY_RUN: u32 = 16;
/// `sds_smtp_message.flags`: the header block says that no person has written the mail (Auto-Submitted:
/// auto-generated, RFC 3834): no answering machine answers it. Not on bare metal.
pub const SDS_SMTP_AUTO_SUBMITTED: u32 = 32;
/// `sds_smtp_message.read` returns this if it has nothing now: on bare metal sds_smtp_poll() calls it again
/// later. With an operating system sds_smtp_client_send() cannot wait, and refuses the mail with code 40. An
/// attachment's `read` is called again some milliseconds later.
pub const SDS_SMTP_READ_LATER: i32 = -2;

/// `sds_smtp_message.verb`: MAIL, to the recipients' mailboxes.
pub const SDS_SMTP_VERB_MAIL: u32 = 0;
/// `sds_smtp_message.verb`: SEND (RFC 821, 3.4), to the recipients' terminals. Who is not at one is refused
/// with 450.
pub const SDS_SMTP_VERB_SEND: u32 = 1;
/// `sds_smtp_message.verb`: SOML, to the terminal or else to the mailbox.
pub const SDS_SMTP_VERB_SOML: u32 = 2;
/// `sds_smtp_message.verb`: SAML, to the terminal and to the mailbox.
pub const SDS_SMTP_VERB_SAML: u32 = 3;

/// `sds_smtp_message.priority`: no such header field.
pub const SDS_SMTP_PRIORITY_NORMAL: u32 = 0;
/// `sds_smtp_message.priority`: X-Priority: 1, Importance: high, Priority: urgent.
pub const SDS_SMTP_PRIORITY_HIGH: u32 = 1;
/// `sds_smtp_message.priority`: X-Priority: 5, Importance: low, Priority: non-urgent.
pub const SDS_SMTP_PRIORITY_LOW: u32 = 2;

/// `sds_smtp_message.dsn`: the sender is told that the mail was delivered.
pub const SDS_SMTP_DSN_SUCCESS: u32 = 1;
/// `sds_smtp_message.dsn`: the sender is told that it could not be delivered.
pub const SDS_SMTP_DSN_FAILURE: u32 = 2;
/// `sds_smtp_message.dsn`: the sender is told that it is late.
pub const SDS_SMTP_DSN_DELAY: u32 = 4;
/// `sds_smtp_message.dsn`: the sender is told nothing. It stands alone.
pub const SDS_SMTP_DSN_NEVER: u32 = 8;
/// `sds_smtp_message.dsn`: what comes back has the whole mail (RET=FULL); else its header block.
pub const SDS_SMTP_DSN_FULL: u32 = 16;

/// `outcome`: no mail yet.
pub const SDS_SMTP_OUTCOME_NONE: u32 = 0;
/// `outcome`: the server has the mail.
pub const SDS_SMTP_OUTCOME_SENT: u32 = 1;
/// `outcome`: the server does not have the mail; sending it again is safe.
pub const SDS_SMTP_OUTCOME_NOT_SENT: u32 = 2;
/// `outcome`: the whole mail was sent and no reply came; sending it again may deliver it twice.
pub const SDS_SMTP_OUTCOME_UNKNOWN: u32 = 3;

/// `sds_smtp_result.advice`: the mail was sent, with code 41 to some; or there is nothing to do.
pub const SDS_SMTP_ADVICE_NONE: u32 = 0;
/// `sds_smtp_result.advice`: it was not sent, and may go later as it is.
pub const SDS_SMTP_ADVICE_LATER: u32 = 1;
/// `sds_smtp_result.advice`: it was not sent; change the configuration.
pub const SDS_SMTP_ADVICE_CONFIGURATION: u32 = 2;
/// `sds_smtp_result.advice`: it was not sent; change the mail.
pub const SDS_SMTP_ADVICE_MESSAGE: u32 = 3;
/// `sds_smtp_result.advice`: nobody knows whether it was sent; look into the recipient's mailbox.
pub const SDS_SMTP_ADVICE_UNKNOWN: u32 = 4;

/// sds_smtp_features(): TLS.
pub const SDS_SMTP_FEATURE_TLS: u32 = 1;
/// sds_smtp_features(): the server may be a host name.
pub const SDS_SMTP_FEATURE_NAMES: u32 = 2;
/// sds_smtp_features(): IPv6, quoted-printable, SIZE and quoted local parts.
pub const SDS_SMTP_FEATURE_COMPLETE: u32 = 4;

/// sds_smtp_features(): HTML, attachments, files, whole messages, and further header fields.
pub const SDS_SMTP_FEATURE_PARTS: u32 = 8;

/// `phase`: no mail yet.
pub const SDS_SMTP_PHASE_NONE: u32 = 0;
/// `phase`: between two attempts. Only in the log: the entry of an attempt that is repeated.
pub const SDS_SMTP_PHASE_WAITING: u32 = 5;
/// `phase`: checking the arguments; nothing was sent.
pub const SDS_SMTP_PHASE_START: u32 = 10;
/// `phase`: looking the server's name up.
pub const SDS_SMTP_PHASE_RESOLVE: u32 = 20;
/// `phase`: connecting.
pub const SDS_SMTP_PHASE_CONNECT: u32 = 30;
/// `phase`: TLS from the first octet on.
pub const SDS_SMTP_PHASE_TLS: u32 = 40;
/// `phase`: waiting for the server's greeting.
pub const SDS_SMTP_PHASE_GREETING: u32 = 50;
/// `phase`: EHLO or HELO.
pub const SDS_SMTP_PHASE_HELLO: u32 = 60;
/// `phase`: STARTTLS.
pub const SDS_SMTP_PHASE_STARTTLS: u32 = 70;
/// `phase`: logging in.
pub const SDS_SMTP_PHASE_AUTH: u32 = 80;
/// `phase`: MAIL FROM, the sender.
pub const SDS_SMTP_PHASE_MAIL: u32 = 90;
/// `phase`: RCPT TO, the recipients.
pub const SDS_SMTP_PHASE_RCPT: u32 = 100;
/// `phase`: DATA.
pub const SDS_SMTP_PHASE_DATA: u32 = 110;
/// `phase`: the text is being sent.
pub const SDS_SMTP_PHASE_TEXT: u32 = 120;
/// `phase`: the final dot has been sent.
pub const SDS_SMTP_PHASE_END: u32 = 130;

/// The number of entries that a client's log keeps.
pub const SDS_SMTP_LOG_ENTRIES: u32 = 64;

/// SDS_SMTP_NO_LIMIT, which cbindgen/sds_smtp.toml writes, because in C the number must be unsigned.
///
/// cbindgen:ignore
pub const NO_LIMIT: u32 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Outcome, Phase};

    #[test]
    fn the_constants_are_those_of_the_engine() {
        let constants = [
            SDS_SMTP_OK,
            SDS_SMTP_TIMEOUT,
            SDS_SMTP_NOT_READY,
            SDS_SMTP_HELO_FAILED,
            SDS_SMTP_SENDER_REFUSED,
            SDS_SMTP_RECIPIENT_REFUSED,
            SDS_SMTP_RELAY_DENIED,
            SDS_SMTP_DATA_FAILED,
            SDS_SMTP_DATA_END_FAILED,
            SDS_SMTP_AUTH_UNSUPPORTED,
            SDS_SMTP_BAD_USERNAME,
            SDS_SMTP_BAD_PASSWORD,
            SDS_SMTP_INVALID_RECIPIENT,
            SDS_SMTP_CONNECT_FAILED,
            SDS_SMTP_BUSY,
            SDS_SMTP_SYNTAX,
            SDS_SMTP_CANCELLED,
            SDS_SMTP_BAD_ARGUMENT,
            SDS_SMTP_BAD_HANDLE,
            SDS_SMTP_NAME_NOT_FOUND,
            SDS_SMTP_TLS_FAILED,
            SDS_SMTP_TLS_UNTRUSTED,
            SDS_SMTP_TLS_UNAVAILABLE,
            SDS_SMTP_NOT_SUPPORTED,
            SDS_SMTP_READ_FAILED,
            SDS_SMTP_PARTLY_SENT,
        ];
        assert_eq!(constants, Code::ALL.map(|code| i32::from(code.number())));
        assert_eq!(SDS_SMTP_OUTCOME_UNKNOWN, Outcome::Unknown as u32);
        assert_eq!(SDS_SMTP_OUTCOME_NOT_SENT, Outcome::NotSent as u32);
        assert_eq!(SDS_SMTP_OUTCOME_SENT, Outcome::Sent as u32);
        let phases = [
            (SDS_SMTP_PHASE_NONE, Phase::None),
            (SDS_SMTP_PHASE_WAITING, Phase::Waiting),
            (SDS_SMTP_PHASE_RESOLVE, Phase::Resolve),
            (SDS_SMTP_PHASE_TLS, Phase::Tls),
            (SDS_SMTP_PHASE_STARTTLS, Phase::StartTls),
            (SDS_SMTP_PHASE_START, Phase::Start),
            (SDS_SMTP_PHASE_CONNECT, Phase::Connect),
            (SDS_SMTP_PHASE_GREETING, Phase::Greeting),
            (SDS_SMTP_PHASE_HELLO, Phase::Hello),
            (SDS_SMTP_PHASE_AUTH, Phase::Auth),
            (SDS_SMTP_PHASE_MAIL, Phase::Mail),
            (SDS_SMTP_PHASE_RCPT, Phase::Rcpt),
            (SDS_SMTP_PHASE_DATA, Phase::Data),
            (SDS_SMTP_PHASE_TEXT, Phase::Text),
            (SDS_SMTP_PHASE_END, Phase::End),
        ];
        assert!(phases.into_iter().all(|(number, phase)| number == phase as u32));
        assert_eq!(SDS_SMTP_LOG_ENTRIES as usize, crate::limits::LOG_ENTRIES);
    }
}
