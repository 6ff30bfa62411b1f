//! The constants. cbindgen writes them as `#define`; a test compares them with the engine's own.

/// The server has taken the mail over: it answered 2xx to the end of the data.
pub const SDS_SMTP_OK: i32 = 0;
/// A deadline passed, in any phase, connecting included.
pub const SDS_SMTP_TIMEOUT: i32 = 1;
/// The server's greeting is not 220, or did not come; 421 in any phase before the mail was accepted; or any 4xx to the login,
/// which says nothing about user name and password. Try again later.
pub const SDS_SMTP_NOT_READY: i32 = 2;
/// EHLO and then HELO refused, or the connection lost there.
pub const SDS_SMTP_HELO_FAILED: i32 = 3;
/// The sender was refused, or is not an e-mail address. With 530: the server wants a login.
pub const SDS_SMTP_SENDER_REFUSED: i32 = 4;
/// A recipient was refused, other than by 6, 12 and 15; or is not an e-mail address.
pub const SDS_SMTP_RECIPIENT_REFUSED: i32 = 5;
/// The recipient was refused in words that refuse to relay ("relay access denied"), or with 530: log in, or use another server.
pub const SDS_SMTP_RELAY_DENIED: i32 = 6;
/// The data was not accepted, or the connection lost while it was sent; mail too large (552 to the sender, too); subject with
/// a line end in it; out of memory.
pub const SDS_SMTP_DATA_FAILED: i32 = 7;
/// The end of the data was refused; or the connection was lost while waiting for that answer: then the outcome is
/// unknown.
pub const SDS_SMTP_DATA_END_FAILED: i32 = 8;
/// Login was asked for, and the server offers none that may be used.
pub const SDS_SMTP_AUTH_UNSUPPORTED: i32 = 9;
/// The user name was refused, is missing or too long.
pub const SDS_SMTP_BAD_USERNAME: i32 = 10;
/// The login was refused; or the password is missing or too long.
pub const SDS_SMTP_BAD_PASSWORD: i32 = 11;
/// The server answered 550 to the recipient, and not because it does not relay. With an enhanced status code X.1.1 (no such
/// mailbox) it never does.
pub const SDS_SMTP_INVALID_RECIPIENT: i32 = 12;
/// No connection, or no usable server configured.
pub const SDS_SMTP_CONNECT_FAILED: i32 = 13;
/// The previous mail is still in flight.
pub const SDS_SMTP_BUSY: i32 = 14;
/// The server answered 501 ("syntax") after the greeting exchange. Some servers answer so by a rule of theirs: see its text.
pub const SDS_SMTP_SYNTAX: i32 = 15;
/// The program cancelled the mail. (Codes from 32 up are those that the devices do not have.)
pub const SDS_SMTP_CANCELLED: i32 = 32;
/// A pointer is NULL, or a structure, flag or value is not one that this library knows.
pub const SDS_SMTP_BAD_ARGUMENT: i32 = 33;
/// The handle is not one of a living client.
pub const SDS_SMTP_BAD_HANDLE: i32 = 34;

/// `sds_smtp_config.auth`: no login.
pub const SDS_SMTP_AUTH_NONE: u32 = 0;
/// `sds_smtp_config.auth`: PLAIN where the server offers it, else LOGIN.
pub const SDS_SMTP_AUTH_ANY: u32 = 1;
/// `sds_smtp_config.auth`: PLAIN only.
pub const SDS_SMTP_AUTH_PLAIN: u32 = 2;
/// `sds_smtp_config.auth`: LOGIN only.
pub const SDS_SMTP_AUTH_LOGIN: u32 = 3;

/// `sds_smtp_config.flags`: do not use PIPELINING, even where the server offers it.
pub const SDS_SMTP_NO_PIPELINING: u32 = 1;

/// `sds_smtp_message.flags`: a library without an operating system does not copy the text, but takes it from where it is
/// until the mail has ended. Others copy it all the same.
pub const SDS_SMTP_BORROW_TEXT: u32 = 1;
/// `sds_smtp_message.flags`: what `read` gives is in the configuration's charset, not in UTF-8. Without it, and without a
/// system, a text that is not UTF-8 ends the mail with code 7; with a system the whole text is there, and is looked at.
pub const SDS_SMTP_TEXT_IN_CHARSET: u32 = 2;
/// What `sds_smtp_message.read` returns when it has nothing now, and is to be asked again; with a system, where it is asked in
/// sds_smtp_client_send() and nobody can wait, the mail is refused with code 7.
pub const SDS_SMTP_READ_LATER: i32 = -2;

/// `outcome`: no mail yet.
pub const SDS_SMTP_OUTCOME_NONE: u32 = 0;
/// `outcome`: the server has the mail.
pub const SDS_SMTP_OUTCOME_SENT: u32 = 1;
/// `outcome`: the server does not have the mail; sending it again is safe.
pub const SDS_SMTP_OUTCOME_NOT_SENT: u32 = 2;
/// `outcome`: the whole mail had left and no answer came; sending it again may deliver it twice.
pub const SDS_SMTP_OUTCOME_UNKNOWN: u32 = 3;

/// `phase`: no mail yet.
pub const SDS_SMTP_PHASE_NONE: u32 = 0;
/// `phase`: checking the arguments; nothing left the device.
pub const SDS_SMTP_PHASE_START: u32 = 1;
/// `phase`: connecting.
pub const SDS_SMTP_PHASE_CONNECT: u32 = 2;
/// `phase`: waiting for the server's greeting.
pub const SDS_SMTP_PHASE_GREETING: u32 = 3;
/// `phase`: EHLO or HELO.
pub const SDS_SMTP_PHASE_HELLO: u32 = 4;
/// `phase`: logging in.
pub const SDS_SMTP_PHASE_AUTH: u32 = 5;
/// `phase`: MAIL FROM, the sender.
pub const SDS_SMTP_PHASE_MAIL: u32 = 6;
/// `phase`: RCPT TO, the recipients.
pub const SDS_SMTP_PHASE_RCPT: u32 = 7;
/// `phase`: DATA.
pub const SDS_SMTP_PHASE_DATA: u32 = 8;
/// `phase`: the text is being sent.
pub const SDS_SMTP_PHASE_TEXT: u32 = 9;
/// `phase`: the final dot has been sent.
pub const SDS_SMTP_PHASE_END: u32 = 10;

/// The entries that a client's log keeps.
pub const SDS_SMTP_LOG_ENTRIES: u32 = 64;

/// What SDS_SMTP_NO_LIMIT is in C: written by cbindgen/sds_smtp.toml, since C wants the number unsigned.
///
/// cbindgen:ignore
pub const NO_LIMIT: u32 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{ALL, Outcome, Phase};

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
        ];
        assert_eq!(constants, ALL.map(|code| i32::from(code.number())));
        assert_eq!(SDS_SMTP_OUTCOME_UNKNOWN, Outcome::Unknown as u32);
        assert_eq!(SDS_SMTP_OUTCOME_NOT_SENT, Outcome::NotSent as u32);
        assert_eq!(SDS_SMTP_OUTCOME_SENT, Outcome::Sent as u32);
        let phases = [
            (SDS_SMTP_PHASE_NONE, Phase::None),
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
