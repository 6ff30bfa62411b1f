//! The client without an operating system: no thread, no heap, no clock of its own. The program lends the memory, provides
//! the connection, and calls [`poll`] from its main loop.
//!
//! - [`client`]: the functions behind the C ABI, by handle
//! - [`member`]: one client: its mail, its conversation, its result
//! - [`arena`]: the lent memory for texts
//! - [`record`]: a configuration, as it is kept there
//! - [`transport`]: the connection that the program provides
//! - [`memory`]: where clients live, and who may touch them: the one file of this module with unsafe code
//!
//! One function of the library runs at a time. A call out of an interrupt or a callback that finds another one running is
//! refused with [`crate::code::Code::Busy`] and changes nothing; only the status can be asked at any time.

#[forbid(unsafe_code)]
pub mod arena;
#[forbid(unsafe_code)]
pub mod client;
#[cfg(all(target_arch = "arm", target_os = "none"))]
#[allow(unsafe_code)]
mod eabi;
#[forbid(unsafe_code)]
pub mod member;
#[allow(unsafe_code)]
pub mod memory;
#[forbid(unsafe_code)]
pub mod record;
#[forbid(unsafe_code)]
pub mod transport;

pub use client::Client;
pub use member::Content;
pub use memory::{CLIENT_SIZE, Source, init, poll, set_clock, set_log};
pub use transport::{Given, Transport};
