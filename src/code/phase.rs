//! How far a mail came, and what became of it.

use core::ffi::CStr;

/// One list makes the values that C sees as numbers, and their names: those of their constants without the prefix.
macro_rules! numbers {
    ($(#[$about:meta])* $numbers:ident: $($(#[$doc:meta])* $value:ident = $number:literal, $name:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $numbers {
            $($(#[$doc])* $value = $number,)*
        }

        impl $numbers {
            /// All of them.
            pub const ALL: [Self; [$(Self::$value),*].len()] = [$(Self::$value),*];

            /// The one with this number.
            pub fn from_number(number: u32) -> Option<Self> {
                Self::ALL.into_iter().find(|value| *value as u32 == number)
            }

            /// The name: that of its constant without the prefix.
            pub fn name(self) -> &'static CStr {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }
    };
}

numbers! {
    /// How far a mail came; C sees the number.
    Phase:
    /// No mail yet.
    None = 0, c"NONE";
    /// Between two attempts.
    Waiting = 5, c"WAITING";
    /// Checking the arguments: nothing left the device.
    Start = 10, c"START";
    /// Looking the server's name up.
    Resolve = 20, c"RESOLVE";
    /// Connecting.
    Connect = 30, c"CONNECT";
    /// TLS, from the first octet on.
    Tls = 40, c"TLS";
    /// Waiting for the greeting.
    Greeting = 50, c"GREETING";
    /// EHLO or HELO.
    Hello = 60, c"HELLO";
    /// STARTTLS.
    StartTls = 70, c"STARTTLS";
    /// Logging in.
    Auth = 80, c"AUTH";
    /// MAIL FROM.
    Mail = 90, c"MAIL";
    /// RCPT TO.
    Rcpt = 100, c"RCPT";
    /// DATA.
    Data = 110, c"DATA";
    /// The text is being sent.
    Text = 120, c"TEXT";
    /// The final dot has been sent.
    End = 130, c"END";
}

numbers! {
    /// What became of the mail; C sees the number.
    Outcome:
    /// No mail yet.
    None = 0, c"NONE";
    /// The server has it.
    Sent = 1, c"SENT";
    /// The server does not have it: repeating it is safe.
    NotSent = 2, c"NOT_SENT";
    /// The final dot had left and no answer came: repeating it may deliver it twice.
    Unknown = 3, c"UNKNOWN";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_the_name_of_its_constant() {
        for (number, name) in [
            (0, c"NONE"),
            (5, c"WAITING"),
            (10, c"START"),
            (20, c"RESOLVE"),
            (30, c"CONNECT"),
            (40, c"TLS"),
            (50, c"GREETING"),
            (60, c"HELLO"),
            (70, c"STARTTLS"),
            (80, c"AUTH"),
            (90, c"MAIL"),
            (100, c"RCPT"),
            (110, c"DATA"),
            (120, c"TEXT"),
            (130, c"END"),
        ] {
            assert_eq!(Phase::from_number(number).map(Phase::name), Some(name));
        }
        let known = (0..=300).filter(|number| Phase::from_number(*number).is_some());
        assert_eq!(known.count(), Phase::ALL.len());
        assert_eq!(Phase::from_number(u32::MAX), None);
    }

    #[test]
    fn every_outcome_has_the_name_of_its_constant() {
        for (number, name) in (0..).zip([c"NONE", c"SENT", c"NOT_SENT", c"UNKNOWN"]) {
            assert_eq!(Outcome::from_number(number).map(Outcome::name), Some(name));
        }
        assert_eq!(Outcome::from_number(4), None);
    }
}
