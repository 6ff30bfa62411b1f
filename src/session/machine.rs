//! The session: events in, octets out, one verdict.

use core::net::IpAddr;

use super::job::Job;
use super::state::State;
use super::verdict::Verdict;
use crate::code::{Code, Outcome, Reason, Step};
use crate::message::body::{Encoder, Encoding};
use crate::utf8::Utf8;
use crate::wire::capability::{Capabilities, Parser};
use crate::wire::reply::{Progress, Reader};
use crate::wire::transparency::Transparency;

/// The parts of the text, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Body,
    Dot,
}

/// The envelope: MAIL is command 0, then come the RCPTs, then DATA. Commands are said in this order, as far ahead of
/// the answers as the server allows, and answered in this order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope {
    /// Recipients of the mail.
    pub recipients: u16,
    /// Commands written whole.
    pub said: u16,
    /// Commands answered.
    pub answered: u16,
    /// RCPTs accepted and refused.
    pub accepted: u16,
    pub refused: u16,
    /// MAIL was accepted, and nothing has ended the transaction since.
    pub open: bool,
}

impl Envelope {
    /// The number of the DATA command.
    pub fn data(self) -> u16 {
        self.recipients.saturating_add(1)
    }

    /// The step of a command.
    pub(super) fn step(self, command: u16) -> Step {
        match command {
            0 => Step::Mail,
            _ if command <= self.recipients => Step::Rcpt,
            _ => Step::Data,
        }
    }
}

/// How the text of this mail is written, fixed before MAIL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub encoding: Encoding,
    pub text_is_utf8: bool,
    /// What SIZE= says, where it is said.
    pub size: Option<u32>,
}

/// One mail's conversation. See the [module](super) for how it is driven.
pub struct Session {
    pub(super) state: State,
    pub(super) part: Part,
    /// The state's line is not written whole yet; `cursor` octets of it are.
    pub(super) pending: bool,
    pub(super) cursor: usize,
    /// Octets that were handed out and have not left yet.
    pub(super) unsent: usize,
    pub(super) capabilities: Capabilities,
    pub(super) local: IpAddr,
    pub(super) plan: Plan,
    pub(super) encoder: Encoder,
    /// Octets of the text that are written.
    pub(super) taken: usize,
    /// All that is at hand of the text is written, and more follows.
    pub(super) starved: bool,
    /// Where the text stands in its characters, if it comes in pieces.
    pub(super) utf8: Utf8,
    pub(super) transparency: Transparency,
    pub(super) envelope: Envelope,
    pub(super) pipelining: bool,
    pub(super) reader: Reader,
    pub(super) parser: Parser,
    /// The reply that is being read began before the final dot had left.
    pub(super) early: bool,
    /// A server that refused EHLO and closed was asked once more, with HELO.
    pub(super) helo_only: bool,
    reconnect: bool,
    pub(super) deadline: u64,
    total_deadline: u64,
    pub(super) verdict: Option<Verdict>,
    settled: bool,
}

impl Session {
    /// A session that begins to connect now.
    pub fn new(job: &Job<'_>, now: u64) -> Self {
        let timeouts = &job.settings.timeouts;
        Self {
            state: State::Connecting,
            part: Part::Header,
            pending: false,
            cursor: 0,
            unsent: 0,
            capabilities: Capabilities::default(),
            local: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
            plan: Plan {
                encoding: Encoding::SevenBit,
                text_is_utf8: true,
                size: None,
            },
            encoder: Encoder::new(Encoding::SevenBit),
            taken: 0,
            starved: false,
            utf8: Utf8::START,
            transparency: Transparency::START,
            envelope: Envelope::default(),
            pipelining: false,
            reader: Reader::new(),
            parser: Parser::new(),
            early: false,
            helo_only: false,
            reconnect: false,
            deadline: now.saturating_add(u64::from(timeouts.connect)),
            total_deadline: now.saturating_add(u64::from(timeouts.total)),
            verdict: None,
            settled: false,
        }
    }

