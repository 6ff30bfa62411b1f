//! What the server's answers lead to.

use super::job::Job;
use super::machine::Session;
use super::state::{Next, State};
use crate::auth::plain;
use crate::auth::redaction::{self, Places};
use crate::buffer::Window;
use crate::code::{self, Code, Outcome, Reason, Step};
use crate::limits::{REPLY_TEXT_BYTES, Size};
use crate::message::body::Encoding;
use crate::message::survey::Survey;
use crate::octets;
use crate::utf8::is_utf8;
use crate::wire::address::List;
use crate::wire::capability::Capability;

impl Session {
    /// Whether this reply answers nothing that was said: 421 is heard at any time.
    #[cfg_attr(not(feature = "std"), inline(always))]
    fn unasked(&self) -> bool {
        match (self.reader.code(), self.state) {
            (421, _) => true,
            // A greeting in the middle of a mail is that of another connection, which took the place of ours.
            (220, State::Envelope | State::End) => true,
            _ => self.pending,
        }
    }

    /// Whether the reply is the one that lets the mail go on.
    #[cfg_attr(not(feature = "std"), inline(always))]
    fn accepted(&self) -> bool {
        self.step.accepts(self.reader.code())
    }

    fn logging_in(&self) -> bool {
        matches!(
            self.step,
            Step::AuthMechanism | Step::AuthOneStep | Step::AuthUsername | Step::AuthPassword
        )
    }

