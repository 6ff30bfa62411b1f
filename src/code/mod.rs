//! The result codes, and which code a failure has.
//!
//! - [`result`]: the codes, each with its number and its description
//! - [`phase`]: how far a mail came, and what became of it
//! - [`step`]: the exchanges with the server; each has a code of its own
//! - [`mod@refusal`]: the code of a step that a reply refused, code 6 among them
//! - [`reason`]: what failed without a reply

pub mod phase;
pub mod reason;
pub mod refusal;
pub mod result;
pub mod step;

pub use phase::{Outcome, Phase};
pub use reason::Reason;
pub use refusal::refusal;
pub use result::Code;
pub use step::Step;
