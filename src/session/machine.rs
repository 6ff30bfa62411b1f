//! The session: events in, octets out, one verdict.

use super::job::Job;
use super::state::State;
use super::verdict::Verdict;
use crate::code::{Code, Outcome, Phase, Reason, Step};
use crate::limits::{LIMITS, Timeouts};
use crate::message::body::{Encoder, Encoding};
use crate::wire::capability::Parser;
use crate::wire::literal::Address;
use crate::wire::reply::{Progress, Reader, enhanced_status_code};

/// In the order of the limits the last two; before them stand those of the phases, from Connect on.
const QUIT: usize = LIMITS - 2;
const TOTAL: usize = LIMITS - 1;

const _: () = assert!(QUIT == Phase::End as usize - Phase::Connect as usize + 1);

/// The limits where the settings have none.
static DEFAULTS: [u16; LIMITS] = Timeouts::RFC_5321.in_seconds();

/// A limit of the settings, in milliseconds.
fn limit(job: &Job<'_>, number: usize) -> u32 {
    match job.settings.limits.get(number) {
        Some(0) | None => DEFAULTS
            .get(number)
            .map_or(0, |seconds| u32::from(*seconds).wrapping_mul(1000)),
        Some(limit) => *limit,
    }
}

/// The parts of the text, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Body,
    Dot,
}

/// The envelope: MAIL is command 0, then come the RCPTs, then DATA. Commands are said in this order, as far ahead of
/// the answers as the server allows, and answered in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    /// The number of the DATA command.
    pub data: u16,
    /// Commands written whole.
    pub said: u16,
    /// Commands answered.
    pub answered: u16,
    /// RCPTs refused and accepted.
    pub counts: [u16; 2],
    /// MAIL was accepted, and nothing has ended the transaction since.
    pub open: bool,
}

impl Envelope {
    /// The step of a command.
    pub(super) fn step(&self, command: u16) -> Step {
        match command {
            0 => Step::Mail,
            _ if command < self.data => Step::Rcpt,
            _ => Step::Data,
        }
    }
}

/// How the text of this mail is written, fixed before MAIL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub text_is_utf8: bool,
    /// What SIZE= says; 0 where it is not said.
    pub size: u32,
}

/// One mail's conversation. See the [module](super) for how it is driven.
///
/// The fields stand in this order in memory, the small ones first: near the beginning they are reached with shorter
/// instructions.
#[repr(C)]
pub struct Session {
    pub(super) state: State,
    /// The step whose answer is awaited.
    pub(super) step: Step,
    pub(super) part: Part,
    /// It is our turn: the state's line is not written whole yet (`cursor` octets of it are), or, with the final dot, has
    /// not left. A reply is none to it then.
    pub(super) pending: bool,
    /// A server that refused EHLO and closed was asked once more, with HELO.
    pub(super) helo_only: bool,
    reconnect: bool,
    pub(super) pipelining: bool,
    /// All that is at hand of the text is written, and more follows.
    pub(super) starved: bool,
    /// Fixed as soon as its outcome is not [`Outcome::None`] any more.
    pub(super) verdict: Verdict,
    pub(super) envelope: Envelope,
    pub(super) parser: Parser,
    /// The time of the current event, in milliseconds since the session began.
    pub(super) now: u32,
    deadline: u32,
    total_deadline: u32,
    pub(super) cursor: usize,
    /// Octets that were handed out and have not left yet.
    pub(super) unsent: usize,
    /// Octets of the text that are written.
    pub(super) taken: usize,
    pub(super) reader: Reader,
    pub(super) plan: Plan,
    pub(super) encoder: Encoder,
    pub(super) local: Address,
}

