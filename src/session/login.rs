//! Logging in (RFC 4954): which mechanism begins, what follows a challenge, and whether another mechanism follows a refusal.

#[cfg(feature = "std")]
use super::choice::{self, Terms};
use super::event::Events;
use super::job::Job;
#[cfg(feature = "std")]
use super::job::Security;
use super::session::Session;
use super::state::State;
#[cfg(feature = "std")]
use crate::auth::Answer;
use crate::auth::Mechanism;
use crate::buffer::Window;
use crate::code::Step;
#[cfg(feature = "std")]
use crate::code::{Code, Reason};
#[cfg(not(feature = "std"))]
use crate::wire::capability::Capability;

#[cfg(feature = "std")]
impl<E: Events> Session<E> {
    /// The mechanism that logs in next.
    pub(super) fn mechanism_for(&self, job: &Job<'_>) -> Option<Mechanism> {
        let settings = &job.settings;
        let terms = Terms {
            configured: settings.mechanisms,
            offered: self.capabilities.found(),
            tried: self.tried,
            guarded: settings.login.guarded,
            verified: settings.login.verified && (settings.security == Security::None || self.is_secure()),
        };
        terms.mechanism()
    }

    /// Begins with a mechanism.
    pub(super) fn log_in(&mut self, job: &Job<'_>, mechanism: Mechanism) -> State {
        self.tried = self.tried.with(choice::set_of(mechanism));
        self.mechanism = mechanism;
        self.step = Step::AuthMechanism;
        if mechanism.reads_challenges() {
            if let Err(reason) = self.events.begin_exchange() {
                self.give_up(reason);
                return State::Closed;
            }
        }
        self.step = mechanism.begin(&job.settings);
        self.shown |= self.has_initial_response();
        State::AuthBegin
    }

    /// Whether a challenge may come now.
    pub(super) fn may_be_challenged(&self) -> bool {
        self.mechanism.reads_challenges()
            || matches!(self.step, Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername)
    }

    /// The server challenges.
    pub(super) fn challenged(&mut self, job: &Job<'_>) -> State {
        let begun = self.state == State::AuthBegin;
        let mut answer = Answer::Refuse(Reason::NoMemory);
        if !self.mechanism.reads_challenges() {
            answer = Answer::Respond(self.mechanism.respond(self.step, &[]));
        } else if let Some((exchange, kept)) = self.events.exchange() {
            let challenge = if kept.is_empty() { self.reader.text() } else { kept };
            answer = self
                .mechanism
                .answer(self.step, begun, challenge, &job.settings, exchange);
        }
        self.events.drop_challenge();
        match answer {
            Answer::Respond(step) => self.step = step,
            Answer::Derive => {
                self.reader.wipe_text();
                self.step = Step::AuthPassword;
                return State::AuthDerive;
            }
            Answer::Refuse(reason) => {
                self.refuse_login(reason);
                // An asterisk cancels the exchange (RFC 4954, 4).
                self.step = Step::AuthPassword;
            }
            Answer::Stray => return self.fail(job),
        }
        self.reader.wipe_text();
        self.shown = true;
        State::AuthRespond
    }

    /// We do not go on with this login.
    fn refuse_login(&mut self, reason: Reason) {
        let code = match reason {
            Reason::Unproved => Code::BadPassword,
            _ => Code::AuthUnsupported,
        };
        self.conclude(code, reason);
    }

    /// Whether the command has an initial response.
    pub(super) fn has_initial_response(&self) -> bool {
        matches!(self.step, Step::AuthOneStep | Step::AuthMessage)
    }

    /// Writes a response.
    pub(super) fn write_response(&mut self, job: &Job<'_>, out: &mut Window<'_>) {
        if self.concluded() {
            // We end the exchange (RFC 4954, 4).
            return out.put(b'*');
        }
        match self.events.exchange() {
            Some((exchange, _)) if self.mechanism.reads_challenges() => {
                self.mechanism.write_of(self.step, &job.settings, exchange, out);
            }
            _ => self.mechanism.write(self.step, &job.settings, out),
        }
    }

    /// Whether keys are to be derived: [`Session::derive`] does it.
    pub fn derives(&self) -> bool {
        self.state == State::AuthDerive
    }

