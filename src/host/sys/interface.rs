//! What the files of all systems have in common: how a system call fails, what is told of a socket, what a thread runs.

use core::ffi::CStr;
use std::boxed::Box;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// Our own address cannot be used for it.
    NoSource,
    /// Anything else: the connection is of no more use.
    Broken,
}

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// There is no such name, or it has no address that can be a server's.
    NotFound,
    /// The name service gave no answer; it may give one later.
    NoAnswer,
    /// No memory for the answer.
    NoMemory,
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It is not there, or this process may not read it.
    NotThere,
    /// It is something else than a file or a pipe.
    Strange,
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
    fn run(task: Box<Self>);
}

/// What a socket is bound to that connects to `server` from `source`. A link-local source is in the server's zone.
pub(super) fn source_for(server: SocketAddr, source: IpAddr) -> Result<SocketAddr, Failure> {
    match (server, source) {
        (SocketAddr::V4(_), IpAddr::V4(_)) => Ok(SocketAddr::new(source, 0)),
        (SocketAddr::V6(server), IpAddr::V6(source)) => {
            Ok(SocketAddr::V6(SocketAddrV6::new(source, 0, 0, server.scope_id())))
        }
        _ => Err(Failure::NoSource),
    }
}

/// Runs something; false where it panics. In one place: each would have its own table and its own copy of what catches. What the
/// panic says was written already. It is not dropped, which could panic, too.
#[inline(never)]
pub fn is_sound(run: &mut dyn FnMut()) -> bool {
    let caught = catch_unwind(AssertUnwindSafe(run));
    let sound = caught.is_ok();
    core::mem::forget(caught);
    sound
}

/// Runs what a thread does.
pub(super) fn run<T: Task>(task: Box<T>) {
    let mut task = Some(task);
    is_sound(&mut || {
        if let Some(task) = task.take() {
            T::run(task);
        }
    });
}
