//! How a conversation ended.

use crate::code::{Code, Outcome, Reason, Step};
use crate::limits::Count;

/// The result, fixed once and never changed: not by a lost QUIT, not by a late 421.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The result code.
    pub code: Code,
    /// The exchange in which it was decided.
    pub step: Step,
    /// What became of the mail.
    pub outcome: Outcome,
    /// Which recipient it was about (0 is the first), where it was about one.
    pub recipient: Count,
    /// The server's reply code, or 0 where it did not say anything.
    pub reply: u16,
    /// Our own explanation; [`Reason::None`] where the server's text is one.
    pub reason: Reason,
}
