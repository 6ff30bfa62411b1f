//! The mail as it is sent (RFC 5322, RFC 2045 to 2047): composed into a lent buffer, never as a whole.
//!
//! - [`header`]: the header block
//! - `field`: header fields that few mails have, where there is a system
//! - [`word`]: header text that is not ASCII, or too long for a line
//! - [`date`]: RFC 5322 dates
//! - [`text`]: a text, whole or in pieces
//! - [`plan`]: how a text is sent
//! - [`survey`]: what a text needs, found in one pass
//! - [`body`]: the text: line ends, and quoted-printable where it is needed
//! - `head`: the heads of parts, where there is a system
//! - `part`: HTML, whole messages, several parts: where there is a system
//! - `watch`: whether a whole message names who is not to be named, where there is a system

pub mod body;
pub mod date;
#[cfg(feature = "std")]
pub mod field;
#[cfg(feature = "std")]
pub mod head;
pub mod header;
#[cfg(feature = "std")]
pub mod part;
pub mod plan;
pub mod survey;
pub mod text;
#[cfg(feature = "std")]
pub mod watch;
pub mod word;