impl Session {
    /// A place for a session that has not begun. All of it is zeros, so that it takes no room in a program's image.
    pub const IDLE: Self = Self {
        now: 0,
        deadline: 0,
        total_deadline: 0,
        state: State::Connecting,
        step: Step::Connect,
        part: Part::Header,
        pending: false,
        helo_only: false,
        reconnect: false,
        pipelining: false,
        starved: false,
        cursor: 0,
        unsent: 0,
        taken: 0,
        encoder: Encoder::new(Encoding::SevenBit),
        plan: Plan {
            text_is_utf8: false,
            size: 0,
        },
        envelope: Envelope {
            data: 0,
            said: 0,
            answered: 0,
            counts: [0; 2],
            open: false,
        },
        verdict: Verdict {
            code: Code::Ok,
            step: Step::Connect,
            outcome: Outcome::None,
            reason: Reason::None,
            recipient: 0,
            reply: 0,
        },
        parser: Parser::new(),
        local: Address::NONE,
        reader: Reader::new(),
    };

    /// A session that begins to connect now.
    pub fn new(job: &Job<'_>) -> Self {
        let mut new = Self::IDLE;
        new.begin(job);
        new
    }

    /// Begins to connect, now: what was before is forgotten. The time of a session is counted from here.
    pub fn begin(&mut self, job: &Job<'_>) {
        *self = Self::IDLE;
        self.total_deadline = limit(job, TOTAL);
        self.be_patient(job);
    }

    /// The state, for whoever looks.
    pub fn state(&self) -> State {
        self.state
    }

    /// The result, as soon as nothing can change it any more. The conversation may go on for RSET and QUIT.
    pub fn verdict(&self) -> Option<Verdict> {
        self.state.settled().then_some(self.verdict)
    }

