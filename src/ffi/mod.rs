//! The C ABI: pointers in, codes out. `include/sds_smtp.h` is generated from what stands here.
//!
//! - [`codes`] holds the constants
//! - [`device`] holds the three functions, and FULL-C's status
//! - [`client`] holds the handles
//! - [`config`], [`message`], [`mod@result`] and [`log`] hold the structures, each with the functions that take it
//! - [`text`] holds words and version
//! - `guard` is what every function does first
//!
//! Every function checks its pointers, converts, calls one safe function of [`crate::host`], and lets no panic out.

pub mod client;
pub mod codes;
pub mod config;
pub mod device;
mod guard;
pub mod log;
pub mod message;
pub mod result;
pub mod text;
