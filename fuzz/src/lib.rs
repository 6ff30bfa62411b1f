//! What the fuzz targets do with their input. Each target is a function here, and panics when something is wrong.
//!
//! Whatever judges the library is written anew from the RFCs and the library's documentation, and shares no code with it.
//!
//! - [`input`]: how settings, events and calls are read out of an input
//! - [`wiretap`]: what somebody knows who reads along on the wire
//! - [`mail`]: base64, quoted-printable, dots and line ends, slow and plain
//! - [`session`], [`reply`], [`ehlo`], [`list`], [`servers`], [`url`], [`words`], [`parts`], [`challenges`],
//!   [`calls`]: the targets
//! - [`dialogue`]: inputs for them, made of the test dialogues

pub mod calls;
pub mod challenges;
pub mod dialogue;
pub mod ehlo;
pub mod input;
pub mod list;
pub mod mail;
#[cfg(feature = "words")]
pub mod parts;
pub mod reply;
pub mod servers;
pub mod session;
pub mod url;
pub mod wiretap;
#[cfg(feature = "words")]
pub mod words;
