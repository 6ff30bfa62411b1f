//! What an SDS device has: settings, one mail in flight, the result of the last one, a log.
//!
//! - [`settings`]: what a program configures, and what is refused
//! - [`device`]: the configuration of the built-in client
//! - [`mail`]: what a program sends, and what is refused
//! - [`status`]: what became of the last mail, in one number
//! - `guard`: one mail in flight, where there are threads
//! - [`report`]: how the last mail ended
//! - [`log`]: how the last mails ended

pub mod device;
#[cfg(feature = "std")]
pub mod guard;
pub mod log;
pub mod mail;
pub mod report;
pub mod settings;
pub mod status;
