//! One mail in flight: taken with one atomic exchange, looked at with one atomic load.

use core::sync::atomic::{AtomicU8, Ordering};

use crate::code::Code;

/// No mail yet: its status is 0, as after a mail that was sent, and FULL-C tells the two apart.
const IDLE: u8 = u8::MAX;

/// The status of a client.
pub struct Guard(AtomicU8);

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl Guard {
    /// A client that has sent nothing.
    pub const fn new() -> Self {
        Self(AtomicU8::new(IDLE))
    }

    /// Begins a mail, unless one is in flight. Of several callers at once one is told `true`.
    pub fn begin(&self) -> bool {
        self.0.swap(Code::Busy.number(), Ordering::AcqRel) != Code::Busy.number()
    }

    /// Ends the mail that was begun.
    pub fn end(&self, code: Code) {
        self.0.store(code.number(), Ordering::Release);
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.0.store(IDLE, Ordering::Release);
    }

    /// Whether a mail is in flight.
    pub fn busy(&self) -> bool {
        self.0.load(Ordering::Acquire) == Code::Busy.number()
    }

    /// 14 while a mail is in flight, else the code of the last one, 0 before the first.
    pub fn status(&self) -> u8 {
        match self.0.load(Ordering::Acquire) {
            IDLE => 0,
            code => code,
        }
    }

    /// The status in FULL-C's numbers: 0 before the first mail, 277 in flight, else 256 and the code.
    pub fn program_status(&self) -> u16 {
        match self.0.load(Ordering::Acquire) {
            IDLE => 0,
            code if code == Code::Busy.number() => 277,
            code => u16::from(code).saturating_add(256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_is_refused_and_changes_nothing() {
        let guard = Guard::new();
        assert_eq!((guard.status(), guard.program_status()), (0, 0));
        assert!(guard.begin());
        assert!(!guard.begin());
        assert_eq!((guard.status(), guard.program_status()), (14, 277));
        guard.end(Code::Ok);
        assert_eq!((guard.status(), guard.program_status()), (0, 256));
        assert!(guard.begin());
        guard.end(Code::Syntax);
        assert_eq!((guard.status(), guard.program_status()), (15, 271));
    }
}
