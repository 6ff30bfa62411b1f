//! The C ABI: pointers in, codes out. `include/` is generated from these files.
//!
//! - [`codes`] holds the constants
//! - [`device`] holds the three functions, and FULL-C's status
//! - [`client`] holds the handles
//! - [`config`], [`message`], [`attachment`], [`mod@result`], `recipient` and [`log`] hold the structures, each with the functions that take it
//! - [`text`] holds the codes' descriptions and the version
//! - `parts` holds what of a message is no plain text
//! - `hosted` holds what needs a system: clients in its memory, waiting, programs with an event loop
//! - `transport` holds the function that takes a transport
//! - `firmware` holds what a program without a system provides
//! - `guard` holds what the functions share: catching panics, reading strings and structures
//!
//! Every function checks its pointers, converts, calls one safe function of `Client` (the host's or the firmware's), and lets no
//! panic out.

pub mod attachment;
pub mod client;
pub mod codes;
pub mod config;
pub mod device;
#[cfg(not(feature = "std"))]
pub mod firmware;
mod guard;
#[cfg(feature = "std")]
pub mod hosted;
#[cfg(feature = "std")]
pub mod life;
pub mod log;
pub mod message;
#[cfg(feature = "std")]
mod parts;
#[cfg(feature = "std")]
pub mod recipient;
pub mod result;
pub mod text;
pub mod transport;

#[cfg(not(feature = "std"))]
use crate::firmware::Client;
#[cfg(feature = "std")]
use crate::host::Client;
