//! Whether a mail that failed is tried once more, where, and when.
//!
//! Only a mail that was not sent is repeated, and only where time may change the answer: after a 4yz reply, or where there was no
//! reply. After a 5yz reply nothing follows, not even the next server. Which servers there are, and the waiting, are the owner's.

use crate::code::{Code, Outcome, Reason};
use crate::limits::{RETRY_DELAY, RETRY_DELAY_MOST, RETRY_TIME};
use crate::session::Verdict;

/// What is known of an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What became of the mail.
    pub outcome: Outcome,
    /// The result code.
    pub code: Code,
    /// The server's reply code; 0 where it did not answer.
    pub reply: u16,
    /// Our own explanation, where there is one.
    pub reason: Reason,
}

impl Failed {
    /// What the session's verdict says of it.
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            code: verdict.code,
            reply: verdict.reply,
            reason: verdict.reason,
        }
    }

    /// Whether the same mail may be accepted later, as it is.
    // Saves 90 bytes.
    #[inline(never)]
    pub fn may_pass(&self) -> bool {
        if self.outcome != Outcome::NotSent || always_final(self.code) {
            return false;
        }
        match self.reply {
            0 => !is_lasting(self.reason),
            reply => is_temporary(reply),
        }
    }

    /// Whether another server may accept it: this one could not be reached, did not get ready, or refused for now.
    fn is_the_server_s(&self) -> bool {
        let unreachable = matches!(
            self.code,
            Code::Timeout | Code::NotReady | Code::ConnectFailed | Code::NameNotFound
        );
        self.may_pass() && (unreachable || is_temporary(self.reply))
    }
}

/// What follows an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next server of the list, at once. It is no further attempt.
    Server,
    /// A further attempt after a wait: the list from its beginning.
    Attempt,
    /// Nothing: the failure is the result.
    End,
}

/// What follows. `servers_left`: there is another server behind this one in the list. `attempts_left`: fewer further attempts were
/// made than are allowed.
pub fn next(failed: &Failed, servers_left: bool, attempts_left: bool) -> Next {
    if servers_left && failed.is_the_server_s() {
        Next::Server
    } else if attempts_left && failed.may_pass() {
        Next::Attempt
    } else {
        Next::End
    }
}

/// How long to wait before a further attempt (1 is the first one), in milliseconds: `retry_delay` (0: [`RETRY_DELAY`]), doubled for
/// each attempt after the first, at most [`RETRY_DELAY_MOST`]. Of this a quarter more or less, so that many devices that one failure
/// hit do not come back in the same second; never more than the most. `random` is a random number.
pub fn wait(attempt: u32, retry_delay: u32, random: u32) -> u32 {
    let first = if retry_delay == 0 { RETRY_DELAY } else { retry_delay };
    let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
    let middle = first.saturating_mul(doubled).min(RETRY_DELAY_MOST);
    let quarter = middle / 4;
    let least = middle.saturating_sub(quarter);
    let most = middle.saturating_add(quarter).min(RETRY_DELAY_MOST);
    let range = u64::from(most.saturating_sub(least)).saturating_add(1);
    // Less than the range, which is 32 bits.
    let jitter = range.saturating_mul(u64::from(random)) >> 32;
    least.saturating_add(u32::try_from(jitter).unwrap_or(0))
}

/// Whether an attempt that begins after `wait` milliseconds has enough of the total deadline left, which ends in `left_ms`.
pub fn has_time(left_ms: u64, wait: u32) -> bool {
    left_ms >= u64::from(wait).saturating_add(u64::from(RETRY_TIME))
}

fn is_temporary(reply: u16) -> bool {
    matches!(reply, 400..=499)
}

/// Codes that time does not change, whatever the server said: the program's own doing, TLS, what is not supported, files.
fn always_final(code: Code) -> bool {
    matches!(
        code,
        Code::Ok
            | Code::Cancelled
            | Code::BadArgument
            | Code::BadHandle
            | Code::TlsFailed
            | Code::TlsUntrusted
            | Code::TlsUnavailable
            | Code::NotSupported
            | Code::ReadFailed
            | Code::PartlySent
    )
}

