//! The result codes, and the one table from (step, reply) to code.
//!
//! 0 to 15 are the codes of the SDS devices ("OSI7 Log"); 16 to 31 stay unused; from 32 up stands what the devices
//! do not know. A number never changes its meaning.

/// How a mail, or a call, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The server took the mail over: 2xx to the end of the data.
    Ok = 0,
    /// A deadline passed, in any phase, connecting included.
    Timeout = 1,
    /// The greeting is not 220 or did not come; or 421 in any phase.
    NotReady = 2,
    /// EHLO and then HELO refused, unreadable, or the connection lost there.
    HeloFailed = 3,
    /// MAIL FROM refused, or the sender is not an address.
    SenderRefused = 4,
    /// RCPT TO refused other than by 6, 12, 15; or the recipient is not an address.
    RecipientRefused = 5,
    /// The server does not relay to this recipient (for us).
    RelayDenied = 6,
    /// DATA refused, the connection lost in the text, the mail too large, or out of memory.
    DataFailed = 7,
    /// The end of the data refused, or the connection lost while waiting for that answer.
    DataEndFailed = 8,
    /// Login asked for, and the server offers none that we may use.
    AuthUnsupported = 9,
    /// User name refused, missing or too long.
    BadUsername = 10,
    /// Login refused; or the password is missing or too long.
    BadPassword = 11,
    /// RCPT TO answered 550.
    InvalidRecipient = 12,
    /// No connection, or no usable server configured.
    ConnectFailed = 13,
    /// The previous mail is still in flight.
    Busy = 14,
    /// 501 after the greeting exchange.
    Syntax = 15,
    /// The program cancelled the mail.
    Cancelled = 32,
    /// An argument is NULL, or a structure is not one that this library knows.
    BadArgument = 33,
    /// The handle is not one of a living client.
    BadHandle = 34,
}

/// All codes, in the order of their numbers.
pub const ALL: [Code; 19] = [
    Code::Ok,
    Code::Timeout,
    Code::NotReady,
    Code::HeloFailed,
    Code::SenderRefused,
    Code::RecipientRefused,
    Code::RelayDenied,
    Code::DataFailed,
    Code::DataEndFailed,
    Code::AuthUnsupported,
    Code::BadUsername,
    Code::BadPassword,
    Code::InvalidRecipient,
    Code::ConnectFailed,
    Code::Busy,
    Code::Syntax,
    Code::Cancelled,
    Code::BadArgument,
    Code::BadHandle,
];

impl Code {
    /// The number that C sees.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code of a number.
    pub fn from_number(number: i64) -> Option<Self> {
        ALL.into_iter().find(|code| i64::from(code.number()) == number)
    }

    /// What happened and what to do, in one sentence, ending with a NUL for C.
    pub const fn describe(self) -> &'static core::ffi::CStr {
        match self {
            Self::Ok => c"no error: the server has taken the mail over",
            Self::Timeout => c"timeout: the server did not answer in time; check the network and the server, or allow more time",
            Self::NotReady => c"server not ready: it refused the connection in words or is closing; try again later",
            Self::HeloFailed => c"EHLO/HELO refused: set an EHLO name that the server accepts",
            Self::SenderRefused => c"sender refused: give the sender's whole e-mail address, and log in if the server asks for it",
            Self::RecipientRefused => c"recipient refused: check the recipient's address",
            Self::RelayDenied => c"relaying denied: log in, or use the mail server that is responsible for you",
            Self::DataFailed => c"mail data not accepted: the mail is too large, the subject has a line end in it, the connection was lost, or memory is out; see the text of the result",
            Self::DataEndFailed => c"the end of the data was not accepted: the server refused the content, or the connection was lost and the outcome is unknown",
            Self::AuthUnsupported => c"login not supported: the server offers no login that may be used here; switch the login off or choose another port or server",
            Self::BadUsername => c"user name refused, missing or too long: some servers want the whole e-mail address, some only the name",
            Self::BadPassword => c"login refused, or password missing or too long: check user name and password; some providers want an app password",
            Self::InvalidRecipient => c"invalid recipient: the server does not know this mailbox, or its spam filter refuses us",
            Self::ConnectFailed => c"no connection: check the server's IP address, the port, the network and the firewall",
            Self::Busy => c"busy: the previous mail is still being sent; wait for it",
            Self::Syntax => c"syntax error: the server did not understand a command (501); see its text in the result",
            Self::Cancelled => c"cancelled by the program",
            Self::BadArgument => c"bad argument: a pointer is NULL, or struct_size, a flag or a value is not known; start structures with their _INIT macro",
            Self::BadHandle => c"bad handle: this client was freed or never made by sds_smtp_client_new()",
        }
    }
}

/// How far a mail came; C sees the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// No mail yet.
    None = 0,
    /// Checking the arguments: nothing left the device.
    Start = 1,
    /// Connecting.
    Connect = 2,
    /// Waiting for the greeting.
    Greeting = 3,
    /// EHLO or HELO.
    Hello = 4,
    /// Logging in.
    Auth = 5,
    /// MAIL FROM.
    Mail = 6,
    /// RCPT TO.
    Rcpt = 7,
    /// DATA.
    Data = 8,
    /// The text is being sent.
    Text = 9,
    /// The final dot has been sent.
    End = 10,
}

