//! A mail transaction (RFC 5321, 3.3): what lives as long as one mail.

#[cfg(feature = "std")]
use super::chunks::Chunks;
use super::verdict::Verdict;
use crate::code::{Code, Outcome, Reason, Step};
use crate::limits::{Count, Size};
use crate::message::body::Encoder;
use crate::message::plan::Plan;
#[cfg(feature = "std")]
use crate::wire::address::List;
use crate::wire::transparency::Transparency;

/// The envelope: MAIL is command 0, then come the RCPTs, then DATA. Commands are said in this order, as far ahead of
/// the answers as the server allows, and answered in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    /// The number of the DATA command.
    pub data: Count,
    /// Commands written whole.
    pub said: Count,
    /// Commands answered.
    pub answered: Count,
    /// RCPTs accepted.
    pub accepted: Count,
    /// RCPTs refused.
    pub refused: Count,
    /// Where in the list the recipient of the next RCPT begins,
    pub recipient: usize,
    /// and where the one behind it.
    pub following: usize,
    /// The number of that recipient in the list, where some are skipped.
    #[cfg(feature = "std")]
    pub number: Count,
    /// The recipient of the next answer to RCPT.
    #[cfg(feature = "std")]
    pub heard: Place,
}

/// A recipient in a list.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// 0 is the first.
    pub number: Count,
    /// Where it begins.
    pub at: usize,
}

#[cfg(feature = "std")]
impl Place {
    /// The first one.
    pub(super) const FIRST: Self = Self { number: 0, at: 0 };

    /// The one behind it.
    pub(super) fn next(self, list: &[u8]) -> Self {
        let mut rest = List::behind(list, self.at);
        rest.next();
        Self {
            number: self.number.wrapping_add(1),
            at: list.len().wrapping_sub(rest.length()),
        }
    }

    /// Its mailbox.
    pub(super) fn mailbox<'a>(&self, list: &'a [u8]) -> &'a [u8] {
        List::behind(list, self.at).next().unwrap_or(&[])
    }
}

impl Envelope {
    /// The step of a command.
    pub(super) fn step(&self, command: Count) -> Step {
        match command {
            0 => Step::Mail,
            _ if command < self.data => Step::Rcpt,
            _ => Step::Data,
        }
    }

    /// RCPTs that were said and are not answered.
    #[cfg(feature = "std")]
    pub(super) fn unanswered(&self) -> Count {
        self.said.min(self.data).saturating_sub(self.answered.max(1))
    }

    /// Whether MAIL and each RCPT is answered, and nothing more.
    pub(super) fn all_but_data_answered(&self) -> bool {
        self.answered == self.data
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
    /// The envelope says more than its paths.
    #[cfg(feature = "std")]
    pub more: bool,
    /// A recipient that is refused does not end it: there are others.
    #[cfg(feature = "std")]
    pub partial: bool,
    /// How the text is written, fixed before MAIL.
    pub plan: Plan,
    /// Fixed as soon as its outcome is not [`Outcome::None`] any more.
    pub verdict: Verdict,
    pub envelope: Envelope,
    pub encoder: Encoder,
    /// Octets of the text that are written.
    pub taken: usize,
    /// What SIZE= says; 0 where it is not said.
    pub size: Size,
    /// Octets of the mail data, where they are known; and those that have left.
    #[cfg(feature = "std")]
    pub all: Size,
    #[cfg(feature = "std")]
    pub left: Size,
    /// Octets above 127 may be sent, and are declared.
    #[cfg(feature = "std")]
    pub eight_bit_mime: bool,
    /// The mail data in chunks, where it goes so.
    #[cfg(feature = "std")]
    pub chunks: Chunks,
}

impl Transaction {
    /// Before it has begun. All of it is zeros.
    pub(super) const NONE: Self = Self {
        open: false,
        pipelining: false,
        starved: false,
        transparency: Transparency::LineBegins,
        #[cfg(feature = "std")]
        more: false,
        #[cfg(feature = "std")]
        partial: false,
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
            following: 0,
            #[cfg(feature = "std")]
            number: 0,
            #[cfg(feature = "std")]
            heard: Place::FIRST,
        },
        plan: Plan::NONE,
        encoder: Encoder::new(Plan::NONE.encoding),
        taken: 0,
        size: 0,
        #[cfg(feature = "std")]
        all: 0,
        #[cfg(feature = "std")]
        left: 0,
        #[cfg(feature = "std")]
        eight_bit_mime: false,
        #[cfg(feature = "std")]
        chunks: Chunks::NONE,
    };

    /// Whether there is a verdict, if only for ourselves yet.
    pub(super) fn concluded(&self) -> bool {
        self.verdict.outcome != Outcome::None
    }
}