/// Reasons of ours that lie in the mail, in the configuration or in the program; and the total deadline, after which there is no time.
fn is_lasting(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotConfigured
            | Reason::NoTransport
            | Reason::BadRecipients
            | Reason::BadSubject
            | Reason::LongSubject
            | Reason::LongText
            | Reason::BadStructure
            | Reason::TotalDeadline
            | Reason::NoAuth
            | Reason::NotUtf8
            | Reason::Unsendable
            | Reason::BadTransport
            | Reason::BadSource
            | Reason::Cancelled
            | Reason::TooLarge
            | Reason::NeedsPartial
            | Reason::Defect
            | Reason::SpeaksSsh
            | Reason::SpeaksHttp
            | Reason::SpeaksPop3
            | Reason::SpeaksImap
            | Reason::NothingRead
            | Reason::BadChallenge
            | Reason::StrangeNonce
            | Reason::BadRounds
            | Reason::Unproved
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: Outcome, code: Code, reply: u16, reason: Reason) -> Failed {
        Failed {
            outcome,
            code,
            reply,
            reason,
        }
    }

    /// What follows a mail that was not sent where there is another server, and where there is none.
    fn follows(code: Code, reply: u16, reason: Reason) -> (Next, Next) {
        let failed = failed(Outcome::NotSent, code, reply, reason);
        (next(&failed, true, true), next(&failed, false, true))
    }

    const SERVER: (Next, Next) = (Next::Server, Next::Attempt);
    const ATTEMPT: (Next, Next) = (Next::Attempt, Next::Attempt);
    const END: (Next, Next) = (Next::End, Next::End);

    #[test]
    fn what_follows_a_failure_is_in_this_table() {
        for (code, reply, reason, wanted) in [
            // No reply, and another server may have one.
            (Code::Timeout, 0, Reason::Deadline, SERVER),
            (Code::NotReady, 0, Reason::Lost, SERVER),
            (Code::NotReady, 0, Reason::NotSmtp, SERVER),
            (Code::ConnectFailed, 0, Reason::Refused, SERVER),
            (Code::ConnectFailed, 0, Reason::Unreachable, SERVER),
            (Code::ConnectFailed, 0, Reason::NoSocket, SERVER),
            (Code::ConnectFailed, 0, Reason::Lost, SERVER),
            (Code::NameNotFound, 0, Reason::None, SERVER),
            // Lost in the middle of the conversation: the same server, later.
            (Code::HeloFailed, 0, Reason::Lost, ATTEMPT),
            (Code::AuthUnsupported, 0, Reason::Lost, ATTEMPT),
            (Code::BadPassword, 0, Reason::Lost, ATTEMPT),
            (Code::SenderRefused, 0, Reason::Lost, ATTEMPT),
            (Code::RecipientRefused, 0, Reason::Lost, ATTEMPT),
            (Code::DataFailed, 0, Reason::Lost, ATTEMPT),
            (Code::DataFailed, 0, Reason::NoMemory, ATTEMPT),
            (Code::SenderRefused, 0, Reason::NotSmtp, ATTEMPT),
            // The server waited for a file of ours: another one would, too.
            (Code::Timeout, 0, Reason::NothingRead, END),
            // Refused for now.
            (Code::NotReady, 421, Reason::None, SERVER),
            (Code::NotReady, 454, Reason::None, SERVER),
            (Code::HeloFailed, 450, Reason::None, SERVER),
            (Code::SenderRefused, 451, Reason::None, SERVER),
            (Code::RecipientRefused, 450, Reason::None, SERVER),
            (Code::RelayDenied, 454, Reason::None, SERVER),
            (Code::DataFailed, 452, Reason::None, SERVER),
            (Code::DataEndFailed, 499, Reason::None, SERVER),
            (Code::DataEndFailed, 400, Reason::None, SERVER),
            // Refused.
            (Code::NotReady, 500, Reason::None, END),
            (Code::NotReady, 554, Reason::None, END),
            (Code::HeloFailed, 550, Reason::None, END),
            (Code::BadUsername, 535, Reason::None, END),
            (Code::BadPassword, 535, Reason::None, END),
            (Code::AuthUnsupported, 504, Reason::None, END),
            (Code::SenderRefused, 530, Reason::None, END),
            (Code::InvalidRecipient, 550, Reason::None, END),
            (Code::Syntax, 501, Reason::None, END),
            (Code::DataEndFailed, 599, Reason::None, END),
            // A positive reply: to EHLO, which offers no login of ours.
            (Code::AuthUnsupported, 250, Reason::None, END),
            // Reasons of ours that stay.
            (Code::Timeout, 0, Reason::TotalDeadline, END),
            (Code::AuthUnsupported, 0, Reason::NoAuth, END),
            (Code::AuthUnsupported, 0, Reason::BadChallenge, END),
            (Code::AuthUnsupported, 0, Reason::StrangeNonce, END),
            (Code::AuthUnsupported, 0, Reason::BadRounds, END),
            (Code::BadPassword, 0, Reason::Unproved, END),
            (Code::DataFailed, 0, Reason::TooLarge, END),
            (Code::DataFailed, 0, Reason::Unsendable, END),
            (Code::DataFailed, 0, Reason::NotUtf8, END),
            (Code::DataFailed, 0, Reason::Defect, END),
            (Code::ConnectFailed, 0, Reason::NotConfigured, END),
            (Code::ConnectFailed, 0, Reason::NoTransport, END),
            // It is another port that has to be configured.
            (Code::NotReady, 0, Reason::SpeaksSsh, END),
            (Code::NotReady, 0, Reason::SpeaksHttp, END),
            (Code::NotReady, 0, Reason::SpeaksPop3, END),
            (Code::NotReady, 0, Reason::SpeaksImap, END),
            (Code::TlsFailed, 0, Reason::SpeaksTls, END),
            (Code::SenderRefused, 0, Reason::BadTransport, END),
        ] {
            assert_eq!(follows(code, reply, reason), wanted, "{code:?} {reply} {reason:?}");
        }
    }

    #[test]
    fn codes_that_are_always_final_stay_so_after_every_reply() {
        for code in Code::ALL {
            let all_final = [0, 250, 354, 400, 421, 450, 454, 499, 500, 554]
                .into_iter()
                .all(|reply| follows(code, reply, Reason::Lost) == END);
            let wanted = matches!(code.number(), 0 | 32..=34 | 36..=41);
            assert_eq!(all_final, wanted, "{code:?}");
        }
    }

    #[test]
    fn only_a_mail_that_was_not_sent_is_repeated() {
        for outcome in [Outcome::None, Outcome::Sent, Outcome::Unknown] {
            for code in Code::ALL {
                for reply in [0, 421, 450] {
                    let failed = failed(outcome, code, reply, Reason::Lost);
                    assert_eq!(next(&failed, true, true), Next::End, "{failed:?}");
                }
            }
        }
    }

    #[test]
    fn without_further_attempts_the_list_is_tried_once() {
        let unreachable = failed(Outcome::NotSent, Code::ConnectFailed, 0, Reason::Unreachable);
        assert_eq!(next(&unreachable, true, false), Next::Server);
        assert_eq!(next(&unreachable, false, false), Next::End);
        let lost = failed(Outcome::NotSent, Code::SenderRefused, 0, Reason::Lost);
        assert_eq!(next(&lost, true, false), Next::End);
    }

    #[test]
    fn waits_double_up_to_fifteen_minutes() {
        for (attempt, retry_delay, least, most) in [
            (1, 0, 45_000, 75_000),
            (2, 0, 90_000, 150_000),
            (5, 0, 675_000, 900_000),
            (6, 0, 675_000, 900_000),
            (33, 0, 675_000, 900_000),
            (u32::MAX, 0, 675_000, 900_000),
            (0, 0, 45_000, 75_000),
            (1, 1000, 750, 1250),
            (4, 1000, 6000, 10_000),
            (1, 1, 1, 1),
            (3, 1, 3, 5),
            (1, 3_600_000, 675_000, 900_000),
            (1, u32::MAX, 675_000, 900_000),
            (1, 800_000, 600_000, 900_000),
        ] {
            let what = std::format!("attempt {attempt}, delay {retry_delay}");
            assert_eq!(wait(attempt, retry_delay, 0), least, "{what}");
            assert_eq!(wait(attempt, retry_delay, u32::MAX), most, "{what}");
            let half = wait(attempt, retry_delay, u32::MAX / 2);
            assert!((least..=most).contains(&half), "{what}");
            assert!(half.abs_diff(least).abs_diff(half.abs_diff(most)) <= 1, "{what}");
        }
    }

    #[test]
    fn an_attempt_needs_thirty_seconds() {
        assert!(has_time(30_000, 0));
        assert!(!has_time(29_999, 0));
        assert!(has_time(90_000, 60_000));
        assert!(!has_time(89_999, 60_000));
        assert!(!has_time(0, u32::MAX));
        assert!(has_time(u64::MAX, u32::MAX));
    }

    #[test]
    fn a_verdict_says_what_is_known_of_an_attempt() {
        let verdict = Verdict {
            code: Code::RecipientRefused,
            step: crate::code::Step::Rcpt,
            outcome: Outcome::NotSent,
            recipient: 0,
            reply: 450,
            reason: Reason::None,
        };
        let wanted = failed(Outcome::NotSent, Code::RecipientRefused, 450, Reason::None);
        assert_eq!(Failed::of(&verdict), wanted);
    }
}