/// What became of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// No mail yet.
    None = 0,
    /// The server has it.
    Sent = 1,
    /// The server does not have it: repeating it is safe.
    NotSent = 2,
    /// The final dot had left and no answer came: repeating it may deliver it twice.
    Unknown = 3,
}

/// The answer that lets a step go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Exactly this reply code.
    Exactly(u16),
    /// Any reply code with this first digit.
    Class(u16),
    /// No answer is due in this step.
    Nothing,
}

/// One exchange with the server: what was said last, and is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The connection itself.
    Connect,
    /// The server speaks first.
    Greeting,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// AUTH without credentials: the mechanism's name alone.
    AuthMechanism,
    /// AUTH with user name and password in the command.
    AuthOneStep,
    /// LOGIN: the user name.
    AuthUsername,
    /// The response that ends with the password, after a 334.
    AuthPassword,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The text, up to the final dot.
    Text,
    /// The final dot.
    End,
}

/// A row of the table: a step, its phase, what lets it go on, and the code when it fails in any way that has no code
/// of its own: refused, connection lost, or an answer that is not SMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The step.
    pub step: Step,
    /// What C is told.
    pub phase: Phase,
    /// The answer that lets it go on.
    pub accept: Accept,
    /// The step's own code.
    pub code: Code,
}

const fn row(step: Step, phase: Phase, accept: Accept, code: Code) -> Row {
    Row {
        step,
        phase,
        accept,
        code,
    }
}

/// The table. [`refusal`] holds the few replies that have a code of their own.
pub const TABLE: [Row; 13] = [
    row(Step::Connect, Phase::Connect, Accept::Nothing, Code::ConnectFailed),
    row(Step::Greeting, Phase::Greeting, Accept::Exactly(220), Code::NotReady),
    row(Step::Ehlo, Phase::Hello, Accept::Class(2), Code::HeloFailed),
    row(Step::Helo, Phase::Hello, Accept::Class(2), Code::HeloFailed),
    row(
        Step::AuthMechanism,
        Phase::Auth,
        Accept::Exactly(334),
        Code::AuthUnsupported,
    ),
    row(Step::AuthOneStep, Phase::Auth, Accept::Exactly(235), Code::BadPassword),
    row(Step::AuthUsername, Phase::Auth, Accept::Exactly(334), Code::BadUsername),
    row(Step::AuthPassword, Phase::Auth, Accept::Exactly(235), Code::BadPassword),
    row(Step::Mail, Phase::Mail, Accept::Class(2), Code::SenderRefused),
    row(Step::Rcpt, Phase::Rcpt, Accept::Class(2), Code::RecipientRefused),
    row(Step::Data, Phase::Data, Accept::Exactly(354), Code::DataFailed),
    row(Step::Text, Phase::Text, Accept::Nothing, Code::DataFailed),
    row(Step::End, Phase::End, Accept::Class(2), Code::DataEndFailed),
];

impl Step {
    /// This step's row. The table has one for each step (a test says so), in the order of the steps.
    pub fn row(self) -> Row {
        TABLE
            .get(self as usize)
            .copied()
            .unwrap_or(row(self, Phase::None, Accept::Nothing, Code::DataFailed))
    }

    /// Whether a reply lets this step go on.
    pub fn accepts(self, reply: u16) -> bool {
        match self.row().accept {
            Accept::Exactly(code) => reply == code,
            Accept::Class(digit) => reply.checked_div(100) == Some(digit),
            Accept::Nothing => false,
        }
    }
}

/// The code of a step that a reply refused: 421, then 501, then what the step knows, then the step's own.
///
/// `relaying`: the server's text speaks of relaying.
pub fn refusal(step: Step, reply: u16, relaying: bool) -> Code {
    match (step, reply) {
        (_, 421) => Code::NotReady,
        (Step::Greeting | Step::Ehlo | Step::Helo, _) => step.row().code,
        (_, 501) => Code::Syntax,
        (Step::AuthOneStep, 500 | 502 | 503 | 504 | 538) => Code::AuthUnsupported,
        (Step::Rcpt, 530) => Code::RelayDenied,
        (Step::Rcpt, _) if relaying => Code::RelayDenied,
        (Step::Rcpt, 550) => Code::InvalidRecipient,
        _ => step.row().code,
    }
}

