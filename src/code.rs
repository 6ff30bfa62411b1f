//! The result codes, and the one table from (step, reply) to code.
//!
//! 0 to 15 are the codes of the SDS devices ("OSI7 Log"); 16 to 31 stay unused; from 32 up stands what the devices
//! do not know. A number never changes its meaning.

use crate::octets::list;

/// How a mail, or a call, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The server took the mail over: 2xx to the end of the data.
    Ok = 0,
    /// A deadline passed, in any phase, connecting included.
    Timeout = 1,
    /// The greeting is not 220 or did not come; 421 in any phase; or 4xx to the login.
    NotReady = 2,
    /// EHLO and then HELO refused, unreadable, or the connection lost there.
    HeloFailed = 3,
    /// MAIL FROM refused, or the sender is not an address.
    SenderRefused = 4,
    /// RCPT TO refused other than by 6, 12, 15; or the recipient is not an address.
    RecipientRefused = 5,
    /// RCPT TO refused in words that refuse to relay, or with 530.
    RelayDenied = 6,
    /// DATA refused, the connection lost in the text, the mail too large (552 to MAIL, too), or out of memory.
    DataFailed = 7,
    /// The end of the data refused, or the connection lost while waiting for that answer.
    DataEndFailed = 8,
    /// Login asked for, and the server offers none that we may use.
    AuthUnsupported = 9,
    /// User name refused, missing or too long.
    BadUsername = 10,
    /// Login refused; or the password is missing or too long.
    BadPassword = 11,
    /// RCPT TO answered 550, and that is no refusal to relay.
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
    pub fn describe(self) -> &'static core::ffi::CStr {
        let place = ALL.into_iter().position(|code| code == self).unwrap_or(ALL.len());
        description(place)
    }

    /// What there is to say of a number that is no code.
    pub fn describe_unknown() -> &'static core::ffi::CStr {
        description(ALL.len())
    }
}

/// The description with this number.
fn description(place: usize) -> &'static core::ffi::CStr {
    let mut rest = DESCRIPTIONS.as_bytes();
    for _ in 0..place {
        let end = rest.iter().position(|octet| *octet == 0).unwrap_or(rest.len());
        rest = rest.get(end.saturating_add(1)..).unwrap_or(&[]);
    }
    core::ffi::CStr::from_bytes_until_nul(rest).unwrap_or_default()
}

/// In the order of [`ALL`], each with a NUL behind it. One text and not a table: the linker takes a program that asks for none
/// of it wholly at its word.
const DESCRIPTIONS: &str = concat!(
    "no error: the server has taken the mail over\0",
    "timeout: the server did not answer in time; check the network and the server, or allow more time\0",
    "server not ready: it refused the connection in words, cannot check a login now, or is closing; try again later\0",
    "EHLO/HELO refused: set an EHLO name that the server accepts\0",
    "sender refused: give the sender's whole e-mail address, and log in if the server asks for it\0",
    "recipient refused: check the recipient's address\0",
    "relaying denied: log in, or use the mail server that is responsible for you\0",
    "mail data not accepted: the mail is too large, the subject has a line end in it, the connection was lost, or memory is out; see the text of the result\0",
    "the end of the data was not accepted: the server refused the content, or the connection was lost and the outcome is unknown\0",
    "login not supported: the server offers no login that may be used here; switch the login off or choose another port or server\0",
    "user name refused, missing or too long: some servers want the whole e-mail address, some only the name\0",
    "login refused, or password missing or too long: check user name and password; some providers want an app password\0",
    "invalid recipient: the server does not know this mailbox, or its spam filter refuses us\0",
    "no connection: check the server's IP address, the port, the network and the firewall\0",
    "busy: the previous mail is still being sent; wait for it\0",
    "syntax error: the server did not understand a command (501), and some servers answer so by a rule of theirs; see its text in the result\0",
    "cancelled by the program\0",
    "bad argument: a pointer is NULL, or struct_size, a flag or a value is not known; start structures with their _INIT macro\0",
    "bad handle: this client was freed, or was never made\0",
    "unknown code: not one of this library's\0"
);

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

/// A row of the table: a step's phase, what lets it go on, and the code when it fails in any way that has no code of its
/// own: refused, connection lost, or an answer that is not SMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What C is told.
    pub phase: Phase,
    /// The step's own code.
    pub code: Code,
    /// The answer that lets it go on: exactly this reply code, or any with this first digit. 0: no answer is due.
    pub accept: u16,
}

const fn row(phase: Phase, code: Code, accept: u16) -> Row {
    Row { phase, code, accept }
}

