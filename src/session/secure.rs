//! STARTTLS (RFC 3207): when it is said, and what it leads to.
//!
//! Nothing of a login or a mail is said before the handshake is done, and nothing that was learnt before it counts behind it.

use super::event::Events;
use super::job::Job;
#[cfg(feature = "complete")]
use super::job::Security;
use super::session::Session;
use super::state::State;
#[cfg(feature = "complete")]
use crate::code::{Code, Reason, Step};
#[cfg(feature = "complete")]
use crate::wire::capability::{Capability, Parser};

#[cfg(feature = "complete")]
impl<E: Events> Session<E> {
    /// Whether TLS protects the conversation, begun by STARTTLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether nothing may be sent without STARTTLS, and it has not begun.
    pub(super) fn needs_security(&self, job: &Job<'_>) -> bool {
        job.settings.security == Security::Required && !self.secure
    }

    /// The server was greeted: says STARTTLS where that is wanted and possible; or ends where it must be and cannot.
    pub(super) fn secure(&mut self, job: &Job<'_>) -> Option<State> {
        if self.secure || job.settings.security == Security::None {
            return None;
        }
        if self.capabilities.offers(Capability::StartTls) {
            return Some(State::StartTls);
        }
        if job.settings.security == Security::Opportunistic {
            return None;
        }
        let reason = self.why_not_offered();
        self.conclude(Code::TlsUnavailable, reason);
        // It is STARTTLS that fails.
        self.transaction.verdict.step = Step::StartTls;
        Some(State::Quit)
    }

    #[cfg(feature = "std")]
    fn why_not_offered(&self) -> Reason {
        if self.capabilities.offers(Capability::MaskedStartTls) {
            Reason::MaskedStartTls
        } else {
            Reason::NoStartTls
        }
    }

    /// A device has one word for both.
    #[cfg(not(feature = "std"))]
    fn why_not_offered(&self) -> Reason {
        Reason::NoStartTls
    }

    /// The handshake is done: what was learnt before is forgotten, and the server is greeted again.
    pub fn secured(&mut self, job: &Job<'_>, now: u32) {
        if self.state == State::Securing {
            self.now = now;
            self.secure = true;
            self.capabilities = Parser::new();
            self.reader.wipe_text();
            self.enter(job, State::Ehlo);
        }
    }

    /// Octets came behind the answer to STARTTLS: somebody's who has put them there before the handshake (RFC 3207, 6).
    pub(super) fn overhear(&mut self) {
        self.give_up(Reason::BehindStartTls);
    }
}

/// A small library has no TLS.
#[cfg(not(feature = "complete"))]
impl<E: Events> Session<E> {
    pub(super) fn is_secure(&self) -> bool {
        false
    }

    pub(super) fn needs_security(&self, _job: &Job<'_>) -> bool {
        false
    }

    pub(super) fn secure(&mut self, _job: &Job<'_>) -> Option<State> {
        None
    }
}
