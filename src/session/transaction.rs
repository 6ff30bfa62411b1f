//! A mail transaction (RFC 5321, 3.3): what lives as long as one mail. Its envelope goes out as MAIL, RCPT, DATA; and what the
//! answers to them lead to.

use super::event::{Events, RecipientVerdict};
use super::job::{Composing, Job, Mail};
use super::session::Session;
use super::state::State;
use super::verdict::Verdict;
use crate::buffer::Window;
use crate::code::{Code, Outcome, Reason, Step};
use crate::limits::Size;
use crate::message::body::Encoder;
use crate::message::header;
use crate::message::plan::Plan;
use crate::wire::address::List;
use crate::wire::capability::{EIGHT_BIT_MIME, PIPELINING};
use crate::wire::transparency::{Transparency, Transparent};

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
    /// RCPTs accepted.
    pub accepted: u16,
    /// RCPTs refused.
    pub refused: u16,
    /// Where in the list the recipient of the next RCPT begins.
    pub recipient: usize,
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

/// One mail's part of a session. The small fields stand first: near the beginning they are reached with shorter instructions.
#[repr(C)]
pub(super) struct Transaction {
    /// MAIL was accepted, and nothing has ended the transaction since.
    pub open: bool,
    pub pipelining: bool,
    /// All that is at hand of the text is written, and more follows.
    pub starved: bool,
    pub transparency: Transparency,
    /// Fixed as soon as its outcome is not [`Outcome::None`] any more.
    pub verdict: Verdict,
    pub envelope: Envelope,
    /// How the text is written, fixed before MAIL.
    pub plan: Plan,
    pub encoder: Encoder,
    /// Octets of the text that are written.
    pub taken: usize,
    /// What SIZE= says; 0 where it is not said.
    pub size: Size,
}

impl Transaction {
    /// Before it has begun. All of it is zeros.
    pub(super) const NONE: Self = Self {
        open: false,
        pipelining: false,
        starved: false,
        transparency: Transparency::LineBegins,
        verdict: Verdict {
            code: Code::Ok,
            step: Step::Connect,
            outcome: Outcome::None,
            reason: Reason::None,
            recipient: 0,
            reply: 0,
        },
        envelope: Envelope {
            data: 0,
            said: 0,
            answered: 0,
            accepted: 0,
            refused: 0,
            recipient: 0,
        },
        plan: Plan::NONE,
        encoder: Encoder::new(Plan::NONE.encoding),
        taken: 0,
        size: 0,
    };

    /// Whether there is a verdict, if only for ourselves yet.
    pub(super) fn concluded(&self) -> bool {
        self.verdict.outcome != Outcome::None
    }
}

/// Writes the header block.
pub(super) fn write_header(job: &Job<'_>, mail: &Mail<'_>, plan: &Plan, out: &mut Window<'_>) {
    if let Some(block) = mail.composed() {
        out.put_all(block);
    } else {
        let settings = &job.settings;
        header::write(&Composing { settings, mail, plan }, out);
    }
    header::write_encoding(plan, out);
}

impl<E: Events> Session<E> {
    /// Plans the transaction; or, in a probe, ends here.
    pub(super) fn begin_transaction(&mut self, job: &Job<'_>) -> State {
        if E::KEEPS {
            self.serves = true;
        }
        let Some(mail) = &job.mail else {
            self.conclude(Code::Ok, Reason::None);
            return State::Quit;
        };
        self.step = Step::Mail;
        let transaction = &mut self.transaction;
        transaction.pipelining = job.settings.pipelining && self.capabilities.offers(PIPELINING);
        transaction.envelope.data = List::new(mail.recipients).number().wrapping_add(1);
        let (plan, known) = Plan::of(&mail.text, self.capabilities.offers(EIGHT_BIT_MIME));
        transaction.plan = plan;
        transaction.encoder.choose(plan.encoding);
        if cfg!(feature = "complete") && !mail.text.pieces {
            if let Some(limit) = self.capabilities.size() {
                let mut counted = Window::counting();
                write_header(job, mail, &plan, &mut counted);
                if known.is_none() {
                    plan.count(&mail.text, &mut Transparent::new(&mut counted, &mut Transparency::Off));
                }
                let counted = Size::try_from(counted.written()).unwrap_or(Size::MAX);
                let size = counted.saturating_add(known.unwrap_or(0));
                transaction.size = size;
                if limit > 0 && size > Size::from(limit) {
                    self.conclude(Code::DataFailed, Reason::TooLarge);
                    return State::Quit;
                }
            }
        }
        State::Envelope
    }

    /// An answer to a command of the envelope.
    pub(super) fn envelope_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        let step = self.step;
        let code = if accepted { Code::Ok } else { self.refused(job) };
        let transaction = &mut self.transaction;
        let concluded = transaction.concluded();
        let envelope = &mut transaction.envelope;
        envelope.answered = envelope.answered.wrapping_add(1);
        match step {
            Step::Mail => transaction.open = accepted,
            Step::Rcpt => {
                let count = if accepted {
                    &mut envelope.accepted
                } else {
                    &mut envelope.refused
                };
                *count = count.wrapping_add(1);
                self.events.recipient(&RecipientVerdict {
                    number: envelope.answered.wrapping_sub(2),
                    code,
                    reply: self.reader.code(),
                    text: if accepted { &[] } else { self.reader.text() },
                });
            }
            _ if accepted => {
                // The final dot will end the transaction.
                transaction.open = false;
                // Everybody is accepted: the text may go. Or nobody is to get the mail, and the server waits for it.
                return if concluded { State::LoneDot } else { State::Header };
            }
            _ => {}
        }
        State::Envelope
    }
}
