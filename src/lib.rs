//! An SMTP client engine behind a C ABI.
//!
//! `sds_smtp_configure()`, `sds_smtp_send()`, `sds_smtp_status()`: one mail at a time, sent in the background, with a
//! result code that says what to fix. `include/sds_smtp.h`, which is made from [`ffi`], describes the C interface;
//! `ARCHITECTURE.md` describes the source.
//!
//! # Layers
//!
//! The protocol code does no I/O: octets, time and randomness are arguments, and what it sends is written into lent
//! buffers. It needs neither an operating system nor an allocator:
//!
//! - [`code`], [`limits`], [`buffer`], [`octets`], [`utf8`], [`base64`]: what the others use
//! - [`wire`], [`auth`], [`message`]: lines (RFC 5321), mechanisms (RFC 4954), the mail (RFC 5322)
//! - [`session`]: the state machine of one mail
//! - [`channel`]: the pump between a session and what carries its octets
//! - [`client`]: settings, one mail in flight, its result, a log
//!
//! `host` (feature `std`) drives it with a thread and sockets, `firmware` (feature `firmware`) from a program's main
//! loop. `ffi` is the C interface of one of them: of the host with `std`.
//!
//! # Features
//!
//! - `std` (default): the host engine and the C ABI.
//! - `unicode` (default): names of servers with characters outside ASCII. Without it they are given as A-labels
//!   (`xn--...`); other names are refused with code 39. `make LEAN=1` builds without it.
//! - `firmware`: the client without an operating system; without `std`, its C ABI.
//! - `complete` (part of `std`): what a small device may do without. Without it IPv6 addresses and quoted local parts are
//!   invalid, SIZE is not used, `tls` is not taken (39), and there is no quoted-printable: a text that needs it ends the
//!   mail with code 7. That is a text with octets above 127 where the server has no 8BITMIME, with control characters, or with a line over 998
//!   octets.
//! - `header`: the build writes the headers in `include/` anew.
//!
//! `build.rs` sets the cfg `fast` together with the feature `std`. It marks code that is there only to be fast. Below
//! `ffi/` the feature itself only means that there is an operating system.

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

// A C library needs a panic handler: with an operating system it is that of std. The protocol code does not use std (a
// test checks that).
#[cfg(not(target_os = "none"))]
extern crate std;

// A library needs one to be built. It is never linked: no path in `firmware` leads to a panic (a test checks that).
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
pub mod template;
#[forbid(unsafe_code)]
pub mod utf8;
#[forbid(unsafe_code)]
pub mod wire;
