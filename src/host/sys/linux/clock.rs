//! The system's two clocks. Those of the standard library have checks that could panic, and texts for them: 10 KB.

use core::mem::zeroed;

/// What a clock shows: seconds, and nanoseconds of the next one.
fn read(clock: libc::clockid_t) -> Option<(u64, u64)> {
    // SAFETY: numbers only.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: the time is written into a value of ours.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some((u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?))
}

/// Milliseconds on a clock that nobody sets.
pub fn monotonic() -> u64 {
    let (seconds, nanoseconds) = read(libc::CLOCK_MONOTONIC).unwrap_or_default();
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

/// Nanoseconds since 1970.
#[cfg(target_pointer_width = "64")]
pub fn calendar() -> Option<u64> {
    let (seconds, nanoseconds) = read(libc::CLOCK_REALTIME)?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
}

/// The same. Here the C library's function may end in 2038; the standard library calls the one that does not, where there is one.
#[cfg(not(target_pointer_width = "64"))]
pub fn calendar() -> Option<u64> {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    u64::try_from(since.as_nanos()).ok()
}
