//! The result codes, each with its number and its description.
//!
//! 0 to 15 are the codes of the SDS devices ("OSI7 Log"). 16 to 31 stay unused. From 32 up are codes that the devices do not
//! have. A number never changes its meaning.

use core::ffi::CStr;

/// One list makes the codes, their numbers, their names and their descriptions: what happened and what to do, in one sentence.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $number:literal, $name:literal, $description:literal;)*) => {
        /// How a mail, or a call, ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Code {
            $($(#[$doc])* $code = $number,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: [Self; [$(Self::$code),*].len()] = [$(Self::$code),*];
        }

        /// The names in the order of [`Code::ALL`], as the constants of C have them behind their prefix.
        const NAMES: &str = concat!($($name, "\0",)*);

        /// The descriptions in the order of [`Code::ALL`], and the one of other numbers, each with a NUL behind it. One
        /// string instead of a table of pointers, so that the linker drops it when `sds_smtp_strerror` is unused.
        const DESCRIPTIONS: &str = concat!($($description, "\0",)* "unknown code: not one of this library's\0");
    };
}

codes! {
    /// The server took the mail over: 2xx to the end of the data.
    Ok = 0, "OK",
        "no error: the server has taken the mail over";
    /// A deadline passed, in any phase, connecting included.
    Timeout = 1, "TIMEOUT",
        "timeout: the server did not answer in time; check the network and the server, or allow more time";
    /// The greeting is not 220 or did not come; 421 in any phase; or 4xx to the login.
    NotReady = 2, "NOT_READY",
        "server not ready: it refused the connection in words, cannot check a login now, or is closing; try again later";
    /// EHLO and then HELO refused, unreadable, or the connection lost there.
    HeloFailed = 3, "HELO_FAILED",
        "EHLO/HELO refused: set an EHLO name that the server accepts";
    /// MAIL FROM refused, or the sender is not an address.
    SenderRefused = 4, "SENDER_REFUSED",
        "sender refused: give the sender's whole e-mail address, and log in if the server asks for it";
    /// RCPT TO refused other than by 6, 12, 15; or the recipient is not an address.
    RecipientRefused = 5, "RECIPIENT_REFUSED",
        "recipient refused: check the recipient's address";
    /// RCPT TO refused in words that refuse to relay, or with 530 (`refusal.rs` decides).
    RelayDenied = 6, "RELAY_DENIED",
        "relaying denied: log in, or use the mail server that is responsible for you";
    /// DATA refused, the connection lost in the text, the mail too large (552 to MAIL, too), or out of memory.
    DataFailed = 7, "DATA_FAILED",
        "mail data not accepted: the mail is too large, the subject has a line end in it, the connection was lost, or \
        memory is out; see the text of the result";
    /// The end of the data refused, or the connection lost while waiting for that answer.
    DataEndFailed = 8, "DATA_END_FAILED",
        "the end of the data was not accepted: the server refused the content, or the connection was lost and the \
        outcome is unknown";
    /// A login is configured, and the server offers none that may be used.
    AuthUnsupported = 9, "AUTH_UNSUPPORTED",
        "login not supported: the server offers no login that may be used here; switch the login off or choose another \
        port or server";
    /// User name refused, missing or too long.
    BadUsername = 10, "BAD_USERNAME",
        "user name refused, missing or too long: some servers want the whole e-mail address, some only the name";
    /// Login refused; or the password is missing or too long.
    BadPassword = 11, "BAD_PASSWORD",
        "login refused, or password missing or too long: check user name and password; some providers want an app password";
    /// RCPT TO answered 550, in words that do not refuse to relay.
    InvalidRecipient = 12, "INVALID_RECIPIENT",
        "invalid recipient: the server does not know this mailbox, or its spam filter refuses us";
    /// No connection, or no usable server configured.
    ConnectFailed = 13, "CONNECT_FAILED",
        "no connection: check the server's IP address, the port, the network and the firewall";
    /// The previous mail is still in flight.
    Busy = 14, "BUSY",
        "busy: the previous mail is still being sent; wait for it";
    /// 501 after the greeting exchange.
    Syntax = 15, "SYNTAX",
        "syntax error: the server did not understand a command (501), and some servers answer so by a rule of theirs; \
        see its text in the result";
    /// The program cancelled the mail.
    Cancelled = 32, "CANCELLED",
        "cancelled by the program";
    /// An argument is NULL, or a structure is not one that this library knows.
    BadArgument = 33, "BAD_ARGUMENT",
        "bad argument: a pointer is NULL, or struct_size, a flag or a value is not known; start structures with their \
        _INIT macro";
    /// The handle is not one of a living client.
    BadHandle = 34, "BAD_HANDLE",
        "bad handle: this client was freed, or was never made";
    /// The server's name has no address, or the name service gave no answer in time.
    NameNotFound = 35, "NAME_NOT_FOUND",
        "name not found: the server's name has no address, or the name service did not answer; check the name and the \
        network's name service";
    /// The TLS handshake failed, or one side speaks no TLS.
    TlsFailed = 36, "TLS_FAILED",
        "TLS failed: the handshake failed, or only one side speaks TLS on this port; check port and TLS setting";
    /// The server's certificate is not trusted.
    TlsUntrusted = 37, "TLS_UNTRUSTED",
        "certificate not trusted: its issuer, dates, name or key are not the expected ones; see the text of the result";
    /// TLS is required, and the server does not offer STARTTLS.
    TlsUnavailable = 38, "TLS_UNAVAILABLE",
        "no STARTTLS: TLS is required, and the server does not offer it; check the port, and firewalls on the way";
    /// What is wanted needs something that the server, or this build, does not have.
    NotSupported = 39, "NOT_SUPPORTED",
        "not supported: this needs something that the server, or this build of the library, does not have";
    /// A file, or a function of the program that reads, failed; nothing was delivered.
    ReadFailed = 40, "READ_FAILED",
        "not readable: a file, or a function of the program that reads, failed; nothing was delivered";
    /// Some recipients have the mail, and others were refused.
    PartlySent = 41, "PARTLY_SENT",
        "partly sent: some recipients have the mail, and others do not; see what became of each";
}

