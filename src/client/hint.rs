//! What the server's words may mean, and what to do: our words for people, behind the server's.

use super::advice::advice;
use super::policy::Failed;
use super::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::REPLY_TEXT_BYTES;
use crate::octets::copy;
use crate::session::Settings;

/// Stands between the server's words and ours.
const DASH: &[u8] = b" - ";

/// What a hint depends on.
struct Case<'a> {
    report: &'a Report,
    settings: &'a Settings<'a>,
}

impl Case<'_> {
    fn is(&self, code: Code, reason: Reason) -> bool {
        self.report.code == code && self.report.reason == reason
    }

    fn says(&self, word: &[u8]) -> bool {
        let text = self.report.text.octets();
        text.windows(word.len()).any(|words| words.eq_ignore_ascii_case(word))
    }

    fn is_refused(&self) -> bool {
        self.report.reply >= 500
    }

    fn logs_in(&self) -> bool {
        !self.settings.mechanisms.is_empty()
    }

    fn has_username(&self) -> bool {
        !self.settings.username().is_empty()
    }

    /// The server wants TLS before it goes on.
    fn wants_tls(&self) -> bool {
        match self.report.reply {
            538 => true,
            530 | 550 | 554 => self.says(b"STARTTLS"),
            _ => false,
        }
    }

    /// The server does not do what it offers.
    fn refuses_starttls(&self) -> bool {
        self.report.phase == Phase::StartTls && self.report.reply >= 400 && self.report.code != Code::NotReady
    }

    /// The server wants a login, and there was none.
    fn wants_login(&self) -> bool {
        let envelope = matches!(self.report.phase, Phase::Mail | Phase::Rcpt | Phase::Data);
        let wants = self.report.reply == 530 || self.report.code == Code::RelayDenied;
        envelope && wants && self.is_refused() && !self.logs_in()
    }

    /// The server refused user name and password.
    fn login_refused(&self) -> bool {
        let refused = matches!(self.report.code, Code::BadUsername | Code::BadPassword);
        refused && self.report.phase == Phase::Auth && self.is_refused()
    }

    /// The server refused where we come from (RFC 3463: X.7.z is policy), whatever the sender is. The blanks keep words apart
    /// from addresses that the server repeats.
    fn refuses_our_address(&self) -> bool {
        self.report.enhanced[1] == 7
            && (self.says(b" IP ") || self.says(b" client host") || self.says(b" block") || self.says(b" blacklist"))
    }

    fn username_is_address(&self) -> bool {
        self.settings.username().contains(&b'@')
    }

    fn is_silent_in(&self, phase: Phase) -> bool {
        self.report.reason == Reason::Deadline && self.report.phase == phase
    }
}

