//! What to do about a mail that failed, as a number for programs. `hint` has the words for people.

#[cfg(feature = "std")]
use super::policy::Failed;
#[cfg(feature = "std")]
use crate::code::{Code, Outcome, Phase, Reason};

/// What to do; C sees the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Advice {
    /// Nothing: the mail was sent, or there is none.
    None = 0,
    /// It was not sent, and may go later as it is.
    Later = 1,
    /// It was not sent: change the configuration.
    Configuration = 2,
    /// It was not sent: change the mail.
    Message = 3,
    /// Nobody knows whether it was sent: look into the recipient's mailbox.
    Unknown = 4,
}

/// What to do about a mail that ended so in this phase. What [`super::policy`] would repeat may go later.
#[cfg(feature = "std")]
pub fn advice(failed: &Failed, phase: Phase) -> Advice {
    match failed.outcome {
        Outcome::None | Outcome::Sent => return Advice::None,
        Outcome::Unknown => return Advice::Unknown,
        Outcome::NotSent => {}
    }
    if is_passing(failed, phase) {
        return Advice::Later;
    }
    match failed.code {
        Code::Ok => Advice::None,
        Code::Timeout | Code::Busy | Code::Cancelled => Advice::Later,
        Code::RecipientRefused
        | Code::InvalidRecipient
        | Code::DataFailed
        | Code::DataEndFailed
        | Code::BadArgument
        | Code::ReadFailed
        // Of a dry run: some of its recipients were refused.
        | Code::PartlySent => Advice::Message,
        // What it is that the server does not understand, or does not have, depends on how far the mail came.
        Code::Syntax if phase as u8 >= Phase::Rcpt as u8 => Advice::Message,
        // A mail that did not start was refused for one of its own fields.
        Code::NotSupported if phase == Phase::Start || phase as u8 >= Phase::Mail as u8 => Advice::Message,
        _ => Advice::Configuration,
    }
}

