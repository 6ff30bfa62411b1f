//! What the host takes of a session's events: the end; and the dialogue, where somebody wants it.

use super::keys::Tag;
use super::memory::{Boxed, Row, wipe};
use super::sys;
use super::transcript::Transcript;
use super::verdicts::{Verdicts, is_of_recipients};
use crate::auth::Exchange;
use crate::auth::exchange::NONCE_BYTES;
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Reason, Step};
use crate::limits::{CHALLENGE_BYTES, Count};
use crate::session::event::{End, Events, Hearing, RecipientVerdict};
use crate::wire::reply::enhanced_status_code;

/// Takes the events of a session.
#[derive(Default)]
pub struct Sink {
    /// The result, when there is one.
    pub report: Option<Report>,
    /// The number of the recipient that the log shows.
    pub recipient: Count,
    /// It is the one whose refusal decided.
    pub decided: bool,
    /// What becomes of each recipient, where there are several.
    pub verdicts: Option<Boxed<Verdicts>>,
    /// Takes the dialogue.
    pub transcript: Option<Boxed<Transcript>>,
    /// A login with challenges.
    login: Option<Boxed<Login>>,
}

/// What a login with challenges remembers.
struct Login {
    exchange: Exchange,
    /// A challenge that is longer than what is kept of a reply.
    challenge: Row<u8>,
    /// What tells its keys from others, from when saved ones were looked for.
    tag: Option<Tag>,
}

impl Drop for Login {
    fn drop(&mut self) {
        wipe(&mut self.challenge);
    }
}

impl Sink {
    /// Between two mails: gives back what only a mail needs.
    pub fn rest(&mut self) {
        self.transcript = None;
        self.login = None;
        (self.recipient, self.decided) = (0, false);
    }

    /// The login with challenges that is under way.
    pub fn exchange(&mut self) -> Option<&mut Exchange> {
        self.login.as_mut().map(|login| &mut login.exchange)
    }

    /// What tells the keys of that login from others, where it was noted.
    pub fn tag(&self) -> Option<Tag> {
        self.login.as_ref()?.tag
    }

    /// Notes it.
    pub fn set_tag(&mut self, tag: Tag) {
        if let Some(login) = &mut self.login {
            login.tag = Some(tag);
        }
    }
}

impl Events for Sink {
    fn end(&mut self, end: &End<'_>) {
        let mut report = Report::of(end);
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.note_unanswered(end.unanswered);
        }
        if let Some(verdicts) = self.verdicts.as_ref().filter(|_| is_of_recipients(&report)) {
            // What the server has said of others since took the place of it.
            if let Some(text) = verdicts.refusal() {
                report.text = Bounded::new(text.trim_ascii_end());
                report.enhanced = enhanced_status_code(text);
            }
        }
        self.report = Some(report);
        self.recipient = end.verdict.recipient;
        self.decided = end.verdict.step == Step::Rcpt && end.verdict.code != Code::Ok;
    }

    fn recipient(&mut self, verdict: &RecipientVerdict<'_>) -> bool {
        let Some(verdicts) = &mut self.verdicts else {
            return false;
        };
        verdicts.answer(verdict);
        verdict.counts && verdict.code != Code::Ok
    }

    fn skips(&self, number: Count) -> bool {
        self.verdicts.as_ref().is_some_and(|verdicts| verdicts.skips(number))
    }

    fn wanted(&self, most: Count) -> Count {
        self.verdicts.as_ref().map_or(most, |verdicts| verdicts.wanted(most))
    }

    fn listens(&self) -> bool {
        self.transcript.is_some()
    }

    fn said(&mut self, line: &[u8]) {
        if let Some(transcript) = &mut self.transcript {
            transcript.said(line);
        }
    }

    fn data(&mut self, octets: &[u8]) {
        if let Some(transcript) = &mut self.transcript {
            transcript.data(octets);
        }
    }

    fn hearing(&mut self) -> Option<&mut Hearing> {
        self.transcript.as_mut().map(|transcript| transcript.hearing())
    }

    fn heard(&mut self) {
        if let Some(transcript) = &mut self.transcript {
            transcript.heard();
        }
    }

    fn keep_challenge(&mut self, octets: &[u8]) -> bool {
        let Some(login) = &mut self.login else { return false };
        if login.challenge.len().saturating_add(octets.len()) > CHALLENGE_BYTES {
            return false;
        }
        if login.challenge.is_empty() {
            // Room for all of it: growing would leave copies behind, and a server may repeat a token.
            match Row::with_room(CHALLENGE_BYTES) {
                Some(row) => login.challenge = row,
                None => return false,
            }
        }
        login.challenge.append(octets).is_some()
    }

    fn drop_challenge(&mut self) {
        if let Some(login) = &mut self.login {
            wipe(&mut login.challenge);
            login.challenge = Row::new();
        }
    }

    fn begin_exchange(&mut self) -> Result<(), Reason> {
        self.end_exchange();
        let mut random = [0; NONCE_BYTES];
        if !sys::random(&mut random) {
            return Err(Reason::NoRandom);
        }
        let login = Login {
            exchange: Exchange::new(&random),
            challenge: Row::new(),
            tag: None,
        };
        self.login = Some(Boxed::new(login).ok_or(Reason::NoMemory)?);
        Ok(())
    }

    fn exchange(&mut self) -> Option<(&mut Exchange, &[u8])> {
        let login = &mut **self.login.as_mut()?;
        Some((&mut login.exchange, &login.challenge))
    }

    fn challenge(&self) -> &[u8] {
        self.login.as_ref().map_or(&[], |login| &login.challenge)
    }

    fn end_exchange(&mut self) {
        self.drop_challenge();
        self.login = None;
    }
}
