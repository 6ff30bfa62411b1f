//! The two clocks: a monotonic one for deadlines, and the calendar's for Date and the log.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// 1 January 2020, in milliseconds since 1970: a clock with an earlier date was never set.
const SET_SINCE: u64 = 1_577_836_800_000;

/// Milliseconds since the first call in this process.
pub fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970; None where the device does not know the date.
pub fn calendar() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().filter(|now| *now >= SET_SINCE)
}
