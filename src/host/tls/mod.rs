//! TLS over any channel, with rustls: TLS 1.2 and 1.3.
//!
//! Nothing of a login or a mail is given to rustls before the handshake is done: until then it would keep it as it is. The provider
//! (ring) is handed over with each configuration and never installed for the process, and no session is resumed.
//!
//! - [`given`]: what a program configures, read and checked; files are read there and nowhere else
//! - `store`: the certificates that the system trusts
//! - [`trust`]: whether a server's certificate is the expected one
//! - [`config`]: a configuration that was read, which equal ones share
//! - [`channel`]: the handshake, and a channel over a channel
//! - `why`: what failed, in our words

pub mod channel;
pub mod config;
pub mod given;
mod store;
pub mod trust;
mod why;

pub use channel::{Peer, Place, Progress};
pub use config::{Config, Configs};
pub use given::Given;
