//! What the server's answers lead to.

use super::event::Events;
use super::job::Job;
#[cfg(feature = "complete")]
use super::job::Security;
use super::session::Session;
use super::state::{Next, State};
use crate::auth::redaction;
use crate::code::{self, Code, Outcome, Reason, Step};
use crate::wire::capability::Capability;
#[cfg(feature = "std")]
use crate::wire::{
    delayed::Refused,
    protocol::{Met, OtherProtocol},
};

impl<E: Events> Session<E> {
    /// Whether this reply answers nothing that was said: 421 is heard at any time.
    fn unasked(&self) -> bool {
        match (self.reader.code(), self.state) {
            (421, _) => true,
            // A greeting in the middle of a mail is that of another connection, which took the place of ours.
            (220, State::Envelope | State::End) => true,
            #[cfg(feature = "std")]
            (220, State::Rset) => !self.concluded() || self.resets_chunks(),
            #[cfg(feature = "std")]
            (reply, State::Chunk) => reply == 220 || !self.transaction.awaits_answer(),
            _ => self.pending,
        }
    }

    /// The server's answer decides. What it repeats of the login is masked in the text that the result will show.
    pub(super) fn answered(&mut self, job: &Job<'_>, code: Code) {
        self.mask_text(job);
        self.conclude(code, Reason::None);
    }

    /// Masks in the text what the server repeats of the login.
    pub(super) fn mask_text(&mut self, job: &Job<'_>) {
        if !job.settings.mechanisms.is_empty() {
            #[cfg(feature = "std")]
            if let Some(response) = self.response(job) {
                response.mark(self.reader.text_mut());
            }
            let text = self.reader.text_mut();
            redaction::mask(text, &job.settings, self.step.logs_in());
        }
    }

    /// A complete reply.
    // Saves 52 bytes.
    #[cfg_attr(not(fast), inline(never))]
    pub(super) fn reply(&mut self, job: &Job<'_>) {
        #[cfg(feature = "std")]
        if self.state == State::Chunk {
            // Which of the answers it is.
            self.step = self.transaction.awaited();
        }
        if self.unasked() {
            // A refusal is a refusal, and anything else is not SMTP.
            if E::KEEPS {
                self.begin_behind_rset();
            }
            self.fail(job);
            return self.enter(job, State::Closed);
        }
        let accepted = self.step.accepts(self.reader.code());
        let next = self.state.next(accepted);
        if E::KEEPS && next == Next::Reset {
            self.begin_behind_rset();
        }
        let state = match next {
            Next::To(state) => state,
            Next::Hello if self.helo_only => State::Helo,
            Next::Hello => State::Ehlo,
            Next::Choose => self.choose(job),
            Next::Fallback => self.fall_back(job),
            #[cfg(feature = "complete")]
            Next::Unsecured if self.reader.code() >= 400 && job.settings.security == Security::Opportunistic => {
                self.go_on(job)
            }
            #[cfg(feature = "complete")]
            Next::Unsecured => self.fail(job),
            Next::Login => self.login_reply(job, accepted),
            Next::Envelope => self.envelope_reply(job, accepted),
            #[cfg(feature = "std")]
            Next::Chunk => self.chunk_reply(job, accepted),
            // Behind a chunk only the answer that is due says that this is not the answer to the mail's text.
            Next::Reset if !accepted && self.resets_chunks() => State::Closed,
            Next::Reset if !E::KEEPS || self.concluded() => State::Quit,
            Next::Reset if accepted => {
                self.transaction.open = false;
                self.begin_transaction(job)
            }
            Next::Reset => self.fail(job),
            Next::Sent => {
                self.answered(job, Code::Ok);
                self.transaction.verdict.outcome = Outcome::Sent;
                State::Quit
            }
            // Where nothing is asked, no answer is expected.
            Next::Fail | Next::Break => self.fail(job),
        };
        self.enter(job, state);
    }

    /// Behind the RSET that made room for it the transaction has begun, whatever becomes of it: its end is told.
    fn begin_behind_rset(&mut self) {
        if self.state == State::Rset && !self.concluded() {
            self.state = State::Envelope;
        }
    }

    /// The mail is refused; with which code.
    pub(super) fn refused(&mut self, job: &Job<'_>) -> Code {
        let code = self.code_of_refusal(job);
        self.answered(job, code);
        code
    }

    /// The code of a refusal.
    pub(super) fn code_of_refusal(&self, job: &Job<'_>) -> Code {
        match self.refused_for_its_own_reason(job) {
            Some(code) => code,
            None => code::refusal(self.step, self.reader.code(), self.reader.refuses_to_relay()),
        }
    }

    /// The code of a refusal that has another one than its step: of a verb that the server does not know, or one that comes only
    /// at RCPT.
    #[cfg(feature = "std")]
    fn refused_for_its_own_reason(&self, job: &Job<'_>) -> Option<Code> {
        let parameters = job.mail.as_ref().and_then(|mail| mail.parameters);
        match parameters {
            Some(parameters) if self.step == Step::Mail && parameters.verb.is_unknown(self.reader.code()) => {
                Some(Code::NotSupported)
            }
            _ => self.refused_late(),
        }
    }

