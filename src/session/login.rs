//! Logging in (RFC 4954): which mechanism begins, what follows a challenge, and whether another mechanism follows a refusal.

#[cfg(feature = "std")]
use super::choice::{self, Terms};
use super::event::Events;
use super::job::Job;
#[cfg(feature = "std")]
use super::job::Security;
use super::session::Session;
use super::state::State;
use crate::auth::Mechanism;
#[cfg(feature = "std")]
use crate::auth::{Answer, redaction, scram};
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
            Reason::NoMemory => Code::DataFailed,
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

    /// What a server may repeat of what a mechanism with challenges said.
    pub(super) fn response(&mut self, job: &Job<'_>) -> Option<redaction::Response> {
        if !self.mechanism.reads_challenges() || !self.step.logs_in() {
            return None;
        }
        let (exchange, _) = self.events.exchange()?;
        Some(redaction::Response::of(self.mechanism, &job.settings, exchange))
    }

    /// Whether keys are to be derived: [`Session::derive`] does it.
    pub fn derives(&self) -> bool {
        self.state == State::AuthDerive
    }

    /// What tells the keys of this login from those of another one.
    pub fn fingerprint(&mut self, job: &Job<'_>) -> Option<[u8; 32]> {
        let hash = self.mechanism.scram()?;
        let (exchange, _) = self.events.exchange()?;
        scram::fingerprint(exchange, hash, &job.settings)
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

#[cfg(test)]
#[cfg(feature = "std")]
mod tests {
    use super::super::job::{Field, Settings};
    use super::*;
    use crate::auth::Exchange;
    use crate::auth::exchange::NONCE_BYTES;
    use crate::base64;
    use crate::code::Outcome;
    use crate::wire::capability::Capabilities;
    use std::boxed::Box;
    use std::string::String;

    /// The nonce of the example in RFC 5802, 5.
    const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

    /// Memory for an exchange; and whether there is some, or random numbers.
    #[derive(Default)]
    struct Lender {
        exchange: Option<Box<Exchange>>,
        refuses: Option<Reason>,
        said: std::vec::Vec<String>,
    }

    impl Events for Lender {
        fn listens(&self) -> bool {
            true
        }

        fn said(&mut self, line: &[u8]) {
            self.said.push(String::from_utf8(line.to_vec()).unwrap());
        }

        fn begin_exchange(&mut self) -> Result<(), Reason> {
            let mut random = [0; NONCE_BYTES];
            base64::decode(NONCE.as_bytes(), &mut random).unwrap();
            self.exchange = Some(Box::new(Exchange::new(&random)));
            self.refuses.map_or(Ok(()), Err)
        }

        fn exchange(&mut self) -> Option<(&mut Exchange, &[u8])> {
            Some((self.exchange.as_mut()?, &[]))
        }

        fn end_exchange(&mut self) {
            self.exchange = None;
        }
    }

    fn job(mechanisms: Capabilities) -> Job<'static> {
        let mut job = Job {
            settings: Settings::NONE,
            mail: None,
            keep: false,
            dry: false,
        };
        job.settings.mechanisms = mechanisms;
        job.settings.set_text(Field::Username, b"user");
        job.settings.set_text(Field::Password, b"pencil");
        job
    }

    fn said(session: &mut Session<Lender>, job: &Job<'_>) -> String {
        let mut out = [0; 1024];
        let length = session.transmit(job, 0, &mut out);
        session.sent(job, 0, length);
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    /// A session that has heard server-first: `r=` and this, without an end.
    fn begun(job: &Job<'_>, mechanism: &str, server_first: &str) -> Session<Lender> {
        let mut session = Session::new(job, Lender::default());
        session.stands(job, 0);
        session.receive(job, 0, b"220 x\r\n");
        said(&mut session, job);
        session.receive(job, 0, std::format!("250-x\r\n250 AUTH {mechanism}\r\n").as_bytes());
        said(&mut session, job);
        session.receive(job, 0, &challenge(server_first));
        session
    }

    fn challenge(message: &str) -> std::vec::Vec<u8> {
        let mut digits = [0; 512];
        let mut out = Window::new(&mut digits, 0);
        base64::put(message.as_bytes(), &mut out);
        base64::end(&mut out);
        let length = out.kept();
        [b"334 ", &digits[..length], b"\r\n"].concat()
    }

    fn decoded(line: &str) -> String {
        let mut out = [0; 512];
        let length = base64::decode(line.trim_end().as_bytes(), &mut out).unwrap();
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    const SHA_1: &str = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";

    #[test]
    fn the_example_of_rfc_5802_holds_however_it_is_derived() {
        for slice in [1, 7, 1000, 4095, 4096, u32::MAX] {
            let job = job(Capabilities::CHALLENGED);
            let mut session = begun(&job, "SCRAM-SHA-1", SHA_1);
            let mut slices = 0u32;
            while session.derives() {
                assert_eq!(said(&mut session, &job), "");
                session.derive(&job, 0, slice);
                slices += 1;
            }
            assert_eq!(slices, 4095u32.div_ceil(slice), "{slice}");
            let wanted = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
            assert_eq!(decoded(&said(&mut session, &job)), wanted);
            session.receive(&job, 0, &challenge("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
            assert_eq!(said(&mut session, &job), "\r\n");
            session.receive(&job, 0, b"235 ok\r\n");
            assert!(session.events.exchange.is_none());
            assert_eq!(session.verdict().map(|verdict| verdict.code), Some(Code::Ok));
            // Nothing of it is told.
            assert!(
                session
                    .events
                    .said
                    .iter()
                    .all(|line| !line.contains("p=") && line.len() < 40)
            );
        }
    }

    /// RFC 7677, 3 has another nonce; what it derives is the same.
    #[test]
    fn the_keys_of_rfc_7677_are_derived() {
        use crate::auth::derivation::{Hash, Rounds};
        let mut salt = [0; 64];
        let length = base64::decode(b"W22ZaJ0SNY7soEsUEjb6gQ==", &mut salt).unwrap();
        let mut rounds = Rounds::begin(Hash::Sha256, b"pencil", &salt[..length], 4096).unwrap();
        let keys = rounds.go_on(4096).unwrap();
        let signed = |client_key: bool| {
            let parts = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                         r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                         c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
            use crate::auth::derivation::{hashed, mac};
            let stored = hashed(Hash::Sha256, &mut |put| put(&keys.client));
            let key = if client_key { stored } else { keys.server };
            let mut signature = mac(Hash::Sha256, &key, &mut |put| put(parts.as_bytes()));
            if client_key {
                signature
                    .iter_mut()
                    .zip(keys.client)
                    .for_each(|(one, other)| *one ^= other);
            }
            let mut digits = [0; 44];
            let mut out = Window::new(&mut digits, 0);
            base64::put(&signature, &mut out);
            base64::end(&mut out);
            String::from_utf8(digits.to_vec()).unwrap()
        };
        assert_eq!(signed(true), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert_eq!(signed(false), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn keys_that_were_derived_before_are_taken() {
        let job = job(Capabilities::CHALLENGED);
        let mut first = begun(&job, "SCRAM-SHA-1", SHA_1);
        let tag = first.fingerprint(&job).unwrap();
        first.derive(&job, 0, u32::MAX);
        let keys = first.events.exchange.as_ref().unwrap().keys().unwrap().clone();
        let mut second = begun(&job, "SCRAM-SHA-1", SHA_1);
        assert_eq!(second.fingerprint(&job), Some(tag));
        second.events.exchange.as_mut().unwrap().take(keys);
        second.derive(&job, 0, 0);
        assert_eq!(said(&mut second, &job), said(&mut first, &job));
        // Those of another mechanism, user, salt, number of rounds, or server are others.
        let mut others = std::vec![tag];
        let mut tell = |job: &Job<'_>, mechanism: &str, first: &str| {
            let tag = begun(job, mechanism, first).fingerprint(job).unwrap();
            assert!(!others.contains(&tag), "{mechanism} {first}");
            others.push(tag);
        };
        tell(&job, "SCRAM-SHA-256", SHA_1);
        tell(&job, "SCRAM-SHA-1", &SHA_1.replace("4096", "4097"));
        tell(&job, "SCRAM-SHA-1", &SHA_1.replace("QSXC", "QSXD"));
        let mut changed = job;
        changed.settings.set_text(Field::Username, b"user2");
        tell(&changed, "SCRAM-SHA-1", SHA_1);
        changed = job;
        changed.settings.login.host = b"mail.example.org";
        tell(&changed, "SCRAM-SHA-1", SHA_1);
        changed.settings.server.port = 587;
        tell(&changed, "SCRAM-SHA-1", SHA_1);
        changed = job;
        changed.settings.login.prepared = Some([b"user3", b"pencil"]);
        tell(&changed, "SCRAM-SHA-1", SHA_1);
    }

    #[test]
    fn while_keys_are_derived_all_else_goes_on() {
        let job = job(Capabilities::CHALLENGED);
        let ended = |act: fn(&mut Session<Lender>, &Job<'_>)| {
            let mut session = begun(&job, "SCRAM-SHA-1", SHA_1);
            session.derive(&job, 0, 100);
            assert!(session.derives());
            act(&mut session, &job);
            session.derive(&job, 0, u32::MAX);
            assert!(!session.derives());
            let said = said(&mut session, &job);
            assert!(said.is_empty() || said == "QUIT\r\n", "{said}");
            let verdict = session.verdict().unwrap();
            assert_eq!(verdict.outcome, Outcome::NotSent);
            (verdict.code, verdict.reason)
        };
        let cancelled = ended(|session, _| session.cancel());
        assert_eq!(cancelled, (Code::Cancelled, Reason::Cancelled));
        let late = ended(|session, _| session.tick(session.deadline().unwrap()));
        assert_eq!(late, (Code::Timeout, Reason::Deadline));
        let lost = ended(|session, job| session.lost(job, 0, Reason::Lost));
        assert_eq!(lost, (Code::BadPassword, Reason::Lost));
        let closing = ended(|session, job| session.receive(job, 0, b"421 bye\r\n"));
        assert_eq!(closing, (Code::NotReady, Reason::None));
        // Nobody has asked.
        let early = ended(|session, job| session.receive(job, 0, b"235 ok\r\n"));
        assert_eq!(early, (Code::BadPassword, Reason::NotSmtp));
        let refused = ended(|session, job| session.receive(job, 0, b"535 no\r\n"));
        assert_eq!(refused, (Code::BadPassword, Reason::None));
    }

    #[test]
    fn without_memory_or_random_numbers_there_is_no_login_with_challenges() {
        for reason in [Reason::NoMemory, Reason::NoRandom] {
            let job = job(Capabilities::ANY);
            let lender = Lender {
                refuses: Some(reason),
                ..Lender::default()
            };
            let mut session = Session::new(&job, lender);
            session.stands(&job, 0);
            session.receive(&job, 0, b"220 x\r\n");
            said(&mut session, &job);
            session.receive(&job, 0, b"250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n");
            assert_eq!(said(&mut session, &job), "");
            assert!(session.closed());
            let verdict = session.verdict().unwrap();
            assert_eq!((verdict.code, verdict.reason), (Code::DataFailed, reason));
        }
    }

    /// Whatever a server repeats of it, nobody sees the proof.
    #[test]
    fn a_proof_that_is_repeated_is_masked() {
        let job = job(Capabilities::CHALLENGED);
        let mut session = begun(&job, "SCRAM-SHA-1", SHA_1);
        session.derive(&job, 0, u32::MAX);
        let response = said(&mut session, &job);
        let proof = decoded(&response);
        let (_, proof) = proof.split_once(",p=").unwrap();
        let reply = std::format!("535 no: {} or {proof}\r\n", response.trim_end());
        session.receive(&job, 0, reply.as_bytes());
        let text = String::from_utf8(session.text().to_vec()).unwrap();
        assert!(text.starts_with("no: ***") && text.ends_with("***="), "{text}");
        assert!(!text.contains(&proof[..8]) && !text.contains(&response[..8]), "{text}");
    }
}
