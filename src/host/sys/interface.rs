//! What the files of all systems have in common: how a system call fails, what is told of a socket, what a thread runs.

use core::ffi::CStr;
use std::boxed::Box;

/// Why a system call on a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It would have to wait.
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
    /// One read may not bring everything: the end of the connection may follow, or octets behind urgent data.
    pub to_the_end: bool,
    /// The connection failed or was reset.
    pub failed: bool,
}

/// What a thread of its own does.
pub trait Task: Send + Sized + 'static {
    /// The thread's name, at most 15 octets.
    const NAME: &'static CStr;
    /// The size of its stack, in octets. Memory is used only for what is touched.
    const STACK: usize;

    /// Runs in the thread.
    fn run(task: Box<[Self; 1]>);
}
