//! What the server's answers lead to.

use super::job::{Job, Text};
use super::machine::{Envelope, Part, Session};
use super::state::{Next, State};
use crate::auth::{self, Allowed, Mechanism, redaction};
use crate::code::{self, Code, Outcome, Reason, Step};
use crate::message::body::{Encoder, Encoding};
use crate::message::survey::Survey;
use crate::utf8::is_utf8;
use crate::wire::address::List;

impl Session {
    /// Whether something was said that is to be answered.
    fn expects_reply(&self) -> bool {
        match self.state {
            State::Envelope => self.envelope.answered < self.envelope.said,
            State::Text => false,
            State::End => self.unsent == 0 && !self.early,
            _ => !self.pending,
        }
    }

    fn logging_in(&self) -> bool {
        self.step().row().phase == code::Phase::Auth
    }

    fn refused(&mut self, job: &Job<'_>, step: Step, outcome: Outcome) {
        let reply = self.reader.code();
        let code = code::refusal(step, reply, self.reader.speaks_of_relaying());
        self.mask(job);
        self.conclude(code, step, outcome, reply, Reason::None);
    }

    /// Masks what the server repeats of the credentials in the text that the result will show.
    fn mask(&mut self, job: &Job<'_>) {
        if let Some(login) = job.settings.login.filter(|_| self.verdict.is_none()) {
            let logging_in = self.logging_in();
            redaction::mask(self.reader.text_mut(), login.credentials, logging_in);
        }
    }

    /// A complete reply.
    pub(super) fn reply(&mut self, job: &Job<'_>, now: u64) {
        let reply = self.reader.code();
        let step = self.step();
        if !self.expects_reply() {
            self.unasked(job, step, reply);
            return;
        }
        if reply == 421 {
            self.refused(job, step, Outcome::NotSent);
            self.close();
            return;
        }
        let row = self.state.row();
        let accepted = row.step.is_none_or(|step| step.accepts(reply));
        if accepted && self.logging_in() {
            // It may repeat what it accepted.
            self.reader.wipe_text();
        }
        match if accepted { row.accepted } else { row.refused } {
            Next::To(State::Ehlo) if self.helo_only => self.enter(job, now, State::Helo),
            Next::To(State::Closed) => self.close(),
            Next::To(State::Quit) => {
                self.envelope.open = false;
                self.leave(job, now);
            }
            Next::To(state) => self.enter(job, now, state),
            Next::Choose => self.choose(job, now),
            Next::Ready => self.ready(job, now),
            Next::Fallback => self.fall_back(job, now, reply),
            Next::OtherWay => self.other_way(job, now, step, reply),
            Next::Envelope => self.envelope_reply(job, now, step, reply),
            Next::Sent => {
                self.sent_off(job, now, reply);
            }
            Next::Fail => self.fail(job, now, step, reply),
            Next::Break => self.garbled(),
        }
    }

    /// A reply to nothing: 421 is heard at any time, a refusal is a refusal, and anything else is not SMTP.
    fn unasked(&mut self, job: &Job<'_>, step: Step, reply: u16) {
        if reply >= 400 {
            self.refused(job, step, Outcome::NotSent);
            self.close();
        } else {
            self.garbled();
        }
    }

    fn fail(&mut self, job: &Job<'_>, now: u64, step: Step, reply: u16) {
        if reply < 400 {
            // Neither accepted nor refused: after the final dot nobody knows.
            self.garbled();
            return;
        }
        if step == Step::End {
            self.envelope.open = false;
        }
        self.refused(job, step, Outcome::NotSent);
        self.leave(job, now);
    }

    fn sent_off(&mut self, job: &Job<'_>, now: u64, reply: u16) {
        self.mask(job);
        self.conclude(Code::Ok, Step::End, Outcome::Sent, reply, Reason::None);
        self.envelope.open = false;
        self.leave(job, now);
    }

    fn fall_back(&mut self, job: &Job<'_>, now: u64, reply: u16) {
        // HELO announces no AUTH: with a login to do there is nothing to fall back to.
        if job.settings.login.is_none() && reply >= 400 {
            self.enter(job, now, State::Helo);
            return;
        }
        self.mask(job);
        if matches!(reply, 500 | 502 | 504) {
            self.conclude(Code::AuthUnsupported, Step::Ehlo, Outcome::NotSent, reply, Reason::None);
        }
        self.fail(job, now, Step::Ehlo, reply);
    }