    /// The same, for who knows that it stands.
    pub fn concluding(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether there is a verdict, if only for ourselves yet.
    pub(super) fn concluded(&self) -> bool {
        self.verdict.outcome != Outcome::None
    }

    /// The server's text that belongs to the verdict: printable ASCII.
    pub fn text(&self) -> &[u8] {
        if !self.concluded() {
            return &[];
        }
        if self.verdict.reason != Reason::None {
            return self.verdict.reason.text();
        }
        let mut text = self.reader.text();
        while let [rest @ .., b' '] = text {
            text = rest;
        }
        text
    }

    /// The enhanced status code (RFC 3463) of the reply that the verdict speaks of, or zeros.
    pub fn enhanced_status_code(&self) -> [u32; 3] {
        // Our own words begin with none.
        enhanced_status_code(self.text())
    }

    /// Recipients accepted and refused.
    pub fn recipients(&self) -> (u16, u16) {
        let [refused, accepted] = self.envelope.counts;
        (accepted, refused)
    }

    /// Whether the connection is to be closed, now.
    pub fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Wipes the server's last words, when nobody will ask for them any more: they may repeat the login.
    pub fn wipe(&mut self) {
        self.reader.wipe_text();
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
    pub fn deadline(&self) -> Option<u32> {
        (!self.closed()).then_some(self.deadline)
    }

    /// Counts the time limit of what is awaited from now on.
    pub(super) fn be_patient(&mut self, job: &Job<'_>) {
        let mut number = (self.step.phase() as usize).wrapping_sub(Phase::Connect as usize);
        if self.state.settled() {
            number = QUIT;
            self.total_deadline = u32::MAX;
        }
        self.deadline = self.now.saturating_add(limit(job, number)).min(self.total_deadline);
    }

    pub(super) fn enter(&mut self, job: &Job<'_>, state: State) {
        let mut state = state;
        self.pending = true;
        self.step = state.step();
        if state == State::Envelope {
            self.step = self.envelope.step(self.envelope.answered);
            self.pending = self.envelope.answered == self.envelope.said;
            // The mail is refused, and all answers have come. (A command of which a part has left is ended before.)
            if self.pending && self.concluded() && self.cursor == 0 {
                state = State::Quit;
            }
        }
        // In good order: an open transaction is given up first.
        if state == State::Quit && core::mem::take(&mut self.envelope.open) {
            state = State::Rset;
        }
        self.state = state;
        self.be_patient(job);
    }

    /// The connection stands, and `local` is our end's address.
    pub fn connected(&mut self, job: &Job<'_>, now: u32, local: &Address) {
        if self.state == State::Connecting {
            self.local = *local;
            self.stands(job, now);
        }
    }

    /// The same in two steps: where our end's address is put, ...
    pub fn local(&mut self) -> &mut Address {
        &mut self.local
    }

    /// ... and then the connection stands, which was being made.
    pub fn stands(&mut self, job: &Job<'_>, now: u32) {
        self.now = now;
        self.local.unmap();
        self.enter(job, State::Greeting);
        // The server speaks first.
        self.pending = false;
    }

    /// Of what [`Session::transmit`] gave, these many octets more have left.
    pub fn sent(&mut self, job: &Job<'_>, now: u32, octets: usize) {
        self.now = now;
        self.unsent = self.unsent.saturating_sub(octets);
        // Until the final dot has left, its deadline is that of the text.
        if self.step == Step::Text {
            if self.state == State::End && self.unsent == 0 {
                self.step = Step::End;
                // A reply that began before the final dot had left is no answer to it.
                self.pending = !self.reader.idle();
            }
            self.be_patient(job);
        }
    }

    /// Octets arrived.
    pub fn receive(&mut self, job: &Job<'_>, now: u32, octets: &[u8]) {
        self.now = now;
        let mut octets = octets;
        while let Some((&octet, rest)) = octets.split_first() {
            if matches!(self.state, State::Closed | State::Connecting) {
                return;
            }
            // The same, several octets at a time.
            if cfg!(feature = "std") {
                let run = self.reader.take_text(octets);
                if run > 0 {
                    let (run, after) = octets.split_at_checked(run).unwrap_or((octets, &[]));
                    if self.state == State::Ehlo {
                        self.parser.feed_all(run);
                    }
                    octets = after;
                    continue;
                }
            }
            octets = rest;
            match self.reader.feed(octet) {
                Progress::Pending => {}
                Progress::Text => {
                    if self.state == State::Ehlo {
                        self.parser.feed(octet);
                    }
                }
                progress @ (Progress::Line | Progress::Reply) => {
                    self.end_of_line();
                    if progress == Progress::Reply {
                        self.reply(job);
                        self.reader.next_reply();
                    }
                }
                Progress::Broken => self.give_up(Reason::NotSmtp),
            }
        }
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

    /// The connection cannot be made, or ended.
    pub fn lost(&mut self, job: &Job<'_>, now: u32, reason: Reason) {
        self.now = now;
        // A server that refused EHLO and closed is asked once more, with HELO at once.
        if self.state == State::Helo && !self.helo_only && !self.concluded() {
            self.helo_only = true;
            self.reconnect = true;
            (self.unsent, self.cursor) = (0, 0);
            self.reader.next_reply();
            self.enter(job, State::Connecting);
            return;
        }
        self.give_up(reason);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u32) {
        if now >= self.deadline {
            self.give_up(if self.deadline == self.total_deadline {
                Reason::TotalDeadline
            } else {
                Reason::Deadline
            });
        }
    }

    /// The program does not want the mail to be sent any more.
    pub fn cancel(&mut self) {
        if !self.state.settled() {
            self.give_up(Reason::Cancelled);
        }
    }

    /// Ends the conversation without another word, for a reason of ours.
    pub(super) fn give_up(&mut self, reason: Reason) {
        let code = match reason {
            // The system's own time limit for connecting is a deadline like ours.
            Reason::Deadline | Reason::TotalDeadline => Code::Timeout,
            Reason::Cancelled => Code::Cancelled,
            _ => self.step.code(),
        };
        self.conclude(code, reason);
        self.state = State::Closed;
    }

    /// Fixes the verdict, unless there is one. Without a reason of ours it is the server's word that decides.
    pub(super) fn conclude(&mut self, code: Code, reason: Reason) {
        if self.concluded() {
            return;
        }
        // All else of it is as it was before the session: 0.
        self.verdict.code = code;
        self.verdict.step = self.step;
        self.verdict.reason = reason;
        self.verdict.outcome = Outcome::NotSent;
        if reason != Reason::None {
            if self.step == Step::End {
                // The final dot has left, and its answer will not come.
                self.verdict.outcome = Outcome::Unknown;
            }
            // A part of a reply, perhaps, that repeats the login.
            self.reader.wipe_text();
        } else {
            self.verdict.reply = self.reader.code();
        }
        if self.step == Step::Rcpt {
            self.verdict.recipient = self.envelope.answered.wrapping_sub(1);
        }
        self.reader.hold_text();
    }
}
