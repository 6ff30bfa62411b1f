//! The client without an operating system: no thread, no heap, no clock of its own. The program lends the memory, provides
//! the connection, and calls [`poll`] from its main loop.
//!
//! - [`client`]: the functions behind the C ABI, by handle
//! - [`member`]: one client: its configuration, its mail, its result, its log
//! - [`conversation`]: what a client does when it is polled
//! - [`told`]: the result and the lines of the log, as C sees them
//! - [`callbacks`]: the other functions of the program: the source of a text, the clock
//! - [`server`]: a server as it is configured: its address, or its name
//! - [`security`]: TLS as a configuration wants it
//! - [`reading`]: a text that is read piece by piece
//! - [`refusal`]: why a configuration or a mail was refused
//! - [`arena`]: the lent memory for texts
//! - [`storage`]: where clients live, and who may touch them
//!
//! One function of the library runs at a time. A call out of an interrupt or a callback that finds another one running is
//! refused with [`crate::code::Code::Busy`] and changes nothing; only the status can be asked at any time.

#[allow(unsafe_code)]
pub mod arena;
#[allow(unsafe_code)]
pub mod callbacks;
#[forbid(unsafe_code)]
pub mod client;
#[forbid(unsafe_code)]
pub mod conversation;
#[cfg(all(target_arch = "arm", target_os = "none"))]
#[allow(unsafe_code)]
mod eabi;
#[forbid(unsafe_code)]
pub mod member;
#[forbid(unsafe_code)]
pub mod reading;
#[forbid(unsafe_code)]
pub mod refusal;
#[forbid(unsafe_code)]
pub mod security;
#[forbid(unsafe_code)]
pub mod server;
#[allow(unsafe_code)]
pub mod storage;
#[forbid(unsafe_code)]
pub mod told;

pub use callbacks::Source;
pub use client::Client;
pub use member::{Content, Member, Outgoing};
pub use reading::Pieces;
pub use security::Wanted;
pub use storage::{CLIENT_SIZE, init, poll, set_clock, set_log};
pub use told::{Line, ResultFields};