impl Code {
    /// The number that C sees.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| i64::from(code.number()) == number)
    }

    /// What the devices' own function tells instead of a code of TLS, which the devices do not have.
    pub const fn of_devices(self) -> Self {
        match self {
            Self::TlsFailed | Self::TlsUntrusted | Self::TlsUnavailable => Self::NotReady,
            code => code,
        }
    }

    fn position(self) -> usize {
        Self::ALL.into_iter().take_while(|code| *code != self).count()
    }

    /// The name: that of its constant without the prefix.
    pub fn name(self) -> &'static CStr {
        string_behind(self.position(), NAMES)
    }

    /// What happened and what to do, in one sentence.
    pub fn describe(self) -> &'static CStr {
        string_behind(self.position(), DESCRIPTIONS)
    }

    /// What there is to say of a number that is not a code.
    pub fn describe_unknown() -> &'static CStr {
        string_behind(Self::ALL.len(), DESCRIPTIONS)
    }
}

/// The string behind so many others, each of which a NUL ends.
fn string_behind(others: usize, strings: &'static str) -> &'static CStr {
    let mut rest = strings.as_bytes();
    for _ in 0..others {
        let end = rest.iter().position(|octet| *octet == 0).unwrap_or(rest.len());
        rest = rest.get(end.saturating_add(1)..).unwrap_or(&[]);
    }
    CStr::from_bytes_until_nul(rest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_devices() {
        for (number, code) in (0..16).chain(32..42).zip(Code::ALL) {
            assert_eq!(i64::from(code.number()), number);
            assert_eq!(Code::from_number(number), Some(code));
        }
        assert_eq!(Code::from_number(16), None);
        assert_eq!(Code::from_number(-1), None);
    }

    #[test]
    fn the_descriptions_of_temporary_failures_and_of_501_blame_nobody() {
        let says = |code: Code, words: &str| code.describe().to_str().unwrap().contains(words);
        assert!(says(Code::NotReady, "login") && says(Code::NotReady, "try again later"));
        assert!(says(Code::Syntax, "by a rule of theirs"));
    }

    #[test]
    fn every_code_has_a_description_of_its_own() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            assert!(!code.describe().is_empty());
            for other in Code::ALL.into_iter().skip(index + 1) {
                assert_ne!(code.describe(), other.describe());
            }
        }
    }

    #[test]
    fn every_code_has_the_name_of_its_constant() {
        for (code, name) in [
            (Code::Ok, c"OK"),
            (Code::Timeout, c"TIMEOUT"),
            (Code::NotReady, c"NOT_READY"),
            (Code::HeloFailed, c"HELO_FAILED"),
            (Code::SenderRefused, c"SENDER_REFUSED"),
            (Code::RecipientRefused, c"RECIPIENT_REFUSED"),
            (Code::RelayDenied, c"RELAY_DENIED"),
            (Code::DataFailed, c"DATA_FAILED"),
            (Code::DataEndFailed, c"DATA_END_FAILED"),
            (Code::AuthUnsupported, c"AUTH_UNSUPPORTED"),
            (Code::BadUsername, c"BAD_USERNAME"),
            (Code::BadPassword, c"BAD_PASSWORD"),
            (Code::InvalidRecipient, c"INVALID_RECIPIENT"),
            (Code::ConnectFailed, c"CONNECT_FAILED"),
            (Code::Busy, c"BUSY"),
            (Code::Syntax, c"SYNTAX"),
            (Code::Cancelled, c"CANCELLED"),
            (Code::BadArgument, c"BAD_ARGUMENT"),
            (Code::BadHandle, c"BAD_HANDLE"),
            (Code::NameNotFound, c"NAME_NOT_FOUND"),
            (Code::TlsFailed, c"TLS_FAILED"),
            (Code::TlsUntrusted, c"TLS_UNTRUSTED"),
            (Code::TlsUnavailable, c"TLS_UNAVAILABLE"),
            (Code::NotSupported, c"NOT_SUPPORTED"),
            (Code::ReadFailed, c"READ_FAILED"),
            (Code::PartlySent, c"PARTLY_SENT"),
        ] {
            assert_eq!(code.name(), name);
        }
        assert_eq!(NAMES.matches('\0').count(), Code::ALL.len());
    }

    #[test]
    fn another_number_has_the_last_description() {
        assert_eq!(Code::describe_unknown(), c"unknown code: not one of this library's");
    }
}
