//! Lines of RFC 5321: octets to values, and back.
//!
//! - [`command`]: what the client says
//! - [`transparency`]: dots that begin a line of the mail data
//! - [`reply`]: reads what the server says, at any segmentation
//! - [`relay`]: whether a refusal is a refusal to relay
//! - [`capability`]: what an EHLO reply announces
//! - [`words`]: known words, as a tree
//! - [`address`]: mailboxes, and lists of them
//! - [`literal`]: IP addresses, address literals

pub mod address;
pub mod capability;
pub mod command;
pub mod literal;
pub mod relay;
pub mod reply;
pub mod transparency;
pub mod words;
