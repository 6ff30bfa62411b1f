//! System calls: one folder for each system, with all `unsafe` of the host engine in it, behind functions that are safe to
//! call. Both folders offer the same functions.

#[forbid(unsafe_code)]
mod interface;
#[cfg(target_os = "linux")]
mod linux;
mod memory;
mod reserve;
mod see;
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

pub use interface::{Event, Failure, Task, Unopened, Unresolved, is_sound};
pub use memory::{Counted, Lasting, Row, boxed};
pub use reserve::{forget_guarded, unguarded};
#[cfg(feature = "tls")]
pub use reserve::{guarded, is_refused};
pub use see::see;
#[cfg(feature = "tls")]
pub use system::open_file;
pub use system::{
    Condition, File, Lock, Locked, Poller, Ready, Socket, Thread, Waker, before_lookups, calendar, connect_failure,
    interface_number, is_connected, leave_open, length_of_file, local_address, lookup, monotonic, on_fork, open_source,
    random, receive, send, start_thread, without_cancellation,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn who_waits_gives_the_lock_back_and_is_woken() {
        static DONE: Lock<u32> = Lock::new(0);
        static CHANGED: Condition = Condition::new();
        let begun = Instant::now();
        let other = std::thread::spawn(|| {
            for _ in 0..1000 {
                *DONE.lock() += 1;
                CHANGED.notify_all();
            }
        });
        let mut done = DONE.lock();
        while *done < 1000 {
            let over;
            (done, over) = CHANGED.wait(done, 20_000);
            assert!(!over);
        }
        drop(done);
        other.join().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn who_is_not_woken_waits_as_long_as_it_may() {
        static NOTHING: Lock<()> = Lock::new(());
        static NEVER: Condition = Condition::new();
        for milliseconds in [0, 1, 15, 1005] {
            let begun = Instant::now();
            // It may be woken by chance.
            while !NEVER.wait(NOTHING.lock(), milliseconds).1 {}
            let passed = begun.elapsed();
            assert!(passed >= Duration::from_millis(milliseconds), "{passed:?}");
            assert!(passed < Duration::from_secs(20), "{passed:?}");
        }
        drop(NOTHING.lock());
    }

    #[test]
    fn one_thread_at_a_time_has_the_lock() {
        static COUNT: Lock<(u64, u64)> = Lock::new((0, 0));
        let threads: std::vec::Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    for round in 0..20_000 {
                        let mut count = COUNT.lock();
                        count.0 += 1;
                        if round % 1000 == 0 {
                            std::thread::sleep(Duration::from_micros(50));
                        }
                        count.1 += 1;
                        assert_eq!(count.0, count.1);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*COUNT.lock(), (160_000, 160_000));
    }

    #[test]
    fn a_panic_gives_the_lock_back() {
        static VALUE: Lock<u32> = Lock::new(1);
        let panicked = std::thread::spawn(|| {
            let mut value = VALUE.lock();
            *value = 2;
            panic!("with the lock");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*VALUE.lock(), 2);
    }
}
