//! System calls: one folder for each system, with all `unsafe` of the host engine in it, behind functions that are safe to
//! call. Both folders offer the same functions.

#[forbid(unsafe_code)]
mod interface;
#[cfg(target_os = "linux")]
mod linux;
mod memory;
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
pub use memory::{Lasting, Row, boxed};
pub use system::{
    Condition, Poller, Ready, Socket, Thread, Waker, before_lookups, calendar, connect_failure, interface_number,
    is_connected, leave_open, local_address, lookup, monotonic, on_fork, random, receive, send, start_thread,
    without_cancellation,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    #[test]
    fn who_waits_gives_the_lock_back_and_is_woken() {
        static DONE: Mutex<u32> = Mutex::new(0);
        static CHANGED: Condition = Condition::new();
        let begun = Instant::now();
        let other = std::thread::spawn(|| {
            for _ in 0..1000 {
                *DONE.lock().unwrap() += 1;
                CHANGED.notify_all();
            }
        });
        let mut done = DONE.lock().unwrap();
        while *done < 1000 {
            let over;
            (done, over) = CHANGED.wait(&DONE, done, 20_000);
            assert!(!over);
        }
        drop(done);
        other.join().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn who_is_not_woken_waits_as_long_as_it_may() {
        static NOTHING: Mutex<()> = Mutex::new(());
        static NEVER: Condition = Condition::new();
        for milliseconds in [0, 1, 15, 1005] {
            let begun = Instant::now();
            // It may be woken by chance.
            while !NEVER.wait(&NOTHING, NOTHING.lock().unwrap(), milliseconds).1 {}
            let passed = begun.elapsed();
            assert!(passed >= Duration::from_millis(milliseconds), "{passed:?}");
            assert!(passed < Duration::from_secs(20), "{passed:?}");
        }
        assert!(NOTHING.try_lock().is_ok());
    }
}
