//! Linux: sockets, epoll, an eventfd, a thread that takes no signals, and forks.

mod clock;
mod failure;
mod file;
mod lock;
mod names;
mod poller;
mod process;
mod socket;

pub use clock::{calendar, monotonic};
pub use file::{File, length_of_file, open_source};
pub use lock::{Condition, Lock, Locked};
pub use names::{before_lookups, interface_number, lookup};
pub use poller::{Poller, Ready, Waker};
#[cfg(feature = "tls")]
pub use process::open_file;
pub use process::{Thread, on_fork, random, start_thread, use_large_pages, without_cancellation};
#[cfg(feature = "reserve")]
pub use process::{give_way, thread_number};
pub use socket::{Socket, connect_failure, is_connected, leave_open, local_address, receive, send};
