//! Which code a refusal has.

use super::result::Code;
use super::step::Step;

/// The code of a step that a reply refused: by 421, then by 501, then by the replies that mean something else in this step,
/// then the step's own code.
///
/// `relaying`: the text of the reply refuses to relay ([`crate::wire::relay`]).
pub fn refusal(step: Step, reply: u16, relaying: bool) -> Code {
    match (step, reply) {
        (_, 421) => Code::NotReady,
        (Step::Greeting | Step::Ehlo | Step::Helo, _) => step.code(),
        (_, 501) => Code::Syntax,
        // A temporary failure: it says nothing about the credentials (RFC 4954, 6).
        (Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword, ..=499) => Code::NotReady,
        (Step::AuthOneStep, ..=504 | 538) => Code::AuthUnsupported,
        #[cfg(feature = "std")]
        (Step::AuthMessage, ..=499) => Code::NotReady,
        #[cfg(feature = "std")]
        (Step::AuthMessage, ..=504 | 538) => Code::AuthUnsupported,
        // The mail is too large (RFC 1870, 6.1).
        (Step::Mail, 552) => Code::DataFailed,
        (Step::Rcpt, 530) => Code::RelayDenied,
        (Step::Rcpt, _) if relaying => Code::RelayDenied,
        (Step::Rcpt, 550) => Code::InvalidRecipient,
        _ => step.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::phase::Phase;
    use super::*;

    #[test]
    fn four_two_one_is_not_ready_in_every_step() {
        for step in Step::ALL {
            assert_eq!(refusal(step, 421, true), Code::NotReady);
        }
    }

    #[test]
    fn five_oh_one_is_syntax_only_after_the_greeting_exchange() {
        for step in Step::ALL {
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
        for step in [
            Step::AuthOneStep,
            #[cfg(feature = "std")]
            Step::AuthMessage,
        ] {
            for reply in [500, 502, 503, 504, 538] {
                assert_eq!(refusal(step, reply, false), Code::AuthUnsupported);
            }
            for reply in [535, 534, 530, 550] {
                assert_eq!(refusal(step, reply, false), Code::BadPassword);
            }
        }
    }

    #[test]
    fn a_login_that_is_refused_for_now_is_no_wrong_password() {
        for step in Step::ALL {
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
}
