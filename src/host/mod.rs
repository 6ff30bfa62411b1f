//! Everything that needs an operating system: one thread, sockets, a clock, memory.
//!
//! One background thread serves all clients of the process. It starts with the first mail, sleeps in the kernel when
//! there is nothing to do, and lives until the process or [`shut_down`] ends it.
//!
//! - [`client`]: what a program calls: configure, send, status, ...
//! - `registry`: handles, and the part of a client that is read without a lock
//! - `shared`: the part of the clients that is locked, and the orders for the engine
//! - [`outgoing`]: a mail as a program gives it, checked; `mailboxes`: its lists
//! - `snapshot`, `post`: copies of configuration and mail, wiped when they end
//! - `current`: the engine of this process, and its lock
//! - `driver`: its start and end, and who drives it
//! - `ending`: the end of the library's work
//! - `calls`, `runner`: functions of the program that are told of its mails: queued, and called without a lock
//! - `outside`, `carrying`, `carried`: connections that functions of the program carry, also without a lock
//! - `setup`: a configuration as a program gives it
//! - `engine`: all connections, and what a turn does with them
//! - `connection`: one mail on its way
//! - `course`: which server is tried, and when again
//! - `connecting`: the way to the server whose turn it is
//! - `keeping`, `kept`: connections that are kept for the next mail
//! - `keys`: what a password comes to with SCRAM, saved for the next mail
//! - `link`: the session of an attempt, and its socket
//! - `race`: several addresses of one server
//! - `sink`, [`transcript`]: what is taken of a session's events
//! - `dialogue`: what of ours stands in the dialogue, and what the program gets of it
//! - `result`: the result of a mail, or what follows instead
//! - `told`: how the last mail ended
//! - `verdicts`: what becomes of each of several recipients
//! - `transactions`: those of a mail to several recipients
//! - `connections`: all of them, found by token, client and deadline
//! - `deadlines`: a heap of times
//! - [`servers`], `server`, `idn`, `no_server`: the servers of a configuration
//! - [`resolve`]: their names, looked up by threads of their own; `addresses`: what is found
//! - `nonces`: what Message-IDs are made of
//! - `parts`: what mails have that is no plain text: HTML, attachments, files
//! - `reading`, `files`, `reader`: what is read for them, and the threads that do it
//! - `feeding`: how it gets to the mail, when it is wanted
//! - `clock`: the time
//! - `memory`: memory that may be refused; `queue`: a queue in it
//! - `fork`: what a fork of the host program finds
//! - `saslprep`: user names and passwords outside ASCII
//! - `security`: whether TLS protects a mail, and how
//! - `tls`: TLS over any channel; `no_tls` in a library without it
//! - `sys`: system calls, a folder for each system; the only files here with `unsafe`
//!
//! # Locks
//!
//! There are two locks. The engine's protects its connections; the thread holds it for a turn of bounded work, and never while
//! it sleeps. The shared lock is held for a short time, and during no system call except the start of the thread. Code that
//! needs both takes the engine's first.
//!
//! A third lock, the door, stands before the engine's: the thread waits at it behind those who came earlier. Without it the
//! thread would take the engine's lock again before they had woken up.
//!
//! `fork()` takes all three, so that neither process finds anything half done; the child then drops its copies of the parent's
//! connections and begins with no mail in flight.
//!
//! No function of the program is called with a lock held. What is to be told is queued under the shared lock; a connection that
//! functions of the program carry is taken out of the engine for its turn. One thread at a time does such work.

#[forbid(unsafe_code)]
mod addresses;
#[forbid(unsafe_code)]
mod calls;
#[forbid(unsafe_code)]
mod carried;
#[forbid(unsafe_code)]
mod carrying;
#[forbid(unsafe_code)]
pub mod client;
#[forbid(unsafe_code)]
mod clock;
#[forbid(unsafe_code)]
mod connecting;
#[forbid(unsafe_code)]
mod connection;
#[forbid(unsafe_code)]
mod connections;
#[forbid(unsafe_code)]
mod course;
#[forbid(unsafe_code)]
mod current;
#[forbid(unsafe_code)]
mod deadlines;
#[forbid(unsafe_code)]
mod dialogue;
#[forbid(unsafe_code)]
mod driver;
#[forbid(unsafe_code)]
mod ending;
#[forbid(unsafe_code)]
mod engine;
#[forbid(unsafe_code)]
mod feeding;
#[forbid(unsafe_code)]
mod files;
#[forbid(unsafe_code)]
mod fork;
#[forbid(unsafe_code)]
mod idn;
#[forbid(unsafe_code)]
mod keeping;
#[forbid(unsafe_code)]
mod kept;
#[forbid(unsafe_code)]
mod keys;
#[forbid(unsafe_code)]
mod link;
#[forbid(unsafe_code)]
mod mailboxes;
#[forbid(unsafe_code)]
mod memory;
#[forbid(unsafe_code)]
mod no_server;
#[forbid(unsafe_code)]
mod nonces;
#[forbid(unsafe_code)]
pub mod outgoing;
#[forbid(unsafe_code)]
mod outside;
#[forbid(unsafe_code)]
pub mod parts;
#[forbid(unsafe_code)]
mod post;
#[forbid(unsafe_code)]
mod queue;
#[forbid(unsafe_code)]
mod race;
#[forbid(unsafe_code)]
mod reader;
#[forbid(unsafe_code)]
mod reading;
#[forbid(unsafe_code)]
mod registry;
#[forbid(unsafe_code)]
pub mod resolve;
#[forbid(unsafe_code)]
mod result;
#[forbid(unsafe_code)]
mod runner;
#[forbid(unsafe_code)]
mod saslprep;
#[forbid(unsafe_code)]
mod security;
#[forbid(unsafe_code)]
mod server;
#[forbid(unsafe_code)]
pub mod servers;
#[forbid(unsafe_code)]
mod setup;
#[forbid(unsafe_code)]
mod shared;
#[forbid(unsafe_code)]
mod sink;
#[forbid(unsafe_code)]
mod snapshot;
// C's integer types meet here: sizes of structures and sets of flags, all small.
#[allow(
    unsafe_code,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]
mod sys;
#[cfg(feature = "tls")]
#[forbid(unsafe_code)]
mod tls;
#[cfg(not(feature = "tls"))]
#[forbid(unsafe_code)]
#[path = "no_tls.rs"]
mod tls;
#[forbid(unsafe_code)]
mod told;
#[forbid(unsafe_code)]
mod transactions;
#[forbid(unsafe_code)]
pub mod transcript;
#[forbid(unsafe_code)]
mod verdicts;

pub use client::{Client, Wait};
pub use driver::{poll, use_event_loop};
pub use ending::shut_down;
pub use memory::{Boxed, Growing, Row};
pub use outgoing::{Notify, Outgoing, Priority, Verb};
pub use parts::Parts;
pub use security::Mode;
pub use setup::Setup;
pub use shared::Order;
pub use sys::is_sound;
pub use tls::Given;
pub use told::LastMail;
pub use verdicts::Recipient;

/// Runs a function that a program has called. Its thread is not cancelled meanwhile, and does not wait for locks that it holds
/// itself because it forks.
pub fn called<T>(run: impl FnOnce() -> T) -> T {
    sys::without_cancellation(|| fork::outside(run))
}