    /// What tells the keys of this login from those of another one.
    pub fn fingerprint(&mut self, job: &Job<'_>) -> Option<[u8; 32]> {
        let hash = self.mechanism.scram()?;
        let (exchange, _) = self.events.exchange()?;
        exchange.fingerprint(hash, &job.settings)
    }

    /// The mechanism that was tried last.
    pub fn mechanism(&self) -> Option<Mechanism> {
        (!self.tried.is_empty()).then_some(self.mechanism)
    }

    /// Derives: so many rounds at most. With 0 it looks only whether the exchange has its keys from elsewhere.
    pub fn derive(&mut self, job: &Job<'_>, now: u32, rounds: u32) {
        self.now = now;
        if self.derives()
            && self
                .events
                .exchange()
                .is_none_or(|(exchange, _)| exchange.derive(rounds))
        {
            self.enter(job, State::AuthRespond);
        }
    }

    /// The server accepts the login.
    pub(super) fn logged_in(&mut self, job: &Job<'_>) -> State {
        if self.mechanism.reads_challenges() {
            let exchange = self.events.exchange().map(|(exchange, _)| exchange);
            if !self.mechanism.is_proved(self.reader.text(), &job.settings, exchange) {
                self.refuse_login(Reason::Unproved);
                return State::Quit;
            }
            self.events.end_exchange();
        }
        // It may repeat what it accepted.
        self.reader.wipe_text();
        self.begin_transaction(job)
    }

    /// Whether a refusal is of the mechanism, and says nothing about user name and password: another one may follow then. After a
    /// credential has left 534 and 535 are no such refusal.
    fn refuses_the_mechanism(&self) -> bool {
        let begun = self.state == State::AuthBegin;
        match self.reader.code() {
            500 | 504 | 538 => begun,
            534 | 535 => begun && !self.shown,
            _ => false,
        }
    }

    /// The mechanism that follows a refusal; None where it is final.
    pub(super) fn next_mechanism(&self, job: &Job<'_>) -> Option<Mechanism> {
        if self.refuses_the_mechanism() {
            self.mechanism_for(job)
        } else {
            None
        }
    }

    /// The login is refused. What the server has said of that before is kept behind its last words.
    pub(super) fn login_refused(&mut self) {
        if self.shown && matches!(self.reader.code(), 534 | 535) && self.step == Step::AuthMechanism {
            // It has seen user name and password before.
            self.step = Step::AuthOneStep;
        }
        if self.step.logs_in() && self.mechanism.reads_challenges() {
            if let Some((exchange, _)) = self.events.exchange() {
                self.reader.add_text(exchange.told());
            }
        }
    }
}

#[cfg(not(feature = "std"))]
impl<E: Events> Session<E> {
    pub(super) fn mechanism_for(&self, job: &Job<'_>) -> Option<Mechanism> {
        super::choice::strongest(job.settings.mechanisms.both(self.capabilities.found()))
    }

    pub(super) fn log_in(&mut self, job: &Job<'_>, mechanism: Mechanism) -> State {
        self.mechanism = mechanism;
        self.step = mechanism.begin(&job.settings);
        State::AuthBegin
    }

    pub(super) fn may_be_challenged(&self) -> bool {
        matches!(self.step, Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername)
    }

    pub(super) fn challenged(&mut self, _job: &Job<'_>) -> State {
        let challenge = match self.events.challenge() {
            [] => self.reader.text(),
            kept => kept,
        };
        self.step = self.mechanism.respond(self.step, challenge);
        self.events.drop_challenge();
        self.reader.wipe_text();
        State::AuthRespond
    }

    pub(super) fn logged_in(&mut self, job: &Job<'_>) -> State {
        // It may repeat what it accepted.
        self.reader.wipe_text();
        self.begin_transaction(job)
    }

    pub(super) fn has_initial_response(&self) -> bool {
        self.step == Step::AuthOneStep
    }

    pub(super) fn write_response(&mut self, job: &Job<'_>, out: &mut Window<'_>) {
        self.mechanism.write(self.step, &job.settings, out);
    }

    pub(super) fn next_mechanism(&self, job: &Job<'_>) -> Option<Mechanism> {
        let follows = self.step == Step::AuthMechanism
            && self.reader.code() == 504
            && self.mechanism == Mechanism::Plain
            && job
                .settings
                .mechanisms
                .both(self.capabilities.found())
                .has(Capability::Login);
        follows.then_some(Mechanism::Login)
    }

    pub(super) fn login_refused(&mut self) {}
}