/// Makes the function that finds a hint: that of the first condition that holds. A table of functions and texts would be larger.
macro_rules! hints {
    ($case:ident: $($condition:expr, $hint:literal;)*) => {
        fn hint_for($case: &Case<'_>) -> Option<&'static str> {
            $(if $condition {
                return Some($hint);
            })*
            None
        }

        #[cfg(test)]
        const HINTS: &[&str] = &[$($hint),*];
    };
}

hints! {
    case:
    case.wants_tls(),
    "the server wants TLS first";
    case.refuses_starttls(),
    "it offers STARTTLS and refuses it: try port 465 with tls 2";
    case.wants_login() && case.has_username(),
    "a login is configured, but switched off (auth is 0)";
    case.wants_login(),
    "the server wants a login: set user name, password and auth";
    case.login_refused() && case.username_is_address(),
    "check the password; or try the user name without the domain";
    case.login_refused(),
    "check the password; or try the whole e-mail address as user name";
    case.report.code == Code::HeloFailed && case.is_refused(),
    "set an EHLO name that this server accepts";
    case.report.code == Code::SenderRefused && case.is_refused() && case.report.reply != 530 && !case.refuses_our_address(),
    "the sender has to be a whole e-mail address that this server accepts";
    case.is(Code::ConnectFailed, Reason::Refused),
    "nothing listens there: check the server's address and port";
    case.is(Code::ConnectFailed, Reason::Unreachable),
    "check the server's address and the network";
    case.is(Code::ConnectFailed, Reason::NoSource),
    "it has to be one of this device, and of the server's IP version";
    case.is_silent_in(Phase::Connect),
    "check the server's address and port, and the firewall";
    case.report.code == Code::TlsFailed && case.is_silent_in(Phase::Greeting),
    "this port speaks TLS from the first octet on: use another port, or tls 2";
    case.is_silent_in(Phase::Greeting),
    "the server does not greet: does this port speak TLS?";
    case.report.code == Code::NameNotFound,
    "check the name, and the network's name service";
}

/// Says what to do about a mail that failed: its advice, and where there is a hint, that behind the server's words.
pub fn explain(report: &mut Report, settings: &Settings<'_>) {
    let failed = Failed {
        outcome: report.outcome,
        code: report.code,
        reply: report.reply,
        reason: report.reason,
    };
    report.advice = advice(&failed, report.phase);
    if let Some(hint) = hint(report, settings) {
        append(report, hint.as_bytes());
    }
}

/// Says something more behind what the text says already.
pub fn append(report: &mut Report, words: &[u8]) {
    report.text = with_hint(report.text.octets(), words);
}

fn hint(report: &Report, settings: &Settings<'_>) -> Option<&'static str> {
    if report.outcome != Outcome::NotSent || report.phase == Phase::Start {
        return None;
    }
    hint_for(&Case { report, settings })
}

/// The words with the hint behind them. They are cut where both do not fit; the hint never is.
fn with_hint(words: &[u8], hint: &[u8]) -> Bounded<REPLY_TEXT_BYTES> {
    if words.is_empty() {
        return Bounded::new(hint);
    }
    Bounded::written(|room| {
        let ours = DASH.len().saturating_add(hint.len());
        let most = room.len().saturating_sub(ours);
        let mut length = 0usize;
        for part in [words.get(..most).unwrap_or(words), DASH, hint] {
            length = length.saturating_add(copy(room.get_mut(length..).unwrap_or(&mut []), part));
        }
        length
    })
}

#[cfg(test)]
mod tests {
    use super::super::advice::Advice;
    use super::*;
    use crate::session::job::Field;
    use crate::wire::capability::Capabilities;
    use crate::wire::reply::enhanced_status_code;
    use std::string::{String, ToString};

    /// A mail that the server refused.
    fn refused(code: Code, phase: Phase, reply: u16, words: &str) -> Report {
        Report {
            reply,
            enhanced: enhanced_status_code(words.as_bytes()),
            text: Bounded::new(words.as_bytes()),
            ..Report::unsent(code, phase, Outcome::NotSent, Reason::None)
        }
    }

    /// A mail that had no answer.
    fn unanswered(code: Code, phase: Phase, reason: Reason) -> Report {
        Report::unsent(code, phase, Outcome::NotSent, reason)
    }

    fn explained(report: Report, mechanisms: Capabilities, username: &'static str) -> (Advice, String) {
        let mut settings = Settings::NONE;
        settings.mechanisms = mechanisms;
        settings.set_text(Field::Username, username.as_bytes());
        let mut report = report;
        explain(&mut report, &settings);
        let text = core::str::from_utf8(report.text.octets()).unwrap().to_string();
        (report.advice, text)
    }

    const OFF: Capabilities = Capabilities::NONE;
    const ON: Capabilities = Capabilities::MECHANISMS;

    #[test]
    fn a_person_reads_these_sentences() {
        for (report, auth, username, advice, wanted) in [
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                OFF,
                "sds",
                Advice::Configuration,
                "5.7.0 Authentication required - a login is configured, but switched off (auth is 0)",
            ),
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                OFF,
                "",
                Advice::Configuration,
                "5.7.0 Authentication required - the server wants a login: set user name, password and auth",
            ),
            (
                refused(Code::RelayDenied, Phase::Rcpt, 530, "5.7.1 log in first"),
                OFF,
                "sds@example.org",
                Advice::Configuration,
                "5.7.1 log in first - a login is configured, but switched off (auth is 0)",
            ),
            (
                refused(
                    Code::RelayDenied,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <a@b.cz>: Relay access denied",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 <a@b.cz>: Relay access denied - the server wants a login: set user name, password and auth",
            ),
            // With a login it is not the login that is missing.
            (
                refused(Code::SenderRefused, Phase::Mail, 530, "5.7.0 Authentication required"),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.0 Authentication required",
            ),
            (
                refused(
                    Code::RelayDenied,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <a@b.cz>: Relay access denied",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.1 <a@b.cz>: Relay access denied",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    530,
                    "5.7.0 Must issue a STARTTLS command first",
                ),
                OFF,
                "sds",
                Advice::Configuration,
                "5.7.0 Must issue a STARTTLS command first - the server wants TLS first",
            ),
            (
                refused(Code::TlsFailed, Phase::StartTls, 454, "4.7.0 TLS not available"),
                OFF,
                "sds",
                Advice::Configuration,
                "4.7.0 TLS not available - it offers STARTTLS and refuses it: try port 465 with tls 2",
            ),
            (
                refused(Code::AuthUnsupported, Phase::Auth, 538, "encryption required"),
                ON,
                "sds",
                Advice::Configuration,
                "encryption required - the server wants TLS first",
            ),
            (
                refused(
                    Code::BadPassword,
                    Phase::Auth,
                    535,
                    "5.7.8 Error: authentication failed",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.8 Error: authentication failed - check the password; or try the whole e-mail address as user name",
            ),
            (
                refused(Code::BadPassword, Phase::Auth, 534, "5.7.9 no"),
                ON,
                "sds@example.org",
                Advice::Configuration,
                "5.7.9 no - check the password; or try the user name without the domain",
            ),
            (
                refused(Code::BadUsername, Phase::Auth, 535, "no such user"),
                ON,
                "sds@example.org",
                Advice::Configuration,
                "no such user - check the password; or try the user name without the domain",
            ),
            (
                refused(Code::SenderRefused, Phase::Mail, 553, "5.1.8 no such domain"),
                ON,
                "sds",
                Advice::Configuration,
                "5.1.8 no such domain - the sender has to be a whole e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Rcpt,
                    504,
                    "5.5.2 <sds>: Sender address rejected: need fully-qualified address",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.5.2 <sds>: Sender address rejected: need fully-qualified address - the sender has to be a \
                 whole e-mail address that this server accepts",
            ),
            // It is about where we come from, not about the sender.
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.1 Client host [192.0.2.7] blocked using bl.example.org",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 Client host [192.0.2.7] blocked using bl.example.org",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.1 Your IP 192.0.2.7 is not allowed to send here",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 Your IP 192.0.2.7 is not allowed to send here",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.606 Access denied, banned sending IP [192.0.2.7]",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.606 Access denied, banned sending IP [192.0.2.7]",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    554,
                    "5.7.25 Client host rejected: no reverse name",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.25 Client host rejected: no reverse name",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Rcpt,
                    554,
                    "5.7.1 <blocked@example.test>: Sender address rejected: Access denied",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.7.1 <blocked@example.test>: Sender address rejected: Access denied - the sender has to be a whole \
                 e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    550,
                    "5.7.1 Sender not allowed to send from this account",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.7.1 Sender not allowed to send from this account - the sender has to be a whole e-mail address that \
                 this server accepts",
            ),
            (
                refused(
                    Code::SenderRefused,
                    Phase::Mail,
                    553,
                    "5.1.7 sender is on our blacklist",
                ),
                ON,
                "sds",
                Advice::Configuration,
                "5.1.7 sender is on our blacklist - the sender has to be a whole e-mail address that this server accepts",
            ),
            (
                refused(
                    Code::HeloFailed,
                    Phase::Rcpt,
                    504,
                    "5.5.2 <x>: Helo command rejected: need fully-qualified hostname",
                ),
                OFF,
                "",
                Advice::Configuration,
                "5.5.2 <x>: Helo command rejected: need fully-qualified hostname - set an EHLO name that this server accepts",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::Refused),
                OFF,
                "",
                Advice::Later,
                "connection refused - nothing listens there: check the server's address and port",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::Unreachable),
                OFF,
                "",
                Advice::Later,
                "server unreachable - check the server's address and the network",
            ),
            (
                unanswered(Code::ConnectFailed, Phase::Connect, Reason::NoSource),
                OFF,
                "",
                Advice::Later,
                "our own address (source) cannot be used - it has to be one of this device, and of the server's IP version",
            ),
            (
                unanswered(Code::Timeout, Phase::Connect, Reason::Deadline),
                OFF,
                "",
                Advice::Later,
                "no answer in time - check the server's address and port, and the firewall",
            ),
            (
                unanswered(Code::Timeout, Phase::Greeting, Reason::Deadline),
                OFF,
                "",
                Advice::Later,
                "no answer in time - the server does not greet: does this port speak TLS?",
            ),
            (
                unanswered(Code::TlsFailed, Phase::Greeting, Reason::Deadline),
                OFF,
                "",
                Advice::Configuration,
                "no answer in time - this port speaks TLS from the first octet on: use another port, or tls 2",
            ),
            (
                unanswered(Code::NameNotFound, Phase::Resolve, Reason::None),
                OFF,
                "",
                Advice::Later,
                "check the name, and the network's name service",
            ),
        ] {
            assert_eq!(explained(report, auth, username), (advice, wanted.to_string()));
        }
    }

    #[test]
    fn a_temporary_refusal_and_what_did_not_start_have_no_hint() {
        for report in [
            refused(Code::SenderRefused, Phase::Mail, 451, "4.1.8 domain not found"),
            refused(Code::RelayDenied, Phase::Rcpt, 454, "4.7.1 Relay access denied"),
            refused(Code::NotReady, Phase::Auth, 454, "4.7.0 try later"),
            refused(Code::InvalidRecipient, Phase::Rcpt, 550, "5.1.1 unknown"),
            unanswered(Code::BadPassword, Phase::Auth, Reason::Lost),
            unanswered(Code::Timeout, Phase::Rcpt, Reason::Deadline),
            unanswered(Code::Timeout, Phase::Greeting, Reason::TotalDeadline),
            unanswered(Code::ConnectFailed, Phase::Start, Reason::NotConfigured),
        ] {
            let before = core::str::from_utf8(report.text.octets()).unwrap().to_string();
            assert_eq!(explained(report, OFF, "sds").1, before);
        }
    }

    #[test]
    fn a_mail_that_was_sent_or_is_unknown_has_no_hint() {
        for (outcome, advice) in [(Outcome::Sent, Advice::None), (Outcome::Unknown, Advice::Unknown)] {
            let report = Report {
                outcome,
                ..refused(Code::SenderRefused, Phase::End, 553, "words")
            };
            assert_eq!(explained(report, OFF, "sds"), (advice, "words".to_string()));
        }
    }

    #[test]
    fn long_words_of_the_server_are_cut_and_ours_are_whole() {
        for length in [0, 1, 100, 180, 190, 200, 254, 255] {
            let words = "x".repeat(length);
            let report = refused(Code::BadPassword, Phase::Auth, 535, &words);
            let (_, text) = explained(report, ON, "sds");
            let hint = "check the password; or try the whole e-mail address as user name";
            let room = REPLY_TEXT_BYTES - hint.len() - DASH.len();
            let wanted = match length {
                0 => hint.to_string(),
                _ => "x".repeat(length.min(room)) + " - " + hint,
            };
            assert_eq!(text, wanted, "{length}");
        }
    }

    #[test]
    fn every_hint_is_printable_and_leaves_room_for_the_server() {
        for hint in HINTS {
            assert!(hint.bytes().all(|octet| matches!(octet, 0x20..=0x7e)));
            assert!(hint.len() <= 80, "{hint}");
        }
    }
}