    fn choose(&mut self, job: &Job<'_>, now: u64) {
        if self.state == State::Ehlo {
            self.capabilities = self.parser.capabilities();
        }
        let Some(login) = job.settings.login else {
            self.ready(job, now);
            return;
        };
        let offered = self.capabilities;
        match auth::choose(login.allowed, offered.auth_plain, offered.auth_login) {
            Some(Mechanism::Plain) if auth::plain::fits_command(login.credentials) => {
                self.enter(job, now, State::AuthPlain);
            }
            Some(Mechanism::Plain) => self.enter(job, now, State::AuthPlainAlone),
            Some(Mechanism::Login) => self.enter(job, now, State::AuthLogin),
            None => {
                self.mask(job);
                let (reply, reason) = if offered.auth {
                    (self.reader.code(), Reason::None)
                } else {
                    (0, Reason::NoAuth)
                };
                self.conclude(
                    Code::AuthUnsupported,
                    Step::AuthMechanism,
                    Outcome::NotSent,
                    reply,
                    reason,
                );
                self.leave(job, now);
            }
        }
    }

    /// The server did not take the AUTH command in this form; its answer is no verdict on the credentials.
    fn other_way(&mut self, job: &Job<'_>, now: u64, step: Step, reply: u16) {
        let login_left =
            self.capabilities.auth_login && job.settings.login.is_some_and(|login| login.allowed == Allowed::Any);
        match (self.state, reply) {
            // It overlooked the response, and asks for it.
            (State::AuthPlain, 334) => self.enter(job, now, State::AuthPlainResponse),
            // It wants no response in the command's line.
            (State::AuthPlain, 501 | 504) => self.enter(job, now, State::AuthPlainAlone),
            (State::AuthPlainAlone, 504) if login_left => self.enter(job, now, State::AuthLogin),
            _ => self.fail(job, now, step, reply),
        }
    }

    fn ready(&mut self, job: &Job<'_>, now: u64) {
        let Some(mail) = job.mail else {
            self.conclude(
                Code::Ok,
                self.step(),
                Outcome::NotSent,
                self.reader.code(),
                Reason::None,
            );
            self.leave(job, now);
            return;
        };
        let mut size = None;
        (self.plan.encoding, self.plan.text_is_utf8) = match mail.text {
            Text::Piece { utf8, .. } => (Encoding::QuotedPrintable, utf8),
            Text::Whole(text) => {
                let survey = Survey::of(text);
                let encoding = survey.encoding(self.capabilities.eight_bit_mime);
                size = self.capabilities.size.map(|_| survey.encoded_len(text, encoding));
                (encoding, is_utf8(text))
            }
        };
        self.encoder = Encoder::new(self.plan.encoding);
        self.pipelining = job.settings.pipelining && self.capabilities.pipelining;
        self.envelope = Envelope {
            recipients: u16::try_from(List::new(mail.recipients).count()).unwrap_or(0),
            ..Envelope::default()
        };
        self.plan.size = size.map(|size| size.saturating_add(self.header_len(job)));
        if let (Some(size), Some(limit)) = (self.plan.size, self.capabilities.size) {
            if limit > 0 && size > limit {
                self.conclude(Code::DataFailed, Step::Mail, Outcome::NotSent, 0, Reason::TooLarge);
                self.leave(job, now);
                return;
            }
        }
        self.enter(job, now, State::Envelope);
    }

    fn envelope_reply(&mut self, job: &Job<'_>, now: u64, step: Step, reply: u16) {
        let accepted = step.accepts(reply);
        if !accepted {
            self.refused(job, step, Outcome::NotSent);
        }
        self.envelope.answered = self.envelope.answered.saturating_add(1);
        match step {
            Step::Mail => self.envelope.open = accepted,
            Step::Rcpt if accepted => self.envelope.accepted = self.envelope.accepted.saturating_add(1),
            Step::Rcpt => self.envelope.refused = self.envelope.refused.saturating_add(1),
            // Everybody is accepted: the text may go.
            _ if accepted && self.verdict.is_none() => {
                self.part = Part::Header;
                self.enter(job, now, State::Text);
                return;
            }
            // Nobody is to get the mail, and the server waits for it.
            _ if accepted => {
                self.enter(job, now, State::LoneDot);
                return;
            }
            _ => {}
        }
        let timeouts = &job.settings.timeouts;
        let patience = match self.envelope.step(self.envelope.answered) {
            Step::Rcpt => timeouts.rcpt,
            _ => timeouts.data,
        };
        self.deadline = now.saturating_add(u64::from(patience));
        if self.verdict.is_some() && self.envelope.answered == self.envelope.said && self.cursor == 0 {
            self.leave(job, now);
        }
    }
}
