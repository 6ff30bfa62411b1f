//! The memory that a program lends for texts: a configuration and a mail grow from its one end, and a configuration that
//! comes while that mail is in flight has the other end. When the mail ends they change places; nothing is ever moved.
//!
//! What stood in a part is wiped when the part is given up: there are passwords among it.

use core::mem::{align_of, size_of};
use core::ptr::addr_of_mut;

use super::security::Kept;
use super::server::Named;
use crate::client::settings::Checked;
use crate::octets;
use crate::session::{Job, Settings};

/// A configuration in the arena, with the job for the session: its mail is put in there.
pub struct Config {
    /// The settings; and the mail in flight.
    pub job: Job<'static>,
    /// The server's name, where it was configured by one.
    pub named: Option<Named>,
    /// What was said of TLS.
    pub tls: Kept,
}

/// The memory, and how much of it is in use.
pub struct Arena {
    memory: *mut u8,
    length: usize,
    /// Octets in use at the lower end, and at the upper one: of a configuration and the mail beside it, and of the next one.
    lower: usize,
    upper: usize,
    /// Those of the configuration.
    config: usize,
    /// It is at the upper end.
    turned: bool,
    /// What is put now goes to the upper end.
    putting: bool,
}

impl Arena {
    /// Nothing yet: all zeros.
    pub const EMPTY: Self = Self {
        memory: core::ptr::null_mut(),
        length: 0,
        lower: 0,
        upper: 0,
        config: 0,
        turned: false,
        putting: false,
    };

    /// Takes this memory, with nothing in it.
    pub fn lend(&mut self, memory: &'static mut [u8]) {
        (self.memory, self.length) = (memory.as_mut_ptr(), memory.len());
    }

    /// Octets of it, in use or not.
    pub fn size(&self) -> usize {
        self.length
    }

    /// Octets that nothing stands in.
    pub fn free(&self) -> usize {
        // The ends never have more than there is.
        self.length.wrapping_sub(self.lower).wrapping_sub(self.upper)
    }

    /// Octets in use at the end where things are put.
    fn used(&mut self) -> &mut usize {
        if self.putting { &mut self.upper } else { &mut self.lower }
    }

