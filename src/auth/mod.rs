//! Logging in (RFC 4954): the mechanisms, and what each of them says.
//!
//! - `mechanism`: the mechanisms, and which responses each of them has
//! - `plain`: PLAIN (RFC 4616)
//! - `login`: LOGIN
//! - `credentials`: what a mechanism logs in with
//! - `redaction`: a server that repeats the login in its answer
//!
//! A mechanism is a variant of [`Mechanism`]. It says its next response to a challenge ([`Mechanism::respond`]), and writes it
//! as often as it is asked ([`Mechanism::write`]). The [`crate::code::Step`] that a response belongs to tells what a refusal of it
//! means, and whether the server may accept the login behind it.

pub mod credentials;
pub mod login;
pub mod mechanism;
pub mod plain;
pub mod redaction;

pub use credentials::Credentials;
pub use mechanism::Mechanism;
