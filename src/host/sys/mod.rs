//! System calls: one file a system, with all `unsafe` of the host engine in it, behind functions that are safe to call.
//! The files offer the same; what they have in common stands here.

use core::ffi::CStr;
use std::boxed::Box;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
use windows as system;

#[cfg(not(any(target_os = "linux", windows)))]
compile_error!(
    "the host engine knows Linux and Windows; without the feature `std` there is the protocol for any system"
);

pub use system::{
    Poller, Ready, Socket, Waker, connect_failure, is_connected, leave_open, local_address, on_fork, random, receive,
    send, start_thread, without_cancellation,
};

/// What can become of a system call that transfers octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not now.
    WouldBlock,
    /// No descriptor or no memory left.
    Exhausted,
    /// The other end refused the connection.
    Refused,
    /// The system's own time limit.
    TimedOut,
    /// No route, no network, an address that cannot be used.
    Unreachable,
    /// Anything else: the connection is of no more use.
    Broken,
}

/// What woke the thread, for one connection.
#[derive(Clone, Copy)]
pub struct Event {
    /// What the connection was registered with.
    pub token: u64,
    /// Octets can be read.
    pub readable: bool,
    /// There may be something behind what one call reads: the end of the connection, or octets behind urgent data.
    pub to_the_end: bool,
    /// The connection failed or was reset.
    pub failed: bool,
}

/// What a thread of its own does.
pub trait Task: Send + Sized + 'static {
    /// The thread's name, at most 15 octets.
    const NAME: &'static CStr;
    /// Its stack. Nothing of it is used before it is touched.
    const STACK: usize;

    /// Runs in the thread.
    fn run(task: Box<[Self; 1]>);
}