    /// The next `length` octets. Whoever asks has looked that they are free.
    pub fn part(&mut self, length: usize) -> &'static mut [u8] {
        let before = *self.used();
        let after = before.wrapping_add(length);
        *self.used() = after;
        let start = if self.putting {
            self.length.wrapping_sub(after)
        } else {
            before
        };
        // SAFETY: start + length <= self.length, which is the memory that was lent for good. It was free until now.
        unsafe { core::slice::from_raw_parts_mut(self.memory.add(start), length) }
    }

    /// Puts a text there, likewise.
    // Saves 36 bytes of the small library.
    #[inline(never)]
    pub fn push(&mut self, text: &[u8]) -> &'static [u8] {
        let part = self.part(text.len());
        // SAFETY: it has this length, and nobody had it before.
        unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), part.as_mut_ptr(), text.len()) };
        part
    }

    /// Keeps a configuration: instead of the one there is, which nobody may use any more, or, with a mail in flight, instead
    /// of the one that would be next. None, with nothing changed, where it does not fit, with room for `more` octets that
    /// [`Arena::part`] gives next.
    // Saves 12 bytes.
    #[inline(never)]
    pub fn configure(&mut self, checked: &Checked<'_>, in_flight: bool, more: usize) -> Option<&'static mut Config> {
        const CONFIG: usize = size_of::<Config>() + align_of::<Config>();
        // No sum of lengths overflows: each text has its limit.
        let texts = checked.settings.texts.iter();
        let length = texts.fold(CONFIG.wrapping_add(more), |sum, text| sum.wrapping_add(text.len()));
        self.putting = self.turned != in_flight;
        let given_up = *self.used();
        if length > self.free().wrapping_add(given_up) {
            return None;
        }
        *self.used() = 0;
        self.wipe_free();
        let part = self.part(CONFIG).as_mut_ptr();
        // SAFETY: aligned, large enough, and nobody else's. All texts of the settings are in the arena when they are lent.
        unsafe {
            let config = part.add(part.align_offset(align_of::<Config>())).cast::<Config>();
            addr_of_mut!((*config).job.mail).write(None);
            // `named` stays None, of TLS nothing is said, and `keep` is false: what is free is zeros.
            addr_of_mut!((*config).job.settings)
                .cast::<Settings<'_>>()
                .write(checked.settings);
            let config = &mut *config;
            for text in &mut config.job.settings.texts {
                *text = self.push(text);
            }
            Some(config)
        }
    }

    /// Begins a mail, which will take `length` octets; whether they are free.
    pub fn begin_mail(&mut self, length: usize) -> bool {
        self.putting = self.turned;
        self.config = *self.used();
        length <= self.free()
    }

    /// Gives up the mail. With `next` the configuration, too: the one that came meanwhile takes its place.
    pub fn end_mail(&mut self, next: bool) {
        self.putting = self.turned;
        *self.used() = if next { 0 } else { self.config };
        self.turned ^= next;
        self.wipe_free();
    }

    /// Gives up everything.
    pub fn wipe(&mut self) {
        (self.lower, self.upper) = (0, 0);
        self.wipe_free();
    }

    /// Leaves nothing of what was given up.
    fn wipe_free(&mut self) {
        // SAFETY: within the memory that was lent, and in use by nobody.
        octets::wipe(unsafe { core::slice::from_raw_parts_mut(self.memory.add(self.lower), self.free()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::settings::Draft;
    use std::boxed::Box;
    use std::vec::Vec;

    fn arena(length: usize) -> (Arena, &'static [u8]) {
        let memory = Box::leak(std::vec![0u8; length].into_boxed_slice());
        let seen = unsafe { core::slice::from_raw_parts(memory.as_ptr(), length) };
        let mut arena = Arena::EMPTY;
        arena.lend(memory);
        (arena, seen)
    }

    fn configure(arena: &mut Arena, sender: &str, in_flight: bool) -> Option<&'static mut Config> {
        let draft = Draft {
            server: Some(b"192.0.2.7"),
            auth: 1,
            username: Some(b"user"),
            password: Some(b"a-password"),
            sender: Some(sender.as_bytes()),
            ..Draft::default()
        };
        arena.configure(
            &draft.check(&mut [0; crate::wire::literal::LITERAL_BYTES]).unwrap(),
            in_flight,
            0,
        )
    }

    fn holds(memory: &[u8], text: &str) -> usize {
        memory
            .windows(text.len())
            .filter(|window| *window == text.as_bytes())
            .count()
    }

    #[test]
    fn a_configuration_that_comes_meanwhile_waits_at_the_other_end() {
        let (mut arena, memory) = arena(1200);
        let mut current = configure(&mut arena, "first@example.cz", false).unwrap();
        for round in 0..5 {
            let sender = std::format!("round{round}@example.cz");
            assert!(arena.begin_mail(6 + 8 + 16));
            let (to, text) = (arena.push(b"a@b.cz"), arena.push(b"the text"));
            arena.part(16).fill(b'x');
            assert!(configure(&mut arena, "never-used@example.cz", true).is_some());
            let next = configure(&mut arena, &sender, true).unwrap();
            assert_eq!((to, text), (&b"a@b.cz"[..], &b"the text"[..]));
            assert_ne!(current.job.settings.sender(), sender.as_bytes());
            assert_eq!((holds(memory, "never-used"), holds(memory, "a-password")), (0, 2));
            arena.end_mail(true);
            assert_eq!((holds(memory, "the text"), holds(memory, "xxxx")), (0, 0));
            assert_eq!((holds(memory, "a-password"), holds(memory, &sender)), (1, 1));
            current = next;
            assert_eq!(current.job.settings.sender(), sender.as_bytes());
        }
        arena.wipe();
        assert!(memory.iter().all(|octet| *octet == 0));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        for length in 0..600 {
            let (mut arena, memory) = arena(length);
            let Some(config) = configure(&mut arena, "sds@example.cz", false) else {
                assert_eq!(arena.free(), length);
                continue;
            };
            let free = arena.free();
            assert!(!arena.begin_mail(free + 1) && arena.begin_mail(free));
            assert!(configure(&mut arena, &std::format!("{}@example.cz", "x".repeat(64)), true).is_none() || free > 64);
            let before: Vec<u8> = memory.to_vec();
            assert!(configure(&mut arena, "sds@example.cz", true).is_none() || free >= length - free);
            if free < length - free {
                assert_eq!(memory, before);
            }
            assert_eq!(config.job.settings.sender(), b"sds@example.cz");
        }
    }
}
