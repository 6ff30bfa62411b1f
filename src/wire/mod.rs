//! Bytes to values and back: what stands in RFC 5321 about single lines.
//!
//! - [`reply`]: reads what the server says, at any segmentation
//! - [`relay`]: whether a refusal is one to relay
//! - [`capability`]: what an EHLO reply announces
//! - [`words`]: known words, as a tree
//! - [`address`]: mailboxes, lists of them
//! - [`literal`]: IP addresses, address literals

pub mod address;
pub mod capability;
pub mod literal;
pub mod relay;
pub mod reply;
pub mod words;
