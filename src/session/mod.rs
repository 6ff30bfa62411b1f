//! One mail's conversation with a server: a state machine without I/O.
//!
//! Time comes in as milliseconds since the session began, octets come in and go out through lent buffers, and the job
//! (settings and mail) is lent with every call; the session keeps neither. Whoever drives it
//!
//! 1. connects, and says so with [`Session::connected`] (or [`Session::lost`]),
//! 2. takes octets to send from [`Session::transmit`] and says with [`Session::sent`] how many of them have left
//!    (where the mail's text comes in pieces, [`Session::wants_text`] says then which part is wanted next),
//! 3. hands in what arrived with [`Session::receive`],
//! 4. calls [`Session::tick`] when [`Session::deadline`] has come,
//! 5. reads the result from [`Session::verdict`] as soon as there is one, and closes when [`Session::closed`] says so.
//!
//! - [`job`]: what is to be done
//! - [`state`]: the one table of states
//! - [`machine`]: the session: events in, one verdict
//! - [`answer`]: what the server's answers lead to
//! - [`output`]: octets out, as the states and the server allow
//! - [`line`]: what each state says
//! - [`verdict`]: how it ended

pub mod answer;
pub mod job;
pub mod line;
pub mod machine;
pub mod output;
pub mod state;
pub mod verdict;

pub use job::{Job, Mail, Settings, Text};
pub use machine::Session;
pub use state::State;
pub use verdict::Verdict;