    /// A device has neither.
    #[cfg(not(feature = "std"))]
    fn refused_for_its_own_reason(&self, _job: &Job<'_>) -> Option<Code> {
        None
    }

    /// The code of a refusal that comes only at RCPT. With 530 the server asks for a login, whatever it says.
    #[cfg(feature = "std")]
    fn refused_late(&self) -> Option<Code> {
        let refused = self.reader.refuses_late()?;
        (self.step == Step::Rcpt && !matches!(self.reader.code(), 421 | 530)).then_some(match refused {
            Refused::Sender => Code::SenderRefused,
            Refused::Hello => Code::HeloFailed,
        })
    }

    /// What speaks here is known to be no SMTP, and what else it is not yet.
    #[cfg(feature = "std")]
    pub(super) fn is_no_smtp(&self) -> bool {
        self.beginning.is_there()
    }

    /// A device does not ask what else it is.
    #[cfg(not(feature = "std"))]
    pub(super) fn is_no_smtp(&self) -> bool {
        false
    }

    /// What came is no SMTP from this octet on: why the session ends. None where the next octet has to tell.
    #[cfg(feature = "std")]
    pub(super) fn broken_at(&mut self, octet: u8) -> Option<Reason> {
        if self.state != State::Greeting || !self.reader.idle() {
            return Some(Reason::NotSmtp);
        }
        match self.beginning.feed(octet) {
            Met::Perhaps => None,
            Met::Unknown => Some(Reason::NotSmtp),
            Met::Known(protocol) => Some(match protocol {
                OtherProtocol::Tls => Reason::SpeaksTls,
                OtherProtocol::Ssh => Reason::SpeaksSsh,
                OtherProtocol::Http => Reason::SpeaksHttp,
                OtherProtocol::Pop3 => Reason::SpeaksPop3,
                OtherProtocol::Imap => Reason::SpeaksImap,
            }),
        }
    }

    /// The same on a device.
    #[cfg(not(feature = "std"))]
    pub(super) fn broken_at(&mut self, _octet: u8) -> Option<Reason> {
        Some(Reason::NotSmtp)
    }

    pub(super) fn fail(&mut self, job: &Job<'_>) -> State {
        if self.reader.code() < 400 {
            // Neither accepted nor refused: after the final dot nobody knows.
            self.give_up(Reason::NotSmtp);
            return State::Closed;
        }
        self.refused(job);
        State::Quit
    }

    /// The server was greeted: secures the conversation where that is wanted, and goes on.
    fn choose(&mut self, job: &Job<'_>) -> State {
        match self.secure(job) {
            Some(state) => state,
            None => self.go_on(job),
        }
    }

    /// Logs in where that is wanted.
    fn go_on(&mut self, job: &Job<'_>) -> State {
        let settings = &job.settings;
        if settings.mechanisms.is_empty() {
            return self.begin_transaction(job);
        }
        if let Some(mechanism) = self.mechanism_for(job) {
            return self.log_in(job, mechanism);
        }
        if self.capabilities.offers(Capability::Auth) {
            self.answered(job, Code::AuthUnsupported);
        } else {
            self.conclude(Code::AuthUnsupported, Reason::NoAuth);
        }
        // It is logging in that fails.
        self.transaction.verdict.step = Step::AuthMechanism;
        State::Quit
    }

    /// The server does not take EHLO.
    fn fall_back(&mut self, job: &Job<'_>) -> State {
        match self.reader.code() {
            // HELO announces no STARTTLS and no AUTH: with one of them to do there is nothing to fall back to.
            400.. if job.settings.mechanisms.is_empty() && !self.needs_security(job) => {
                self.capabilities.forget();
                return State::Helo;
            }
            // 500, 502 or 504: it knows no EHLO.
            reply @ 500..=504 if reply % 2 == 0 => {
                let code = if self.needs_security(job) {
                    Code::TlsUnavailable
                } else {
                    Code::AuthUnsupported
                };
                self.answered(job, code);
            }
            _ => {}
        }
        self.fail(job)
    }

    /// An answer while logging in.
    fn login_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        // We had cancelled it, and any answer will do.
        if cfg!(feature = "std") && self.concluded() {
            return State::Quit;
        }
        match (self.step, self.reader.code()) {
            // A challenge; or the server overlooked the initial response.
            (_, 334) if self.may_be_challenged() => return self.challenged(job),
            _ if accepted => return self.logged_in(job),
            // It wants no response in the command's line: its answer is no verdict on the credentials.
            (Step::AuthOneStep, 501 | 504) => {
                self.step = Step::AuthMechanism;
                return State::AuthBegin;
            }
            #[cfg(feature = "std")]
            (Step::AuthMessage, 501 | 504) if self.state == State::AuthBegin => {
                self.step = Step::AuthMechanism;
                return State::AuthBegin;
            }
            _ => {}
        }
        // Nor is this one, of the mechanism.
        if let Some(mechanism) = self.next_mechanism(job) {
            return self.log_in(job, mechanism);
        }
        self.login_refused();
        self.fail(job)
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{Field, Settings};
    use super::*;
    use crate::limits::REPLY_TEXT_BYTES;
    use crate::wire::capability::Capabilities;
    use std::string::String;

