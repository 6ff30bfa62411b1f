//! How the last mail ended, with everything that explains it.

use super::advice::Advice;
use crate::buffer::Window;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{Count, REPLY_TEXT_BYTES};
pub use crate::message::header::Nonce;
use crate::message::header::write_message_id;
pub use crate::octets::Bounded;
use crate::session::event::End;
use crate::wire::reply::enhanced_status_code;

/// The Message-ID of the last mail, written where it is wanted.
#[derive(Clone, Copy, Debug)]
pub enum MessageId<'a> {
    /// As it is; empty where there is none.
    Whole(&'a [u8]),
    /// Made of these.
    Parts {
        /// The nonce.
        nonce: &'a Nonce,
        /// The sender's mailbox.
        sender: &'a [u8],
    },
}

impl MessageId<'_> {
    /// Writes it, with its angle brackets.
    pub fn write(self, out: &mut Window<'_>) {
        match self {
            Self::Whole(octets) => out.put_all(octets),
            Self::Parts { nonce, sender } => write_message_id(sender, nonce, out),
        }
    }
}

impl<const N: usize> Bounded<N> {
    /// A Message-ID.
    pub fn message_id(nonce: Nonce, sender: &[u8]) -> Self {
        Self::written(|room| {
            let mut window = Window::new(room, 0);
            write_message_id(sender, &nonce, &mut window);
            window.kept()
        })
    }
}

/// The result of a mail, made of the session's last event. Who cannot spare the room asks [`crate::session::Session::end`] for
/// each part.
#[derive(Clone, Copy)]
pub struct Report<T = Bounded<REPLY_TEXT_BYTES>> {
    /// The result code.
    pub code: Code,
    /// What became of the mail.
    pub outcome: Outcome,
    /// How far it came.
    pub phase: Phase,
    /// The server's reply code, or 0.
    pub reply: u16,
    /// Our own explanation; [`Reason::None`] where the server's words are one.
    pub reason: Reason,
    /// The enhanced status code (RFC 3463), or zeros.
    pub enhanced: [u32; 3],
    /// Recipients accepted and refused.
    pub recipients: (Count, Count),
    /// From the start to the verdict, in milliseconds.
    pub elapsed: u32,
    /// How often the mail was attempted; 0 where it did not start.
    pub attempts: u32,
    /// The version of TLS that protected the last attempt, as its records have it; else 0.
    pub tls_version: u16,
    /// What to do.
    pub advice: Advice,
    /// The server's text, or where it said nothing ours.
    pub text: T,
}

impl<T> Report<T> {
    /// The same with another text.
    pub fn with_text<U>(&self, text: U) -> Report<U> {
        Report {
            code: self.code,
            outcome: self.outcome,
            phase: self.phase,
            reply: self.reply,
            reason: self.reason,
            enhanced: self.enhanced,
            recipients: self.recipients,
            elapsed: self.elapsed,
            attempts: self.attempts,
            tls_version: self.tls_version,
            advice: self.advice,
            text,
        }
    }
}

impl Report {
    /// Before the first mail.
    pub const NONE: Self = Self {
        code: Code::Ok,
        outcome: Outcome::None,
        phase: Phase::None,
        reply: 0,
        reason: Reason::None,
        enhanced: [0; 3],
        recipients: (0, 0),
        elapsed: 0,
        attempts: 0,
        tls_version: 0,
        advice: Advice::None,
        text: Bounded::EMPTY,
    };

    /// Of a mail that did not leave, for a reason of ours.
    pub fn unsent(code: Code, phase: Phase, outcome: Outcome, reason: Reason) -> Self {
        Self {
            code,
            outcome,
            phase,
            reason,
            text: Bounded::new(reason.text()),
            ..Self::NONE
        }
    }

    /// Of a mail that has ended; how long it took is not told yet.
    pub fn of(end: &End<'_>) -> Self {
        let verdict = end.verdict;
        Self {
            code: verdict.code,
            outcome: verdict.outcome,
            phase: verdict.step.phase(),
            reply: verdict.reply,
            reason: verdict.reason,
            // Our own words begin with none.
            enhanced: enhanced_status_code(end.text),
            recipients: (end.accepted, end.refused),
            elapsed: 0,
            attempts: 0,
            tls_version: 0,
            advice: Advice::None,
            text: Bounded::new(end.text),
        }
    }
}
