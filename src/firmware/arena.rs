//! The memory that a program lends for texts: four sections, one behind the other.
//!
//! 1. what is kept of the mail before: the domain of its Message-ID
//! 2. the configuration
//! 3. the mail in flight
//! 4. a configuration that came while a mail was in flight, and takes effect when it ends
//!
//! What a section held is wiped when it goes: there are passwords among it.

use core::ops::Range;

use zeroize::Zeroize;

/// The sections and their lengths.
pub struct Arena {
    memory: &'static mut [u8],
    kept: usize,
    config: usize,
    mail: usize,
    next: usize,
}

impl Arena {
    /// All of this memory, with nothing in it.
    pub fn new(memory: &'static mut [u8]) -> Self {
        Self {
            memory,
            kept: 0,
            config: 0,
            mail: 0,
            next: 0,
        }
    }

    fn config_end(&self) -> usize {
        self.kept.saturating_add(self.config)
    }

    fn mail_end(&self) -> usize {
        self.config_end().saturating_add(self.mail)
    }

    /// The domain that is kept of the mail before.
    pub fn kept(&self) -> &[u8] {
        self.memory.get(..self.kept).unwrap_or(&[])
    }

    /// The configuration; empty where there is none.
    pub fn config(&self) -> &[u8] {
        self.memory.get(self.kept..self.config_end()).unwrap_or(&[])
    }

    /// The mail.
    pub fn mail(&self) -> &[u8] {
        self.memory.get(self.config_end()..self.mail_end()).unwrap_or(&[])
    }

    /// The mail, to be changed.
    pub fn mail_mut(&mut self) -> &mut [u8] {
        let place = self.config_end()..self.mail_end();
        self.memory.get_mut(place).unwrap_or(&mut [])
    }

    /// Octets that no section has.
    pub fn free(&self) -> usize {
        self.memory
            .len()
            .saturating_sub(self.mail_end())
            .saturating_sub(self.next)
    }

    /// Room for a configuration of this length, which replaces the one there is: at once, or when the mail in flight ends.
    pub fn place_config(&mut self, length: usize, in_flight: bool) -> Option<&mut [u8]> {
        let start = if in_flight { self.mail_end() } else { self.kept };
        let end = start.checked_add(length)?;
        if end > self.memory.len() {
            return None;
        }
        let before = if in_flight { &mut self.next } else { &mut self.config };
        let old = start.saturating_add(core::mem::replace(before, length));
        self.memory.get_mut(start..old.max(end))?.zeroize();
        self.memory.get_mut(start..end)
    }

    /// Room for a mail of this length, and for what is kept of it later (`domain` octets).
    pub fn place_mail(&mut self, length: usize, domain: usize) -> Option<&mut [u8]> {
        if length.max(domain) > self.free() {
            return None;
        }
        self.mail = length;
        Some(self.mail_mut())
    }

    /// Ends the mail. Of the configuration that it was sent with `domain` is kept; then the one that came meanwhile takes
    /// effect.
    pub fn end_mail(&mut self, domain: Range<usize>) {
        let end = self.mail_end().saturating_add(self.next);
        let length = domain.len();
        let moved = if self.next > 0 {
            // The old configuration is of no more use, but for the domain.
            self.copy(self.kept.saturating_add(domain.start), 0, length);
            self.copy(self.mail_end(), length, self.next);
            core::mem::take(&mut self.next)
        } else {
            self.copy(self.kept, length, self.config);
            self.copy(length.saturating_add(domain.start), 0, length);
            self.config
        };
        (self.kept, self.config, self.mail) = (length, moved, 0);
        let used = self.config_end();
        if let Some(rest) = self.memory.get_mut(used..end.max(used)) {
            rest.zeroize();
        }
    }

    /// Copies within the memory; nothing where it does not fit, which the sections never let happen.
    fn copy(&mut self, from: usize, to: usize, length: usize) {
        let end = from.saturating_add(length);
        if end <= self.memory.len() && to.saturating_add(length) <= self.memory.len() {
            self.memory.copy_within(from..end, to);
        }
    }

    /// Wipes everything.
    pub fn wipe(&mut self) {
        self.memory.zeroize();
        (self.kept, self.config, self.mail, self.next) = (0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    fn arena(length: usize) -> Arena {
        Arena::new(Box::leak(std::vec![0u8; length].into_boxed_slice()))
    }

    fn fill(place: Option<&mut [u8]>, octets: &[u8]) -> bool {
        place.is_some_and(|place| {
            place.copy_from_slice(octets);
            true
        })
    }

    #[test]
    fn a_configuration_that_comes_meanwhile_waits_for_the_mail() {
        let mut arena = arena(40);
        assert!(fill(arena.place_config(10, false), b"at:old.cz."));
        assert!(fill(arena.place_mail(5, 6), b"mail1"));
        assert!(fill(arena.place_config(12, true), b"at:newer.cz!"));
        assert_eq!((arena.config(), arena.mail()), (&b"at:old.cz."[..], &b"mail1"[..]));
        arena.end_mail(3..9);
        assert_eq!((arena.kept(), arena.config()), (&b"old.cz"[..], &b"at:newer.cz!"[..]));
        assert_eq!(arena.mail(), b"");
        assert!(arena.memory[18..].iter().all(|octet| *octet == 0));
        assert!(fill(arena.place_mail(22, 8), &[b'x'; 22]));
        arena.end_mail(3..11);
        assert_eq!((arena.kept(), arena.config()), (&b"newer.cz"[..], &b"at:newer.cz!"[..]));
        assert!(arena.memory[20..].iter().all(|octet| *octet == 0));
        // A longer domain before a shorter one.
        assert!(fill(arena.place_config(4, false), b"ab.c"));
        assert!(fill(arena.place_mail(1, 2), b"m"));
        arena.end_mail(3..4);
        assert_eq!((arena.kept(), arena.config()), (&b"c"[..], &b"ab.c"[..]));
        assert!(arena.memory[5..].iter().all(|octet| *octet == 0));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut arena = arena(16);
        assert!(fill(arena.place_config(8, false), b"12345678"));
        assert!(arena.place_config(17, false).is_none());
        assert!(arena.place_mail(9, 0).is_none());
        assert!(arena.place_mail(1, 9).is_none());
        assert!(fill(arena.place_mail(6, 4), b"abcdef"));
        assert!(arena.place_config(3, true).is_none());
        assert!(fill(arena.place_config(2, true), b"xy"));
        assert_eq!((arena.config(), arena.mail()), (&b"12345678"[..], &b"abcdef"[..]));
        arena.end_mail(0..4);
        assert_eq!((arena.kept(), arena.config()), (&b"1234"[..], &b"xy"[..]));
    }
}
