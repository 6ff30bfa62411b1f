//! A session with a server, and the mail transactions in it (RFC 5321, 3): a state machine without I/O.
//!
//! Time comes in as milliseconds since the session began, octets come in and go out through lent buffers, and the job
//! (settings and mail) is lent with every call; the session keeps neither. Its owner
//!
//! 1. connects, and says so with [`Session::connected`] (or [`Session::lost`]),
//! 2. takes octets to send from [`Session::transmit`] and says with [`Session::sent`] how many of them have left
//!    (where the mail's text comes in pieces, [`Session::wants_text`] says then which part is wanted next),
//! 3. hands in what arrived with [`Session::receive`],
//! 4. calls [`Session::tick`] when [`Session::deadline`] has come,
//! 5. hears of the dialogue and of the result through [`Events`], or asks [`Session::settled`] and [`Session::end`],
//! 6. begins another transaction with [`Session::next`], or closes when [`Session::closed`] says so.
//!
//! - [`job`]: what is to be done
//! - [`state`]: the one table of states
//! - [`mod@session`]: what lives as long as the connection
//! - [`transaction`]: what lives as long as one mail
//! - `chunks`: what is known of a mail that goes in chunks, where there is a system
//! - `chunking`: how it goes
//! - `parameters`: what few mails say in their envelope, where there is a system
//! - `recipients`: whom a transaction is for, where that is not everybody, likewise
//! - [`envelope`]: MAIL, RCPT, DATA, and what the answers to them lead to
//! - [`answer`]: what the server's answers lead to
//! - [`choice`]: which mechanism logs in
//! - [`login`]: what the answers to a mechanism lead to
//! - [`secure`]: when STARTTLS is said, and what follows
//! - [`transmit`]: octets out, as the states and the server allow
//! - [`event`]: what the owner is told
//! - [`verdict`]: how a mail ended

pub mod answer;
pub mod choice;
#[cfg(feature = "std")]
pub mod chunking;
#[cfg(feature = "std")]
pub mod chunks;
pub mod envelope;
pub mod event;
pub mod job;
pub mod login;
#[cfg(feature = "std")]
pub mod parameters;
#[cfg(feature = "std")]
pub mod recipients;
pub mod secure;
#[allow(clippy::module_inception)]
pub mod session;
pub mod state;
pub mod transaction;
pub mod transmit;
pub mod verdict;

pub use event::Events;
pub use job::{Date, Job, Mail, Settings, Text};
pub use session::Session;
pub use state::State;
pub use verdict::Verdict;
