//! What the files of all systems have in common: how a system call fails, what is told of a socket, what a thread runs.

use core::ffi::CStr;
use std::boxed::Box;

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