    /// The server's answer decides. What it repeats of the login is masked in the text that the result will show: PLAIN's
    /// response and the password, wherever they stand; and while logging in the user name, too, where it is a word: later it is
    /// often the sender's address, which is no secret.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn answered(&mut self, job: &Job<'_>, code: Code) {
        if !job.settings.mechanisms.is_empty() {
            self.mask_line(job, State::AuthPlainResponse as usize);
            self.mask_line(job, State::AuthPassword as usize);
            self.mask(job.settings.password(), Places::All);
            if self.logging_in() {
                self.mask_line(job, State::AuthUsername as usize);
                self.mask(job.settings.username(), Places::Words);
            }
            redaction::cover(self.reader.text_mut());
        }
        self.conclude(code, Reason::None);
    }

    /// Masks what is said in the line of a state, in base64.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn mask_line(&mut self, job: &Job<'_>, line: usize) {
        // Only the faster way to the same end: base64 is one word, longer than the user name or the password in it.
        if cfg!(feature = "std") && self.reader.text().len() < REPLY_TEXT_BYTES {
            let least = job.settings.username().len().min(job.settings.password().len());
            let mut words = self.reader.text().split(|octet| *octet == b' ');
            if words.all(|word| word.len() <= least) {
                return;
            }
        }
        // No more of it can stand in the text.
        let mut said = [0; REPLY_TEXT_BYTES];
        self.write_line(line, job, &mut Window::new(&mut said, 0));
        // Without padding: servers may leave it out.
        let digits = said.split(|octet| matches!(octet, b'=' | b'\r')).next();
        self.mask(digits.unwrap_or(&[]), Places::All);
        octets::wipe(&mut said);
    }

    #[cfg_attr(not(feature = "std"), inline(never))]
    fn mask(&mut self, secret: &[u8], places: Places) {
        redaction::mark(self.reader.text_mut(), secret, places);
    }

    /// A complete reply.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn reply(&mut self, job: &Job<'_>) {
        if self.unasked() {
            // A refusal is a refusal, and anything else is not SMTP.
            self.fail(job);
            return self.enter(job, State::Closed);
        }
        let accepted = self.accepted();
        if accepted && self.logging_in() {
            // It may repeat what it accepted.
            self.reader.wipe_text();
        }
        let state = match self.state.next(accepted) {
            Next::To(state) => state,
            Next::Hello if self.helo_only => State::Helo,
            Next::Hello => State::Ehlo,
            Next::Choose => self.choose(job),
            Next::Ready => self.ready(job),
            Next::Fallback | Next::OtherWay => self.other_way(job),
            Next::Envelope => self.envelope_reply(job, accepted),
            Next::Sent => {
                self.answered(job, Code::Ok);
                self.verdict.outcome = Outcome::Sent;
                State::Quit
            }
            // Where nothing is asked, no answer is expected.
            Next::Fail | Next::Break => self.fail(job),
        };
        self.enter(job, state);
    }

    /// The mail is refused, unless this answer is the one that lets it go on.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn refused(&mut self, job: &Job<'_>, accepted: bool) {
        if accepted {
            return;
        }
        let code = code::refusal(self.step, self.reader.code(), self.reader.refuses_to_relay());
        self.answered(job, code);
    }

    #[cfg_attr(not(feature = "std"), inline(never))]
    fn fail(&mut self, job: &Job<'_>) -> State {
        if self.reader.code() < 400 {
            // Neither accepted nor refused: after the final dot nobody knows.
            self.give_up(Reason::NotSmtp);
            return State::Closed;
        }
        self.refused(job, false);
        State::Quit
    }

    fn choose(&mut self, job: &Job<'_>) -> State {
        let settings = &job.settings;
        if settings.mechanisms.is_empty() {
            return self.ready(job);
        }
        let usable = settings.mechanisms.both(self.parser.found());
        if usable.has(Capability::Plain) {
            return if plain::fits_command(settings.username(), settings.password()) {
                State::AuthPlain
            } else {
                State::AuthPlainAlone
            };
        }
        if usable.has(Capability::Login) {
            return State::AuthLogin;
        }
        if self.parser.offers(Capability::Auth) {
            self.answered(job, Code::AuthUnsupported);
        } else {
            self.conclude(Code::AuthUnsupported, Reason::NoAuth);
        }
        // It is logging in that fails.
        self.verdict.step = Step::AuthMechanism;
        State::Quit
    }

    /// The server did not take EHLO, or the AUTH command in this form: its answer is no verdict on the credentials.
    fn other_way(&mut self, job: &Job<'_>) -> State {
        match (self.state, self.reader.code()) {
            // HELO announces no AUTH: with a login to do there is nothing to fall back to.
            (State::Ehlo, 400..) if job.settings.mechanisms.is_empty() => {
                self.parser.forget();
                return State::Helo;
            }
            // 500, 502 or 504: it knows no EHLO.
            (State::Ehlo, reply @ 500..=504) if reply % 2 == 0 => self.answered(job, Code::AuthUnsupported),
            // It overlooked the response, and asks for it.
            (State::AuthPlain, 334) => return State::AuthPlainResponse,
            // It wants no response in the command's line.
            (State::AuthPlain, 501 | 504) => return State::AuthPlainAlone,
            (State::AuthPlainAlone, 504)
                if job.settings.mechanisms.both(self.parser.found()).has(Capability::Login) =>
            {
                return State::AuthLogin;
            }
            _ => {}
        }
        self.fail(job)
    }

    // Only the small one is shorter within its caller.
    #[cfg_attr(not(feature = "complete"), inline(always))]
    fn ready(&mut self, job: &Job<'_>) -> State {
        let Some(mail) = &job.mail else {
            self.conclude(Code::Ok, Reason::None);
            return State::Quit;
        };
        self.step = Step::Mail;
        self.pipelining = job.settings.pipelining && self.parser.offers(Capability::Pipelining);
        self.envelope.data = List::new(mail.recipients).number().wrapping_add(1);
        let eight_bit_mime = self.parser.offers(Capability::EightBitMime);
        if !cfg!(feature = "complete") {
            // What cannot go as it is is found on the way.
            self.encoder.choose(if eight_bit_mime {
                Encoding::EightBit
            } else {
                Encoding::SevenBit
            });
            self.plan.text_is_utf8 = if mail.text.pieces {
                mail.text.utf8
            } else {
                is_utf8(mail.text.octets)
            };
            return State::Envelope;
        }
        if mail.text.pieces {
            self.encoder.choose(Encoding::QuotedPrintable);
            self.plan.text_is_utf8 = mail.text.utf8;
            return State::Envelope;
        }
        let text = mail.text.octets;
        let survey = Survey::of(text);
        let encoding = survey.encoding(eight_bit_mime);
        self.encoder.choose(encoding);
        self.plan.text_is_utf8 = is_utf8(text);
        if let Some(limit) = self.parser.size() {
            let mut window = Window::counting();
            self.write_line(State::Text as usize, job, &mut window);
            let size = survey.size_behind(text, &mut self.encoder, &mut window);
            self.plan.size = size;
            if limit > 0 && Size::from(size) > limit {
                self.conclude(Code::DataFailed, Reason::TooLarge);
                return State::Quit;
            }
        }
        State::Envelope
    }

    fn envelope_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        let step = self.step;
        self.refused(job, accepted);
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
                // Everybody is accepted: the text may go. Or nobody is to get the mail, and the server waits for it.
                return if concluded { State::LoneDot } else { State::Text };
            }
            _ => {}
        }
        State::Envelope
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{Field, Settings};
    use super::*;
    use crate::wire::capability::Capabilities;
    use std::string::String;

    /// What is kept of the server's words where they refuse a login, or a sender.
    fn kept(words: &str, state: State, username: &'static [u8], password: &'static [u8]) -> String {
        kept_of(std::format!("535 {words}\n").as_bytes(), state, username, password)
    }

    /// The same of a whole reply, octet by octet.
    fn kept_of(reply: &[u8], state: State, username: &'static [u8], password: &'static [u8]) -> String {
        let mut job = Job {
            settings: Settings::NONE,
            mail: None,
        };
        job.settings.mechanisms = Capabilities::PLAIN;
        job.settings.set_text(Field::Username, username);
        job.settings.set_text(Field::Password, password);
        let mut session = Session::IDLE;
        (session.state, session.step) = (state, state.step());
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
            assert_eq!(kept(words, State::AuthPlain, b"kotelna", b"tajne-heslo"), wanted);
            assert_eq!(kept(words, State::AuthPassword, b"kotelna", b"tajne-heslo"), wanted);
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
                let kept = kept_of(&words, State::AuthPassword, b"kotelna", password);
                let rest = kept.strip_prefix("no: x ").or(kept.strip_prefix("no: ")).unwrap();
                assert_eq!(rest.trim_end_matches("end").trim_end(), "******", "{octet}: {kept:?}");
            }
        }
    }

    #[test]
    fn a_short_user_name_leaves_the_server_s_url_readable() {
        let words = "user mail: see https://mail.example/mail (bWFpbA==)";
        let wanted = "user ****: see https://mail.example/mail (******==)";
        assert_eq!(kept(words, State::AuthPlain, b"mail", b"tajne-heslo"), wanted);
        // And a short password does not: it is seen nowhere.
        let wanted = "user ****: see https://****.example/**** (******==)";
        assert_eq!(kept(words, State::AuthPlain, b"kotelna", b"mail"), wanted);
    }

    #[test]
    fn after_the_login_only_the_password_is_masked() {
        let words = "kotelna: tajne-heslo a290ZWxuYQ== dGFqbmUtaGVzbG8";
        let wanted = "kotelna: *********** a290ZWxuYQ== ***************";
        assert_eq!(kept(words, State::Envelope, b"kotelna", b"tajne-heslo"), wanted);
    }

    #[test]
    fn a_login_longer_than_the_kept_text_is_masked_at_its_end() {
        static PASSWORD: [u8; 1000] = [b'x'; 1000];
        let words = String::from("no: AHUA") + &"eHh4".repeat(100);
        let wanted = String::from("no: ") + &"*".repeat(REPLY_TEXT_BYTES - 4);
        assert_eq!(kept(&words, State::AuthPlain, b"u", &PASSWORD), wanted);
    }

    #[test]
    fn a_user_name_within_the_password_hides_nothing_of_it() {
        assert_eq!(
            kept("no: kotelna1", State::AuthPassword, b"kotelna", b"kotelna1"),
            "no: ********"
        );
    }
}