/// Whether it may go later as it is. A mail that did not start is no attempt: only what the system lacked is passing.
#[cfg(feature = "std")]
fn is_passing(failed: &Failed, phase: Phase) -> bool {
    match phase {
        Phase::Start => matches!(failed.reason, Reason::NoMemory | Reason::NoThread | Reason::NoSocket),
        _ => failed.may_pass(),
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::super::policy::{self, Next};
    use super::*;

    fn unsent(code: Code, phase: Phase, reply: u16, reason: Reason) -> Advice {
        let failed = Failed {
            outcome: Outcome::NotSent,
            code,
            reply,
            reason,
        };
        advice(&failed, phase)
    }

    #[test]
    fn what_to_do_about_a_failure_is_in_this_table() {
        for (code, phase, reply, reason, wanted) in [
            // A probe, and a dry run.
            (Code::Ok, Phase::Hello, 250, Reason::None, Advice::None),
            (Code::Ok, Phase::Rcpt, 250, Reason::None, Advice::None),
            (Code::Timeout, Phase::Rcpt, 0, Reason::Deadline, Advice::Later),
            (Code::Timeout, Phase::Rcpt, 0, Reason::TotalDeadline, Advice::Later),
            (Code::NotReady, Phase::Greeting, 421, Reason::None, Advice::Later),
            (Code::NotReady, Phase::Auth, 454, Reason::None, Advice::Later),
            (
                Code::NotReady,
                Phase::Greeting,
                554,
                Reason::None,
                Advice::Configuration,
            ),
            (Code::NotReady, Phase::Greeting, 0, Reason::NotSmtp, Advice::Later),
            (
                Code::NotReady,
                Phase::Greeting,
                0,
                Reason::SpeaksSsh,
                Advice::Configuration,
            ),
            (
                Code::NotReady,
                Phase::Greeting,
                0,
                Reason::SpeaksHttp,
                Advice::Configuration,
            ),
            (
                Code::NotReady,
                Phase::Greeting,
                0,
                Reason::SpeaksPop3,
                Advice::Configuration,
            ),
            (
                Code::NotReady,
                Phase::Greeting,
                0,
                Reason::SpeaksImap,
                Advice::Configuration,
            ),
            (Code::HeloFailed, Phase::Hello, 550, Reason::None, Advice::Configuration),
            (
                Code::SenderRefused,
                Phase::Mail,
                530,
                Reason::None,
                Advice::Configuration,
            ),
            (Code::SenderRefused, Phase::Mail, 451, Reason::None, Advice::Later),
            (
                Code::SenderRefused,
                Phase::Rcpt,
                554,
                Reason::None,
                Advice::Configuration,
            ),
            (Code::RecipientRefused, Phase::Rcpt, 551, Reason::None, Advice::Message),
            (Code::RecipientRefused, Phase::Rcpt, 450, Reason::None, Advice::Later),
            (Code::RelayDenied, Phase::Rcpt, 554, Reason::None, Advice::Configuration),
            (Code::DataFailed, Phase::Mail, 552, Reason::None, Advice::Message),
            (Code::DataFailed, Phase::Mail, 0, Reason::TooLarge, Advice::Message),
            (Code::DataFailed, Phase::Text, 0, Reason::Lost, Advice::Later),
            (Code::DataEndFailed, Phase::End, 554, Reason::None, Advice::Message),
            (
                Code::AuthUnsupported,
                Phase::Auth,
                250,
                Reason::None,
                Advice::Configuration,
            ),
            (
                Code::AuthUnsupported,
                Phase::Auth,
                0,
                Reason::NoAuth,
                Advice::Configuration,
            ),
            (Code::BadUsername, Phase::Auth, 535, Reason::None, Advice::Configuration),
            (Code::BadPassword, Phase::Auth, 535, Reason::None, Advice::Configuration),
            (Code::InvalidRecipient, Phase::Rcpt, 550, Reason::None, Advice::Message),
            (Code::ConnectFailed, Phase::Connect, 0, Reason::Refused, Advice::Later),
            (Code::Syntax, Phase::Auth, 501, Reason::None, Advice::Configuration),
            (Code::Syntax, Phase::Mail, 501, Reason::None, Advice::Configuration),
            (Code::Syntax, Phase::Rcpt, 501, Reason::None, Advice::Message),
            (Code::Syntax, Phase::End, 501, Reason::None, Advice::Message),
            (Code::Cancelled, Phase::Rcpt, 0, Reason::Cancelled, Advice::Later),
            (Code::NameNotFound, Phase::Resolve, 0, Reason::None, Advice::Later),
            (Code::TlsFailed, Phase::Greeting, 0, Reason::None, Advice::Configuration),
            (
                Code::TlsFailed,
                Phase::StartTls,
                454,
                Reason::None,
                Advice::Configuration,
            ),
            (Code::TlsUntrusted, Phase::Tls, 0, Reason::None, Advice::Configuration),
            (
                Code::TlsUnavailable,
                Phase::Hello,
                250,
                Reason::None,
                Advice::Configuration,
            ),
            (Code::NotSupported, Phase::Hello, 0, Reason::None, Advice::Configuration),
            (Code::NotSupported, Phase::Rcpt, 0, Reason::None, Advice::Message),
            // A dry run that goes to whoever is accepted.
            (Code::PartlySent, Phase::Rcpt, 550, Reason::None, Advice::Message),
            (Code::PartlySent, Phase::Rcpt, 451, Reason::None, Advice::Message),
            // What did not start.
            (
                Code::ConnectFailed,
                Phase::Start,
                0,
                Reason::NotConfigured,
                Advice::Configuration,
            ),
            (Code::ConnectFailed, Phase::Start, 0, Reason::NoSocket, Advice::Later),
            (Code::RecipientRefused, Phase::Start, 0, Reason::None, Advice::Message),
            (Code::DataFailed, Phase::Start, 0, Reason::None, Advice::Message),
            (Code::DataFailed, Phase::Start, 0, Reason::LongText, Advice::Message),
            (Code::DataFailed, Phase::Start, 0, Reason::NoMemory, Advice::Later),
            (Code::DataFailed, Phase::Start, 0, Reason::NoThread, Advice::Later),
            (Code::Busy, Phase::Start, 0, Reason::None, Advice::Later),
            (
                Code::BadArgument,
                Phase::Start,
                0,
                Reason::BadStructure,
                Advice::Message,
            ),
            (Code::ReadFailed, Phase::Start, 0, Reason::BadSource, Advice::Message),
        ] {
            let advised = unsent(code, phase, reply, reason);
            assert_eq!(advised, wanted, "{code:?} {phase:?} {reply} {reason:?}");
        }
    }

    #[test]
    fn what_is_repeated_may_go_later() {
        for code in Code::ALL {
            for reply in [0, 250, 421, 450, 500, 550] {
                for reason in [Reason::None, Reason::Lost, Reason::NoAuth, Reason::NotSmtp] {
                    let failed = Failed {
                        outcome: Outcome::NotSent,
                        code,
                        reply,
                        reason,
                    };
                    if policy::next(&failed, false, true) == Next::Attempt {
                        assert_eq!(advice(&failed, Phase::Connect), Advice::Later, "{failed:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_outcome_decides_first() {
        for code in Code::ALL {
            for (outcome, wanted) in [
                (Outcome::None, Advice::None),
                (Outcome::Sent, Advice::None),
                (Outcome::Unknown, Advice::Unknown),
            ] {
                let failed = Failed {
                    outcome,
                    code,
                    reply: 0,
                    reason: Reason::Lost,
                };
                assert_eq!(advice(&failed, Phase::End), wanted, "{failed:?}");
            }
        }
    }
}
