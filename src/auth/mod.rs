//! Logging in (RFC 4954): the mechanisms, and what each of them says.
//!
//! - `mechanism`: the mechanisms, and which responses each of them has
//! - `plain`: PLAIN (RFC 4616)
//! - `login`: LOGIN
//! - `cram_md5`: CRAM-MD5 (RFC 2195)
//! - `scram`: SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677)
//! - `bearer`: XOAUTH2 and OAUTHBEARER (RFC 7628)
//! - `derivation`: what a password comes to with SCRAM
//! - `digest`: the hashes, and HMAC with them
//! - `exchange`: what a mechanism with challenges remembers
//! - `credentials`: what a mechanism logs in with
//! - `redaction`: a server that repeats the login in its answer
//!
//! A mechanism is a variant of [`Mechanism`]. It says its next response to a challenge ([`Mechanism::respond`]), and writes it
//! as often as it is asked ([`Mechanism::write`]). The [`crate::code::Step`] that a response belongs to tells what a refusal of it
//! means, and whether the server may accept the login behind it.

#[cfg(feature = "std")]
pub mod bearer;
#[cfg(feature = "std")]
pub mod cram_md5;
pub mod credentials;
#[cfg(feature = "std")]
pub mod derivation;
#[cfg(feature = "std")]
pub mod digest;
#[cfg(feature = "std")]
pub mod exchange;
pub mod login;
pub mod mechanism;
pub mod plain;
pub mod redaction;
#[cfg(feature = "std")]
pub mod scram;

pub use credentials::Credentials;
#[cfg(feature = "std")]
pub use exchange::Exchange;
#[cfg(feature = "std")]
pub use mechanism::Answer;
pub use mechanism::Mechanism;
