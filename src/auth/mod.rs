//! Logging in (RFC 4954).
//!
//! - [`plain`]: PLAIN (RFC 4616), one step
//! - [`redaction`]: a server that repeats the login in its answer
//!
//! And LOGIN: two prompts, answered in this order whatever they say: user name, password, each in base64. There is no standard
//! (the draft `draft-murchison-sasl-login` describes it). Prompts come as `Username:`, `User Name` with a NUL, in other
//! languages, or empty: they are not looked at. No initial response: some servers refuse one.
//!
//! PLAIN is used where it is offered, since it saves two round trips, else LOGIN.

pub mod plain;
pub mod redaction;