/// What went wrong without the server's words; a sentence each, for the result and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Nothing to explain.
    None,
    /// No address to connect to.
    NotConfigured,
    /// The recipients are not a list of addresses.
    BadRecipients,
    /// The subject has a line end or another control character in it.
    BadSubject,
    /// The subject is over [`crate::limits::SUBJECT_BYTES`].
    LongSubject,
    /// The text is over [`crate::limits::TEXT_BYTES`].
    LongText,
    /// No memory, or no thread, for the mail.
    NoMemory,
    /// A structure's fields are not what they may be.
    BadStructure,
    /// The system has no socket for us.
    NoSocket,
    /// The server's machine refused the connection.
    Refused,
    /// No way to the server's machine.
    Unreachable,
    /// The connection ended.
    Lost,
    /// A deadline passed.
    Deadline,
    /// The whole mail's deadline passed.
    TotalDeadline,
    /// What came is not an SMTP reply, or came unasked.
    NotSmtp,
    /// No AUTH among the server's extensions.
    NoAuth,
    /// The server announced a smaller limit than the mail's size.
    TooLarge,
    /// A text that was declared to be UTF-8, and is not.
    NotUtf8,
    /// The program gave no connection to send with.
    NoTransport,
    /// A callback of the program's connection returned what it may not.
    BadTransport,
    /// A callback that gives the text failed.
    BadSource,
    /// The program cancelled the mail.
    Cancelled,
    /// A defect of this library: caught.
    Defect,
}

impl Reason {
    /// The sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::NotConfigured => "no server and sender configured",
            Self::BadRecipients => "the recipients are not addresses separated by commas",
            Self::BadSubject => "the subject has a line end or a control character in it",
            Self::LongSubject => "the subject is too long",
            Self::LongText => "the text is too long",
            Self::NoMemory => "out of memory, or no thread could be started",
            Self::BadStructure => "the message structure is not valid",
            Self::NoSocket => "no free socket",
            Self::Refused => "connection refused: nothing listens at that address and port",
            Self::Unreachable => "the server cannot be reached",
            Self::Lost => "the connection was lost",
            Self::Deadline => "no answer in time",
            Self::TotalDeadline => "the time for the whole mail is over",
            Self::NotSmtp => "what the server said is not SMTP",
            Self::NoAuth => "the server offers no login (AUTH)",
            Self::TooLarge => "the mail is larger than the server allows (SIZE)",
            Self::NotUtf8 => "the text is not UTF-8",
            Self::NoTransport => "no transport",
            Self::BadTransport => "a function of the transport returned what it may not",
            Self::BadSource => "the function that gives the text failed",
            Self::Cancelled => "cancelled",
            Self::Defect => "internal error of the library",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 13] = [
        Step::Connect,
        Step::Greeting,
        Step::Ehlo,
        Step::Helo,
        Step::AuthMechanism,
        Step::AuthOneStep,
        Step::AuthUsername,
        Step::AuthPassword,
        Step::Mail,
        Step::Rcpt,
        Step::Data,
        Step::Text,
        Step::End,
    ];

    #[test]
    fn the_table_has_one_row_for_each_step_in_order() {
        for (at, step) in STEPS.into_iter().enumerate() {
            assert_eq!(TABLE[at].step, step);
            assert_eq!(step.row().step, step);
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_devices() {
        for (number, code) in (0..16).chain(32..35).zip(ALL) {
            assert_eq!(i64::from(code.number()), number);
            assert_eq!(Code::from_number(number), Some(code));
        }
        assert_eq!(Code::from_number(16), None);
        assert_eq!(Code::from_number(-1), None);
    }

    #[test]
    fn four_two_one_is_not_ready_in_every_step() {
        for step in STEPS {
            assert_eq!(refusal(step, 421, true), Code::NotReady);
        }
    }

    #[test]
    fn five_oh_one_is_syntax_only_after_the_greeting_exchange() {
        for step in STEPS {
            let code = refusal(step, 501, true);
            match step {
                Step::Greeting => assert_eq!(code, Code::NotReady),
                Step::Ehlo | Step::Helo => assert_eq!(code, Code::HeloFailed),
                _ => assert_eq!(code, Code::Syntax),
            }
        }
    }

    #[test]
    fn only_a_recipient_is_refused_relaying() {
        for reply in [513, 530, 550, 554] {
            assert_eq!(refusal(Step::Rcpt, reply, true), Code::RelayDenied);
            assert_eq!(refusal(Step::Mail, reply, true), Code::SenderRefused);
        }
        assert_eq!(refusal(Step::Rcpt, 530, false), Code::RelayDenied);
        assert_eq!(refusal(Step::Rcpt, 550, false), Code::InvalidRecipient);
        assert_eq!(refusal(Step::Rcpt, 551, false), Code::RecipientRefused);
    }

    #[test]
    fn a_command_unknown_to_the_server_is_no_wrong_password() {
        for reply in [500, 502, 503, 504, 538] {
            assert_eq!(refusal(Step::AuthOneStep, reply, false), Code::AuthUnsupported);
        }
        for reply in [535, 534, 454, 530, 550] {
            assert_eq!(refusal(Step::AuthOneStep, reply, false), Code::BadPassword);
        }
    }

    #[test]
    fn every_code_has_a_sentence_of_its_own() {
        for (at, code) in ALL.into_iter().enumerate() {
            assert!(!code.describe().is_empty());
            for other in ALL.into_iter().skip(at + 1) {
                assert_ne!(code.describe(), other.describe());
            }
        }
    }
}
