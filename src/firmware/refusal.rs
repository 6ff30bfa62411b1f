//! Why a configuration or a mail was refused, in a few words.

use crate::code::Code;

/// The refusal of the last configuration or mail, if it was refused: the code, and the call. It takes one octet of a client, and
/// its words are linked to programs that ask for them only.
#[derive(Clone, Copy)]
pub struct Refusal(u8);

/// A configuration needs what is not there.
const LACKING: &str = if cfg!(feature = "complete") {
    "a field that this library lacks, or tls and no transport with start_tls"
} else {
    "a field that this library lacks"
};

/// A mail was refused.
const MAIL: u8 = 0x80;

impl Refusal {
    /// Of a configuration with this code; none with [`Code::Ok`].
    pub const fn of_configuration(code: Code) -> Self {
        Self(code as u8)
    }

    /// Of a mail with this code; none with [`Code::Ok`].
    pub const fn of_mail(code: Code) -> Self {
        Self(if matches!(code, Code::Ok) { 0 } else { code as u8 | MAIL })
    }

    /// The field, or the fields of which one is wrong; and whether the result says what is wrong with it.
    pub fn words(self) -> (&'static str, bool) {
        let code = Code::from_number(i64::from(self.0 & !MAIL));
        if self.0 & MAIL == 0 {
            let words = match code {
                Some(Code::HeloFailed) => "ehlo_name",
                Some(Code::SenderRefused) => "sender or sender_name",
                Some(Code::DataFailed) => "out of memory",
                Some(Code::BadUsername) => "username",
                Some(Code::BadPassword) => "password",
                Some(Code::ConnectFailed) => "server or port",
                Some(Code::BadArgument) => "struct_size, flags, auth, tls, tls_name, credential_limit or charset",
                Some(Code::NotSupported) => LACKING,
                _ => "",
            };
            return (words, false);
        }
        match code {
            Some(Code::Busy) => ("a mail is in flight", false),
            Some(Code::RecipientRefused) => ("to: ", true),
            Some(Code::BadArgument) => ("struct_size, flags, or text and read", false),
            Some(Code::NotSupported) => ("a field that this library lacks", false),
            // Subject, text, memory, or what is not set up: the result names it.
            _ => ("", true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refusal_has_words() {
        for code in [
            Code::HeloFailed,
            Code::SenderRefused,
            Code::DataFailed,
            Code::BadUsername,
            Code::BadPassword,
            Code::ConnectFailed,
            Code::BadArgument,
            Code::NotSupported,
        ] {
            let (words, more) = Refusal::of_configuration(code).words();
            assert!(!words.is_empty() && !more, "{code:?}");
        }
        for code in [
            Code::Busy,
            Code::RecipientRefused,
            Code::DataFailed,
            Code::ConnectFailed,
            Code::BadArgument,
            Code::NotSupported,
        ] {
            let (words, more) = Refusal::of_mail(code).words();
            assert!(!words.is_empty() || more, "{code:?}");
        }
        for none in [Refusal::of_configuration(Code::Ok), Refusal::of_mail(Code::Ok)] {
            assert_eq!(none.words(), ("", false));
        }
    }
}
