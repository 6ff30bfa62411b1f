//! The exchanges with the server.

use super::phase::Phase;
use super::result::Code;

/// One list makes the steps and what is known of each: its name; its phase; its own code, which it has when it fails in any
/// way that has no other code (refused, connection lost, or an answer that is not SMTP); and the reply that lets it go on,
/// by its whole code or by its first digit. 0: no reply is due.
macro_rules! steps {
    ($($(#[doc = $doc:literal])* $(#[cfg($when:meta)])? $step:ident, $phase:ident, $code:ident, $accept:literal;)*) => {
        /// One exchange with the server: what was said last, and is to be answered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step {
            $($(#[doc = $doc])* $(#[cfg($when)])? $step,)*
        }

        impl Step {
            /// All steps.
            pub const ALL: [Self; [$($(#[cfg($when)])? Self::$step),*].len()] = [$($(#[cfg($when)])? Self::$step),*];
        }

        // Three lists, which take fewer instructions to read than one list of structures.
        static PHASES: [Phase; Step::ALL.len()] = [$($(#[cfg($when)])? Phase::$phase),*];
        static CODES: [Code; Step::ALL.len()] = [$($(#[cfg($when)])? Code::$code),*];
        static ACCEPT: [u16; Step::ALL.len()] = [$($(#[cfg($when)])? $accept),*];
    };
}

steps! {
    /// The connection itself.
    Connect, Connect, ConnectFailed, 0;
    /// The server speaks first.
    Greeting, Greeting, NotReady, 220;
    /// EHLO.
    Ehlo, Hello, HeloFailed, 2;
    /// HELO.
    Helo, Hello, HeloFailed, 2;
    /// STARTTLS, and then the handshake.
    #[cfg(feature = "complete")]
    StartTls, StartTls, TlsFailed, 220;
    /// AUTH without credentials: the mechanism's name alone.
    AuthMechanism, Auth, AuthUnsupported, 334;
    /// AUTH with user name and password in the command.
    AuthOneStep, Auth, BadPassword, 235;
    /// LOGIN: the user name.
    AuthUsername, Auth, BadUsername, 334;
    /// The response that ends with the password, after a 334.
    AuthPassword, Auth, BadPassword, 235;
    /// A message with the user name that a challenge follows.
    #[cfg(feature = "std")]
    AuthMessage, Auth, BadPassword, 334;
    /// MAIL FROM.
    Mail, Mail, SenderRefused, 2;
    /// RCPT TO.
    Rcpt, Rcpt, RecipientRefused, 2;
    /// DATA.
    Data, Data, DataFailed, 354;
    /// BDAT with a chunk that others follow (RFC 3030).
    #[cfg(feature = "std")]
    Chunk, Data, DataFailed, 2;
    /// The text, up to the final dot.
    Text, Text, DataFailed, 0;
    /// The final dot, or the last chunk.
    End, End, DataEndFailed, 2;
}

impl Step {
    /// The phase that C is told.
    pub fn phase(self) -> Phase {
        PHASES.get(self as usize).copied().unwrap_or(Phase::None)
    }

    /// The step's own code.
    pub fn code(self) -> Code {
        CODES.get(self as usize).copied().unwrap_or(Code::DataFailed)
    }

    /// Whether the reply decides on a login.
    pub fn logs_in(self) -> bool {
        match self {
            Self::AuthMechanism | Self::AuthOneStep | Self::AuthUsername | Self::AuthPassword => true,
            #[cfg(feature = "std")]
            Self::AuthMessage => true,
            _ => false,
        }
    }

    /// Whether a reply lets this step go on.
    pub fn accepts(self, reply: u16) -> bool {
        let accept = ACCEPT.get(self as usize).copied().unwrap_or(0);
        accept == reply || accept == reply / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_phase() {
        for step in Step::ALL {
            let phase = match step {
                Step::Connect => Phase::Connect,
                Step::Greeting => Phase::Greeting,
                Step::Ehlo | Step::Helo => Phase::Hello,
                #[cfg(feature = "complete")]
                Step::StartTls => Phase::StartTls,
                Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword => Phase::Auth,
                #[cfg(feature = "std")]
                Step::AuthMessage => Phase::Auth,
                Step::Mail => Phase::Mail,
                Step::Rcpt => Phase::Rcpt,
                Step::Data => Phase::Data,
                #[cfg(feature = "std")]
                Step::Chunk => Phase::Data,
                Step::Text => Phase::Text,
                Step::End => Phase::End,
            };
            assert_eq!(step.phase(), phase);
        }
    }

    #[test]
    fn each_step_goes_on_with_its_own_answer() {
        let accepted = |step: Step| {
            (100..600)
                .filter(|reply| step.accepts(*reply))
                .collect::<std::vec::Vec<u16>>()
        };
        for step in Step::ALL {
            let wanted = match step {
                Step::Connect | Step::Text => 0..0,
                Step::Greeting => 220..221,
                #[cfg(feature = "complete")]
                Step::StartTls => 220..221,
                Step::AuthMechanism | Step::AuthUsername => 334..335,
                #[cfg(feature = "std")]
                Step::AuthMessage => 334..335,
                Step::AuthOneStep | Step::AuthPassword => 235..236,
                Step::Data => 354..355,
                Step::Ehlo | Step::Helo | Step::Mail | Step::Rcpt | Step::End => 200..300,
                #[cfg(feature = "std")]
                Step::Chunk => 200..300,
            };
            assert!(accepted(step).into_iter().eq(wanted), "{step:?}");
        }
    }
}
