//! System calls: one folder for each system, with all `unsafe` of the host engine in it, behind functions that are safe to
//! call. Both folders offer the same functions.

#[forbid(unsafe_code)]
mod interface;
#[cfg(target_os = "linux")]
mod linux;
mod memory;
mod reserve;
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

pub use interface::{Event, Failure, Task, Unresolved};
pub use memory::boxed;
pub use reserve::forget_guarded;
#[cfg(feature = "tls")]
pub use reserve::guarded;
pub use system::{
    Poller, Ready, Socket, Thread, Waker, before_lookups, connect_failure, interface_number, is_connected, leave_open,
    local_address, lookup, on_fork, random, receive, send, start_thread, without_cancellation,
};
