//! One mail in flight: taken with one atomic exchange (of a bit), looked at with one atomic load.

use core::sync::atomic::{AtomicU32, Ordering};

use super::status::Status;
use crate::code::Code;

/// A mail is in flight: in the lower half, beside the status of the mail before, which has no such bit.
const BUSY: u32 = 0x8000;

/// The upper half: which life of its place the client is.
const LIFE: u32 = 16;

/// The status of a client, and whether a mail is in flight. Places of clients are used again; the guard knows for which life it stands, so that a call on
/// a handle that was freed just now changes nothing for the next client there.
pub struct Guard(AtomicU32);

/// What became of an attempt to begin a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is begun.
    Yes,
    /// One is in flight.
    Busy,
    /// The client lives no more.
    Dead,
}

impl Guard {
    /// A client that has sent nothing.
    pub const fn new(life: u16) -> Self {
        Self(AtomicU32::new((life as u32) << LIFE))
    }

    /// Begins a mail, unless one is in flight. Of several callers at once one is told `Yes`.
    pub fn begin(&self, life: u16) -> Begun {
        let before = self.0.fetch_or(BUSY, Ordering::AcqRel);
        match (before >> LIFE == u32::from(life), before & BUSY != 0) {
            (true, false) => Begun::Yes,
            (true, true) => Begun::Busy,
            (false, true) => Begun::Dead,
            (false, false) => {
                // The next client at this place was told that it is busy, for the blink of an eye.
                let ours = before | BUSY;
                let _ = self
                    .0
                    .compare_exchange(ours, before, Ordering::AcqRel, Ordering::Relaxed);
                Begun::Dead
            }
        }
    }

    /// Ends the mail that was begun in this life.
    pub fn end(&self, life: u16, code: Code) {
        self.set(life, Status::of(code));
    }

    /// Forgets everything; from now on it stands for this life.
    pub fn reset(&self, life: u16) {
        self.set(life, Status::NONE);
    }

    fn set(&self, life: u16, status: Status) {
        let status = u32::from(status.number());
        self.0.store((u32::from(life) << LIFE) | status, Ordering::Release);
    }

    /// Whether a mail is in flight.
    pub fn busy(&self) -> bool {
        self.0.load(Ordering::Acquire) & BUSY != 0
    }

    /// The status.
    pub fn status(&self) -> Status {
        match self.0.load(Ordering::Acquire) {
            busy if busy & BUSY != 0 => Status::of(Code::Busy),
            ended => Status::from_lower_half(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_is_refused_and_changes_nothing() {
        let guard = Guard::new(1);
        assert_eq!((guard.status().code(), guard.status().program()), (0, 0));
        assert_eq!(guard.begin(1), Begun::Yes);
        assert_eq!(guard.begin(1), Begun::Busy);
        assert_eq!((guard.status().code(), guard.status().program()), (14, 277));
        guard.end(1, Code::Ok);
        assert_eq!((guard.status().code(), guard.status().program()), (0, 256));
        assert_eq!(guard.begin(1), Begun::Yes);
        guard.end(1, Code::Syntax);
        assert_eq!((guard.status().code(), guard.status().program()), (15, 271));
    }

    #[test]
    fn a_call_of_a_former_life_changes_nothing() {
        let guard = Guard::new(1);
        guard.reset(3);
        assert_eq!(guard.begin(1), Begun::Dead);
        assert!(!guard.busy());
        assert_eq!(guard.begin(3), Begun::Yes);
        assert_eq!(guard.begin(1), Begun::Dead);
        assert_eq!(guard.status().code(), 14);
        guard.end(3, Code::Timeout);
        assert_eq!(guard.begin(1), Begun::Dead);
        assert_eq!(guard.status().code(), 1);
    }
}
