//! The two clocks: a monotonic one for deadlines, and the calendar's for Date and the log.

use super::sys;

/// 1 January 2020, in milliseconds since 1970: a clock with an earlier date was never set.
const SET_SINCE: u64 = 1_577_836_800_000;

/// Milliseconds on a clock that nobody sets.
// Saves 1,800 bytes.
#[inline(never)]
pub fn now() -> u64 {
    sys::monotonic()
}

/// When so many milliseconds are over.
pub fn after(milliseconds: u64) -> u64 {
    // One more, because the clock counts whole ones.
    now().saturating_add(milliseconds).saturating_add(1)
}

/// Milliseconds since 1970; None where the device does not know the date.
pub fn calendar() -> Option<u64> {
    let now = sys::calendar()? / 1_000_000;
    (now >= SET_SINCE).then_some(now)
}

/// Waits so many milliseconds; it may be less.
pub fn pause(milliseconds: u64) {
    let (lock, never) = (sys::Lock::new(()), sys::Condition::new());
    drop(never.wait(lock.lock(), milliseconds));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    #[test]
    fn the_clocks_go_as_those_of_the_standard_library() {
        let (begun, before) = (Instant::now(), now());
        std::thread::sleep(Duration::from_millis(20));
        let passed = now() - before;
        assert!(
            passed >= 19 && u128::from(passed) <= begun.elapsed().as_millis() + 1,
            "{passed}"
        );
        let true_time = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let least = true_time();
        let told = u128::from(calendar().unwrap());
        assert!(least <= told && told <= true_time(), "{least} {told}");
    }

    #[test]
    fn a_pause_is_over_when_it_should_be() {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(5) {
            pause(5);
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_comes_after_some_milliseconds_does_not_come_before() {
        for milliseconds in [0, 1, 5] {
            let begun = Instant::now();
            let until = after(milliseconds);
            while now() < until {}
            let passed = begun.elapsed();
            assert!(passed >= Duration::from_millis(milliseconds), "{passed:?}");
        }
        assert_eq!(after(u64::MAX), u64::MAX);
    }
}
