//! What the server's answers lead to.

use super::job::{Job, PASSWORD, Text, USERNAME};
use super::machine::{Envelope, Part, Session};
use super::state::{Next, State};
use crate::auth::{plain, redaction};
use crate::code::{self, Code, Outcome, Reason, Step};
use crate::message::body::{Encoder, Encoding};
use crate::message::survey::Survey;
use crate::utf8::is_utf8;
use crate::wire::address::List;
use crate::wire::capability::{AUTH, EIGHT_BIT_MIME, LOGIN, PIPELINING, PLAIN};

impl Session {
    /// Whether something was said that is to be answered.
    fn expects_reply(&self) -> bool {
        match self.state {
            State::Envelope => self.envelope.answered < self.envelope.said,
            _ => !self.pending,
        }
    }

    fn logging_in(&self) -> bool {
        matches!(
            self.step(),
            Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword
        )
    }

    /// The server's answer decides.
    fn answered(&mut self, job: &Job<'_>, code: Code) {
        self.mask(job);
        self.conclude(code, Reason::None);
    }

    /// Masks what the server repeats of the credentials in the text that the result will show.
    fn mask(&mut self, job: &Job<'_>) {
        if job.settings.mechanisms != 0 && !self.concluded() {
            let logging_in = self.logging_in();
            let texts = &job.settings.texts;
            redaction::mask(self.reader.text_mut(), texts[USERNAME], texts[PASSWORD], logging_in);
        }
    }

    /// A complete reply.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn reply(&mut self, job: &Job<'_>) {
        let reply = self.reader.code();
        if reply == 421 || !self.expects_reply() {
            // A reply to nothing: 421 is heard at any time, a refusal is a refusal, and anything else is not SMTP.
            self.fail(job);
            self.state = State::Closed;
            return;
        }
        let step = self.step();
        let row = self.state.row();
        let accepted = step.accepts(reply);
        if accepted && self.logging_in() {
            // It may repeat what it accepted.
            self.reader.wipe_text();
        }
        match if accepted { row.accepted } else { row.refused } {
            Next::To(State::Ehlo) if self.helo_only => self.enter(job, State::Helo),
            Next::To(state) => self.enter(job, state),
            Next::Choose => self.choose(job),
            Next::Ready => self.ready(job),
            Next::Fallback => self.fall_back(job, reply),
            Next::OtherWay => self.other_way(job, reply),
            Next::Envelope => self.envelope_reply(job, step, accepted),
            Next::Sent => {
                self.answered(job, Code::Ok);
                self.verdict.outcome = Outcome::Sent;
                self.leave(job);
            }
            Next::Fail => self.fail(job),
            Next::Break => self.give_up(Reason::NotSmtp),
        }
    }

    /// The mail is refused.
    fn refused(&mut self, job: &Job<'_>) {
        let code = code::refusal(self.step(), self.reader.code(), self.reader.speaks_of_relaying());
        self.answered(job, code);
    }

    fn fail(&mut self, job: &Job<'_>) {
        if self.reader.code() < 400 {
            // Neither accepted nor refused: after the final dot nobody knows.
            self.give_up(Reason::NotSmtp);
            return;
        }
        self.refused(job);
        self.leave(job);
    }

    fn fall_back(&mut self, job: &Job<'_>, reply: u16) {
        // HELO announces no AUTH: with a login to do there is nothing to fall back to.
        if job.settings.mechanisms == 0 && reply >= 400 {
            self.parser.forget();
            self.enter(job, State::Helo);
            return;
        }
        if matches!(reply, 500 | 502 | 504) {
            self.answered(job, Code::AuthUnsupported);
        }
        self.fail(job);
    }

    fn choose(&mut self, job: &Job<'_>) {
        let settings = &job.settings;
        if settings.mechanisms == 0 {
            self.ready(job);
            return;
        }
        let mut state = State::AuthLogin;
        if self.parser.offers(settings.mechanisms & PLAIN) {
            state = State::AuthPlainAlone;
            if plain::fits_command(settings.texts[USERNAME], settings.texts[PASSWORD]) {
                state = State::AuthPlain;
            }
        } else if !self.parser.offers(settings.mechanisms & LOGIN) {
            let reason = if self.parser.offers(AUTH) {
                Reason::None
            } else {
                Reason::NoAuth
            };
            self.mask(job);
            // It is logging in that fails.
            self.state = State::AuthLogin;
            self.conclude(Code::AuthUnsupported, reason);
            state = State::Quit;
        }
        self.enter(job, state);
    }

    /// The server did not take the AUTH command in this form; its answer is no verdict on the credentials.
    fn other_way(&mut self, job: &Job<'_>, reply: u16) {
        let state = match (self.state, reply) {
            // It overlooked the response, and asks for it.
            (State::AuthPlain, 334) => State::AuthPlainResponse,
            // It wants no response in the command's line.
            (State::AuthPlain, 501 | 504) => State::AuthPlainAlone,
            (State::AuthPlainAlone, 504) if self.parser.offers(job.settings.mechanisms & LOGIN) => State::AuthLogin,
            _ => return self.fail(job),
        };
        self.enter(job, state);
    }

    fn ready(&mut self, job: &Job<'_>) {
        let Some(mail) = &job.mail else {
            self.conclude(Code::Ok, Reason::None);
            self.leave(job);
            return;
        };
        let limit = self.parser.size();
        let mut size = None;
        let (encoding, text_is_utf8) = match mail.text {
            Text::Piece { utf8, .. } => (Encoding::QuotedPrintable, utf8),
            Text::Whole(text) => {
                let survey = Survey::of(text);
                let encoding = survey.encoding(self.parser.offers(EIGHT_BIT_MIME));
                size = limit.map(|_| survey.encoded_len(text, encoding));
                (encoding, !survey.eight_bit || is_utf8(text))
            }
        };
        self.encoder = Encoder::new(encoding);
        self.plan.text_is_utf8 = text_is_utf8;
        self.pipelining = job.settings.pipelining && self.parser.offers(PIPELINING);
        self.envelope = Envelope {
            recipients: u16::try_from(List::new(mail.recipients).count()).unwrap_or(0),
            ..Self::IDLE.envelope
        };
        self.enter(job, State::Envelope);
        if let (Some(size), Some(limit)) = (size, limit) {
            let size = size.saturating_add(self.header_len(job));
            self.plan.size = size;
            if limit > 0 && size > limit {
                self.conclude(Code::DataFailed, Reason::TooLarge);
                self.leave(job);
            }
        }
    }

    fn envelope_reply(&mut self, job: &Job<'_>, step: Step, accepted: bool) {
        if !accepted {
            self.refused(job);
        }
        let concluded = self.concluded();
        let envelope = &mut self.envelope;
        envelope.answered = envelope.answered.wrapping_add(1);
        match step {
            Step::Mail => envelope.open = accepted,
            Step::Rcpt => {
                if let Some(count) = envelope.counts.get_mut(usize::from(accepted)) {
                    *count = count.wrapping_add(1);
                }
            }
            _ if accepted => {
                // The final dot will end the transaction.
                envelope.open = false;
                self.part = Part::Header;
                // Everybody is accepted: the text may go. Or nobody is to get the mail, and the server waits for it.
                self.enter(job, if concluded { State::LoneDot } else { State::Text });
                return;
            }
            _ => {}
        }
        self.be_patient(job);
        if concluded && self.envelope.answered == self.envelope.said && self.cursor == 0 {
            self.leave(job);
        }
    }
}
