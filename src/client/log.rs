//! The log of a device ("OSI7 Log"): every finished mail and every refused start, the newest ones.

use super::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase};
use crate::limits::{Count, LOG_RECIPIENT_BYTES, LOG_TEXT_BYTES};
use crate::octets::is_printable;

/// One line of the log.
#[derive(Clone, Copy)]
pub struct Entry {
    /// When it ended, in milliseconds since 1970; 0 without a clock.
    pub time: u64,
    /// The result code.
    pub code: Code,
    /// What became of the mail.
    pub outcome: Outcome,
    /// How far it came.
    pub phase: Phase,
    /// The server's reply code, or 0.
    pub reply: u16,
    /// Recipients of the mail.
    pub recipients: Count,
    /// How long it took, in milliseconds.
    pub elapsed: u32,
    /// The first recipient, or the one that was refused.
    pub recipient: Bounded<LOG_RECIPIENT_BYTES>,
    /// The server's text, or ours.
    pub text: Bounded<LOG_TEXT_BYTES>,
}

impl Entry {
    /// The line for a report.
    // Saves 128 bytes.
    #[cfg_attr(fast, inline(never))]
    pub fn of(report: &Report, time: u64, recipients: Count, recipient: &[u8]) -> Self {
        Self {
            time,
            code: report.code,
            outcome: report.outcome,
            phase: report.phase,
            reply: report.reply,
            recipients,
            elapsed: report.elapsed,
            recipient: Bounded::new(recipient),
            text: Bounded::new(report.text.octets()),
        }
    }
}

/// Writes a recipient for the log that was not checked; how many octets that are. It may be anything: what is not printable
/// ASCII becomes a `?`, a TAB, too.
pub fn write_recipient(out: &mut [u8], recipient: &[u8]) -> usize {
    for (logged, octet) in out.iter_mut().zip(recipient) {
        *logged = if is_printable(*octet) { *octet } else { b'?' };
    }
    out.len().min(recipient.len())
}

/// Which elements of an array hold entries, and in which order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring {
    next: usize,
    length: usize,
}

impl Ring {
    /// An empty log.
    pub const EMPTY: Self = Self { next: 0, length: 0 };

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where the next entry goes, in an array of `capacity`: the oldest one gives way.
    pub fn next_index(&mut self, capacity: usize) -> usize {
        let index = self.next;
        self.next = self.next.saturating_add(1).checked_rem(capacity).unwrap_or(0);
        self.length = self.length.saturating_add(1).min(capacity);
        index
    }

    /// Where the newest `most` entries are, in an array of `capacity`, the oldest of them first.
    pub fn newest(&self, most: usize, capacity: usize) -> impl Iterator<Item = usize> + use<> {
        let count = most.min(self.length);
        let start = self.next.saturating_add(capacity).saturating_sub(count);
        (0..count).filter_map(move |at| start.saturating_add(at).checked_rem(capacity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_recipient_is_logged_as_printable_octets() {
        let mut out = *b"......";
        assert_eq!(write_recipient(&mut out, b"a\t\xE9~ "), 5);
        assert_eq!(&out, b"a??~ .");
        assert_eq!(write_recipient(&mut out, b"longer than that"), 6);
        assert_eq!(&out, b"longer");
    }

    #[test]
    fn the_newest_entries_stay_and_come_in_order() {
        let mut entries = [0u32; 4];
        let mut ring = Ring::EMPTY;
        assert_eq!(ring.newest(9, 4).count(), 0);
        for number in 1..=10 {
            entries[ring.next_index(4)] = number;
            let held: Vec<u32> = ring.newest(9, 4).map(|index| entries[index]).collect();
            let wanted: Vec<u32> = (number.saturating_sub(3).max(1)..=number).collect();
            assert_eq!(held, wanted);
        }
        let held: Vec<u32> = ring.newest(2, 4).map(|index| entries[index]).collect();
        assert_eq!(held, [9, 10]);
    }
}
