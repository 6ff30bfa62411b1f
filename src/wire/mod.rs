//! Lines of RFC 5321: octets to values, and back.
//!
//! - [`command`]: what the client says
//! - [`transparency`]: dots that begin a line of the mail data
//! - [`reply`]: reads what the server says, at any segmentation
//! - [`relay`]: whether a refusal is a refusal to relay
//! - `delayed`: whether a refusal of a recipient is one of the sender or of the EHLO name, where there is a system
//! - `protocol`: what other protocol speaks where the greeting should be, where there is a system
//! - [`capability`]: what an EHLO reply announces
//! - [`words`]: known words, as a tree
//! - [`address`]: mailboxes, and lists of them
//! - `mailbox`: lists of mailboxes as people write them, where there is a system
//! - [`literal`]: IP addresses, address literals

pub mod address;
pub mod capability;
pub mod command;
#[cfg(feature = "std")]
pub mod delayed;
pub mod literal;
#[cfg(feature = "std")]
pub mod mailbox;
#[cfg(feature = "std")]
pub mod protocol;
pub mod relay;
pub mod reply;
pub mod transparency;
pub mod words;
