//! An SMTP server (RFC 5321) that takes mail and keeps it: for tests, for benchmarks and for `make demo`.
//!
//! It is strict where a client could be wrong without anybody noticing: it refuses what real servers refuse somewhere
//! (bare CR or LF, a space after `MAIL FROM:`, over-long lines, 8-bit text that was not announced) and hangs up on a
//! client that talks out of turn. One thread a session; every buffer is bounded. `mail_sink --help` lists the options.

pub mod base64;
pub mod mailbox;
pub mod options;
pub mod session;
pub mod sink;
pub mod transcript;
