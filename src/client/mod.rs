//! What an SDS device has: settings, one mail in flight, the result of the last one, a log.
//!
//! - [`settings`]: what a program configures, and what is refused
//! - [`device`]: the configuration of the built-in client
//! - `wrong`: what is wrong with what is refused, in words
//! - [`mail`]: what a program sends, and what is refused
//! - [`status`]: what became of the last mail, in one number
//! - `guard`: one mail in flight, where there are threads
//! - [`report`]: how the last mail ended
//! - `url`: a server as a URL, where there is a system
//! - [`log`]: how the last mails ended
//! - `policy`: whether a mail that failed is tried once more, where there is a system
//! - `advice`: what to do about a mail that failed
//! - `hint`: the same in words, behind the server's words

pub mod advice;
pub mod device;
#[cfg(feature = "std")]
pub mod guard;
#[cfg(feature = "std")]
pub mod hint;
pub mod log;
pub mod mail;
#[cfg(feature = "std")]
pub mod policy;
pub mod report;
pub mod settings;
pub mod status;
#[cfg(feature = "std")]
pub mod url;
#[cfg(feature = "std")]
pub mod wrong;