/// The table, in the order of the steps. [`refusal`] holds the few replies that have a code of their own.
#[rustfmt::skip]
const TABLE: [Row; 13] = [
    /* Connect       */ row(Phase::Connect, Code::ConnectFailed, 0),
    /* Greeting      */ row(Phase::Greeting, Code::NotReady, 220),
    /* Ehlo          */ row(Phase::Hello, Code::HeloFailed, 2),
    /* Helo          */ row(Phase::Hello, Code::HeloFailed, 2),
    /* AuthMechanism */ row(Phase::Auth, Code::AuthUnsupported, 334),
    /* AuthOneStep   */ row(Phase::Auth, Code::BadPassword, 235),
    /* AuthUsername  */ row(Phase::Auth, Code::BadUsername, 334),
    /* AuthPassword  */ row(Phase::Auth, Code::BadPassword, 235),
    /* Mail          */ row(Phase::Mail, Code::SenderRefused, 2),
    /* Rcpt          */ row(Phase::Rcpt, Code::RecipientRefused, 2),
    /* Data          */ row(Phase::Data, Code::DataFailed, 354),
    /* Text          */ row(Phase::Text, Code::DataFailed, 0),
    /* End           */ row(Phase::End, Code::DataEndFailed, 2),
];

/// Its columns, which are reached with fewer instructions than its rows.
static PHASES: [Phase; 13] = columns().0;
static CODES: [Code; 13] = columns().1;
static ACCEPT: [u16; 13] = columns().2;

// It runs while the library is built.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn columns() -> ([Phase; 13], [Code; 13], [u16; 13]) {
    let (mut phases, mut codes, mut accept) = ([Phase::None; 13], [Code::DataFailed; 13], [0; 13]);
    let mut at = 0;
    while at < 13 {
        phases[at] = TABLE[at].phase;
        codes[at] = TABLE[at].code;
        accept[at] = TABLE[at].accept;
        at += 1;
    }
    (phases, codes, accept)
}

impl Step {
    /// What C is told of this step (a test says that each has the right row).
    pub fn phase(self) -> Phase {
        PHASES.get(self as usize).copied().unwrap_or(Phase::None)
    }

    /// The step's own code.
    pub fn code(self) -> Code {
        CODES.get(self as usize).copied().unwrap_or(Code::DataFailed)
    }

    /// Whether a reply lets this step go on.
    pub fn accepts(self, reply: u16) -> bool {
        let accept = ACCEPT.get(self as usize).copied().unwrap_or(0);
        accept == reply || accept == reply / 100
    }
}

/// The code of a step that a reply refused: 421, then 501, then what the step knows, then the step's own.
///
/// `relaying`: the server's text refuses to relay.
pub fn refusal(step: Step, reply: u16, relaying: bool) -> Code {
    match (step, reply) {
        (_, 421) => Code::NotReady,
        (Step::Greeting | Step::Ehlo | Step::Helo, _) => step.code(),
        (_, 501) => Code::Syntax,
        // The login failed for now, and nobody judged the credentials (RFC 4954, 6).
        (Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword, ..=499) => Code::NotReady,
        (Step::AuthOneStep, ..=504 | 538) => Code::AuthUnsupported,
        // The mail is too large (RFC 1870, 6.1).
        (Step::Mail, 552) => Code::DataFailed,
        (Step::Rcpt, 530) => Code::RelayDenied,
        (Step::Rcpt, _) if relaying => Code::RelayDenied,
        (Step::Rcpt, 550) => Code::InvalidRecipient,
        _ => step.code(),
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
    /// The program gave no connection to send with.
    NoTransport,
    /// The recipients are not a list of addresses.
    BadRecipients,
    /// The subject has a line end or another control character in it.
    BadSubject,
    /// The subject is over [`crate::limits::SUBJECT_BYTES`].
    LongSubject,
    /// The text is over [`crate::limits::TEXT_BYTES`].
    LongText,
    /// A structure's fields are not what they may be.
    BadStructure,
    /// The system has no socket for us.
    NoSocket,
    /// No way to the server's machine.
    Unreachable,
    /// The server's machine refused the connection.
    Refused,
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
    /// A text that was declared to be UTF-8, and is not.
    NotUtf8,
    /// A text that can only go as quoted-printable, which the library was built without.
    Unsendable,
    /// A callback of the program's connection returned what it may not.
    BadTransport,
    /// A callback that gives the text failed.
    BadSource,
    /// The program cancelled the mail.
    Cancelled,
    /// No memory for the mail.
    NoMemory,
    /// The server announced a smaller limit than the mail's size.
    TooLarge,
    /// A defect of this library: caught.
    Defect,
    /// The system has no thread for us.
    NoThread,
}

impl Reason {
    /// The sentence: printable ASCII.
    pub fn text(self) -> &'static [u8] {
        match self {
            // A small library never says the one, nor one without a system the other.
            Self::TooLarge if cfg!(feature = "complete") => b"mail exceeds SIZE",
            Self::Defect if cfg!(feature = "std") => b"internal error",
            Self::NoThread if cfg!(feature = "std") => b"no thread",
            _ => sentence(self as usize),
        }
    }
}

