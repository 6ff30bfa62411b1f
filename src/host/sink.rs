//! What the host takes of a session's events: the end; and the dialogue, where somebody wants it.

use super::memory::Boxed;
use super::transcript::Transcript;
use crate::client::report::Report;
use crate::code::{Code, Step};
use crate::limits::Count;
use crate::session::event::{End, Events, Hearing};

/// Takes the events of a session.
#[derive(Default)]
pub struct Sink {
    /// The result, when there is one.
    pub report: Option<Report>,
    /// The number of the recipient that the log shows.
    pub recipient: Count,
    /// It is the one whose refusal decided.
    pub decided: bool,
    /// Takes the dialogue.
    pub transcript: Option<Boxed<Transcript>>,
}

impl Events for Sink {
    fn end(&mut self, end: &End<'_>) {
        self.report = Some(Report::of(end));
        self.recipient = end.verdict.recipient;
        self.decided = end.verdict.step == Step::Rcpt && end.verdict.code != Code::Ok;
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
}