    /// The state, for whoever looks.
    pub fn state(&self) -> State {
        self.state
    }

    /// The result, as soon as nothing can change it any more. The conversation may go on for RSET and QUIT.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict.filter(|_| self.settled)
    }

    /// The server's text that belongs to the verdict: printable ASCII.
    pub fn text(&self) -> &[u8] {
        match self.verdict {
            Some(Verdict {
                reason: Reason::None, ..
            }) => self.reader.text().trim_ascii_end(),
            Some(verdict) => verdict.reason.text().as_bytes(),
            None => &[],
        }
    }

    /// Recipients accepted and refused.
    pub fn recipients(&self) -> (u16, u16) {
        (self.envelope.accepted, self.envelope.refused)
    }

    /// Whether the connection is to be closed, now.
    pub fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether octets that were handed out carried credentials: wipe the buffer once they have left.
    pub fn secret_in_flight(&self) -> bool {
        matches!(
            self.state,
            State::AuthPlain | State::AuthPlainResponse | State::AuthUsername | State::AuthPassword
        )
    }

    /// Whether the connection is to be closed and made anew; true once for each time.
    pub fn wants_reconnect(&mut self) -> bool {
        core::mem::take(&mut self.reconnect)
    }

    /// From which octet on more of the text is needed, before [`Session::transmit`] can go on. Always None while what is at
    /// hand is enough, and where the text is whole.
    pub fn wants_text(&self) -> Option<usize> {
        (self.state == State::Text && self.starved).then_some(self.taken)
    }

    /// When to call [`Session::tick`], at the latest.
    pub fn deadline(&self) -> Option<u64> {
        match (self.state, self.settled) {
            (State::Closed, _) => None,
            (_, true) => Some(self.deadline),
            (_, false) => Some(self.deadline.min(self.total_deadline)),
        }
    }

    /// The step whose answer is awaited.
    pub(super) fn step(&self) -> Step {
        match self.state {
            State::Envelope => self.envelope.step(self.envelope.answered),
            State::End if self.unsent > 0 => Step::Text,
            state => state.row().step.unwrap_or(Step::End),
        }
    }

    /// What becomes of the mail if it ends here, without an answer.
    fn outcome(&self) -> Outcome {
        if self.state == State::End && self.unsent == 0 {
            Outcome::Unknown
        } else {
            Outcome::NotSent
        }
    }

    /// The final dot is written: it is the server's turn.
    pub(super) fn end_of_text(&mut self, job: &Job<'_>, now: u64) {
        // Its deadline is the text's until the final dot has left: `sent` tells.
        let deadline = self.deadline;
        self.enter(job, now, State::End);
        self.deadline = deadline;
    }

    pub(super) fn enter(&mut self, job: &Job<'_>, now: u64, state: State) {
        self.state = state;
        self.cursor = 0;
        self.pending = !matches!(state, State::Connecting | State::Greeting | State::End | State::Closed);
        let patience = (state.row().patience)(&job.settings.timeouts);
        self.deadline = now.saturating_add(u64::from(patience));
    }

    /// The connection stands, and `local` is our end's address.
    pub fn connected(&mut self, job: &Job<'_>, now: u64, local: IpAddr) {
        if self.state == State::Connecting {
            self.local = local;
            self.enter(job, now, State::Greeting);
        }
    }

    /// Of what [`Session::transmit`] gave, these many octets more have left.
    pub fn sent(&mut self, job: &Job<'_>, now: u64, octets: usize) {
        let before = self.unsent;
        self.unsent = self.unsent.saturating_sub(octets);
        if self.state == State::End && before > 0 && self.unsent == 0 {
            // A reply that began before the final dot had left is no answer to it.
            self.early = !self.reader.idle();
        }
        let timeouts = &job.settings.timeouts;
        let patience = match self.state {
            State::Text => timeouts.block,
            State::End if self.unsent > 0 => timeouts.block,
            State::End => timeouts.end,
            _ => return,
        };
        self.deadline = now.saturating_add(u64::from(patience));
    }

    /// Octets arrived.
    pub fn receive(&mut self, job: &Job<'_>, now: u64, octets: &[u8]) {
        let mut octets = octets;
        while let Some((&octet, rest)) = octets.split_first() {
            if matches!(self.state, State::Closed | State::Connecting) {
                return;
            }
            let (run, after) = octets
                .split_at_checked(self.reader.take_text(octets))
                .unwrap_or((&[], octets));
            if !run.is_empty() {
                if self.state == State::Ehlo {
                    self.parser.feed_all(run);
                }
                octets = after;
                continue;
            }
            octets = rest;
            match self.reader.feed(octet) {
                Progress::Pending => {}
                Progress::Text => {
                    if self.state == State::Ehlo {
                        self.parser.feed(octet);
                    }
                }
                Progress::Line => self.end_of_line(),
                Progress::Reply => {
                    self.end_of_line();
                    self.reply(job, now);
                    self.reader.next_reply();
                }
                Progress::Broken => self.garbled(),
            }
        }
    }

    /// The connection cannot be made, or ended.
    pub fn lost(&mut self, job: &Job<'_>, now: u64, reason: Reason) {
        if self.state == State::Closed {
            return;
        }
        // A server that refused EHLO and closed is asked once more, with HELO at once.
        if self.state == State::Helo && !self.helo_only && self.verdict.is_none() {
            self.helo_only = true;
            self.reconnect = true;
            self.unsent = 0;
            self.reader = Reader::new();
            self.enter(job, now, State::Connecting);
            return;
        }
        // The system's own time limit for connecting is a deadline like ours.
        let code = match reason {
            Reason::Deadline => Code::Timeout,
            _ => self.step().row().code,
        };
        self.conclude(code, self.step(), self.outcome(), 0, reason);
        self.close();
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) {
        let Some(deadline) = self.deadline().filter(|deadline| now >= *deadline) else {
            return;
        };
        self.conclude(
            Code::Timeout,
            self.step(),
            self.outcome(),
            0,
            if deadline == self.total_deadline {
                Reason::TotalDeadline
            } else {
                Reason::Deadline
            },
        );
        self.close();
    }

    /// The program does not want the mail to be sent any more.
    pub fn cancel(&mut self) {
        if self.settled {
            return;
        }
        self.conclude(Code::Cancelled, self.step(), self.outcome(), 0, Reason::Cancelled);
        self.close();
    }

    /// Fixes the verdict, unless there is one.
    pub(super) fn conclude(&mut self, code: Code, step: Step, outcome: Outcome, reply: u16, reason: Reason) {
        if self.verdict.is_some() {
            return;
        }
        let recipient = match step {
            Step::Rcpt => self.envelope.answered.saturating_sub(1),
            _ => 0,
        };
        self.verdict = Some(Verdict {
            code,
            step,
            outcome,
            recipient,
            reply,
            reason,
        });
        self.reader.hold_text();
    }

    /// Ends the conversation without another word.
    pub(super) fn close(&mut self) {
        self.settled = true;
        self.state = State::Closed;
        self.pending = false;
    }

    /// Ends the conversation in good order.
    pub(super) fn leave(&mut self, job: &Job<'_>, now: u64) {
        self.settled = true;
        let state = if self.envelope.open { State::Rset } else { State::Quit };
        self.enter(job, now, state);
    }

    fn end_of_line(&mut self) {
        if self.state != State::Ehlo {
            return;
        }
        self.parser.end_of_text();
        // Of what the server announces the result keeps the mechanisms only: they explain "no login".
        if self.reader.line_code() < 400 && !self.parser.in_auth_line() {
            self.reader.forget_line();
        }
        self.parser.next_line();
    }

    pub(super) fn garbled(&mut self) {
        self.conclude(self.step().row().code, self.step(), self.outcome(), 0, Reason::NotSmtp);
        self.close();
    }
}