    /// What is kept of the server's words where they refuse a login, or a sender.
    fn kept(words: &str, step: Step, username: &'static [u8], password: &'static [u8]) -> String {
        kept_of(std::format!("535 {words}\n").as_bytes(), step, username, password)
    }

    /// The same of a whole reply, octet by octet.
    fn kept_of(reply: &[u8], step: Step, username: &'static [u8], password: &'static [u8]) -> String {
        let mut job = Job {
            settings: Settings::NONE,
            mail: None,
            keep: false,
            #[cfg(feature = "std")]
            dry: false,
        };
        job.settings.mechanisms = Capabilities::PLAIN;
        job.settings.set_text(Field::Username, username);
        job.settings.set_text(Field::Password, password);
        let mut session = Session::IDLE;
        session.step = step;
        for octet in reply {
            session.reader.feed(*octet);
        }
        session.answered(&job, Code::BadPassword);
        String::from_utf8(session.reader.text().to_vec()).unwrap()
    }

    #[test]
    fn a_repeated_login_is_masked_in_every_form() {
        for (words, wanted) in [
            ("user kotelna unknown", "user ******* unknown"),
            ("wrong password tajne-heslo!", "wrong password ***********!"),
            ("unknown: a290ZWxuYQ==", "unknown: **********=="),
            ("unknown: dGFqbmUtaGVzbG8", "unknown: ***************"),
            (
                "AUTH PLAIN AGtvdGVsbmEAdGFqbmUtaGVzbG8=",
                "AUTH PLAIN ***************************=",
            ),
            ("USER KOTELNA KOTELNA", "USER ******* *******"),
            (
                "5.7.8 Error: authentication failed",
                "5.7.8 Error: authentication failed",
            ),
        ] {
            assert_eq!(kept(words, Step::AuthOneStep, b"kotelna", b"tajne-heslo"), wanted);
            assert_eq!(kept(words, Step::AuthPassword, b"kotelna", b"tajne-heslo"), wanted);
        }
    }

    #[test]
    fn a_password_of_any_octets_is_masked() {
        for octet in (1..=255u8).filter(|octet| !matches!(octet, b'\r' | b'\n')) {
            let password: &'static [u8] = std::vec![octet, b'a', octet, octet, b'Z', octet].leak();
            for begun in [&b"535 no: "[..], b"535-no:\r\n", b"535-no:\r\nx\r\n535 "] {
                let mut words = [begun, password, b"\r\n"].concat();
                if begun.ends_with(b":\r\n") {
                    words.extend(b"535 end\r\n");
                }
                let kept = kept_of(&words, Step::AuthPassword, b"kotelna", password);
                let rest = kept.strip_prefix("no: x ").or(kept.strip_prefix("no: ")).unwrap();
                assert_eq!(rest.trim_end_matches("end").trim_end(), "******", "{octet}: {kept:?}");
            }
        }
    }

    #[test]
    fn a_short_user_name_leaves_the_server_s_url_readable() {
        let words = "user mail: see https://mail.example/mail (bWFpbA==)";
        let wanted = "user ****: see https://mail.example/mail (******==)";
        assert_eq!(kept(words, Step::AuthOneStep, b"mail", b"tajne-heslo"), wanted);
        // And a short password does not: it is seen nowhere.
        let wanted = "user ****: see https://****.example/**** (******==)";
        assert_eq!(kept(words, Step::AuthOneStep, b"kotelna", b"mail"), wanted);
    }

    #[test]
    fn after_the_login_only_the_password_is_masked() {
        let words = "kotelna: tajne-heslo a290ZWxuYQ== dGFqbmUtaGVzbG8";
        let wanted = "kotelna: *********** a290ZWxuYQ== ***************";
        assert_eq!(kept(words, Step::Mail, b"kotelna", b"tajne-heslo"), wanted);
    }

    #[test]
    fn a_login_longer_than_the_kept_text_is_masked_at_its_end() {
        static PASSWORD: [u8; 1000] = [b'x'; 1000];
        let words = String::from("no: AHUA") + &"eHh4".repeat(100);
        let wanted = String::from("no: ") + &"*".repeat(REPLY_TEXT_BYTES - 4);
        assert_eq!(kept(&words, Step::AuthOneStep, b"u", &PASSWORD), wanted);
    }

    #[test]
    fn a_user_name_within_the_password_hides_nothing_of_it() {
        assert_eq!(
            kept("no: kotelna1", Step::AuthPassword, b"kotelna", b"kotelna1"),
            "no: ********"
        );
    }
}
