//! An SMTP client engine behind a C ABI.
//!
//! `sds_smtp_configure()`, `sds_smtp_send()`, `sds_smtp_status()`: one mail at a time, sent in the background, with a
//! result code that says what to fix. The C side is described in `include/sds_smtp.h`, which is generated from
//! [`ffi`]; `ARCHITECTURE.md` has the map.
//!
//! # Layers
//!
//! The protocol does no I/O: octets, time and randomness come in as arguments, octets go out into lent buffers. It
//! needs neither an operating system nor an allocator:
//!
//! - [`code`], [`limits`], [`buffer`], [`octets`], [`utf8`], [`base64`]: what everything stands on
//! - [`wire`], [`auth`], [`message`]: RFC 5321's lines, RFC 4954's mechanisms, RFC 5322's mail
//! - [`session`]: the state machine of one mail
//! - [`channel`]: the pump between a session and what carries its octets
//! - [`client`]: what a device has: settings, one mail in flight, result, log
//!
//! `host` (feature `std`) drives it with a thread and sockets, `firmware` (that feature) out of a program's main loop;
//! `ffi` shows one of them to C: the host's where there is one.
//!
//! # Features
//!
//! - `std` (default): the host engine and the C ABI.
//! - `firmware`: the client without an operating system; without `std` the C ABI is its.
//! - `complete` (`std` brings it): what a small device may do without. Without it an IPv6 address is none, nor is a local part in
//!   quotes; SIZE is neither said nor looked at; a text goes as it is or, where that cannot be, ends the mail with code 7: one with
//!   octets above 127 where the server has no 8BITMIME, with control characters, or with a line over 998 octets.
//! - `header`: the build writes `include/sds_smtp.h` anew.
//!
//! `build.rs` sets the cfg `fast` with the feature `std`: it marks what is only there to be fast. The feature itself
//! means, below `ffi/`, that there is an operating system.

#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

// On a system std is linked, if only for its panic handler: a C library cannot be made without one. The core does not
// use it (a test looks), and on bare metal there is none.
#[cfg(not(target_os = "none"))]
extern crate std;

// A library cannot be made without one. It is never linked: no path of the firmware's leads to a panic (a test looks).
#[cfg(all(feature = "firmware", target_os = "none"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[forbid(unsafe_code)]
pub mod auth;
#[forbid(unsafe_code)]
pub mod base64;
#[forbid(unsafe_code)]
pub mod buffer;
#[forbid(unsafe_code)]
pub mod channel;
#[forbid(unsafe_code)]
pub mod client;
#[forbid(unsafe_code)]
pub mod code;
#[cfg(any(feature = "std", feature = "firmware"))]
#[allow(non_camel_case_types, unsafe_code)]
pub mod ffi;
#[cfg(feature = "firmware")]
pub mod firmware;
#[cfg(feature = "std")]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
pub mod host;
#[forbid(unsafe_code)]
pub mod limits;
#[forbid(unsafe_code)]
pub mod message;
#[forbid(unsafe_code)]
pub mod octets;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
pub mod utf8;
#[forbid(unsafe_code)]
pub mod wire;