// The sentences, in the order of the reasons.
list! {
    sentence:
    "",
    "no configuration",
    "no transport",
    "bad recipients",
    "control character in subject",
    "subject too long",
    "text too long",
    "bad structure",
    "no free socket",
    "server unreachable",
    "connection refused",
    "connection lost",
    "no answer in time",
    "mail took too long",
    "not an SMTP reply",
    "no AUTH offered",
    "text not UTF-8",
    "text needs quoted-printable",
    "transport failed",
    "text not readable",
    "cancelled",
    "out of memory",
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
        assert_eq!(STEPS.len(), TABLE.len());
        for (at, step) in STEPS.into_iter().enumerate() {
            assert_eq!(step as usize, at);
            let phase = match step {
                Step::Connect => Phase::Connect,
                Step::Greeting => Phase::Greeting,
                Step::Ehlo | Step::Helo => Phase::Hello,
                Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword => Phase::Auth,
                Step::Mail => Phase::Mail,
                Step::Rcpt => Phase::Rcpt,
                Step::Data => Phase::Data,
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
        for step in STEPS {
            let wanted = match step {
                Step::Connect | Step::Text => 0..0,
                Step::Greeting => 220..221,
                Step::AuthMechanism | Step::AuthUsername => 334..335,
                Step::AuthOneStep | Step::AuthPassword => 235..236,
                Step::Data => 354..355,
                Step::Ehlo | Step::Helo | Step::Mail | Step::Rcpt | Step::End => 200..300,
            };
            assert!(accepted(step).into_iter().eq(wanted), "{step:?}");
        }
    }

    #[test]
    fn every_reason_has_its_sentence() {
        assert_eq!(Reason::None.text(), b"");
        assert_eq!(Reason::NotConfigured.text(), b"no configuration");
        assert_eq!(Reason::NoSocket.text(), b"no free socket");
        assert_eq!(Reason::Deadline.text(), b"no answer in time");
        assert_eq!(Reason::NotUtf8.text(), b"text not UTF-8");
        assert_eq!(Reason::Cancelled.text(), b"cancelled");
        if cfg!(feature = "std") {
            assert_eq!(Reason::Defect.text(), b"internal error");
            assert_eq!(Reason::NoThread.text(), b"no thread");
        }
        if cfg!(feature = "complete") {
            assert_eq!(Reason::TooLarge.text(), b"mail exceeds SIZE");
        }
        assert_eq!(Reason::NoMemory.text(), b"out of memory");
        for number in 1..=Reason::NoMemory as usize {
            let text = sentence(number);
            assert!(!text.is_empty() && text.iter().all(|octet| matches!(octet, 0x20..=0x7e)));
        }
        assert_eq!(sentence(Reason::NoMemory as usize + 1), b"");
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
        for reply in [535, 534, 530, 550] {
            assert_eq!(refusal(Step::AuthOneStep, reply, false), Code::BadPassword);
        }
    }

    #[test]
    fn a_login_that_is_refused_for_now_is_no_wrong_password() {
        for step in STEPS {
            for reply in (400..500).filter(|reply| *reply != 421) {
                let logging_in = step.phase() == Phase::Auth;
                let code = if logging_in { Code::NotReady } else { step.code() };
                assert_eq!(refusal(step, reply, false), code, "{step:?} {reply}");
            }
        }
    }

    #[test]
    fn a_mail_is_too_large_where_the_server_says_so_to_its_sender() {
        assert_eq!(refusal(Step::Mail, 552, false), Code::DataFailed);
        assert_eq!(refusal(Step::Mail, 452, false), Code::SenderRefused);
        assert_eq!(refusal(Step::Rcpt, 552, false), Code::RecipientRefused);
    }

    #[test]
    fn the_sentences_of_temporary_failures_and_of_501_blame_nobody() {
        let says = |code: Code, words: &str| code.describe().to_str().unwrap().contains(words);
        assert!(says(Code::NotReady, "login") && says(Code::NotReady, "try again later"));
        assert!(says(Code::Syntax, "by a rule of theirs"));
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
