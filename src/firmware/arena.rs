//! The memory that a program lends for texts: a configuration and a mail grow from its one end, and a configuration that
//! comes while that mail is in flight has the other end. When the mail ends they change places; nothing is ever moved.
//!
//! What stood in a part is wiped when the part is given up: there are passwords among it.

use core::mem::{align_of, size_of};
use core::ptr::addr_of_mut;

use zeroize::Zeroize;

use super::transport::sds_smtp_address;
use crate::client::settings::Checked;
use crate::session::{Job, Settings};

/// A configuration in the arena, with the job for the session: its mail is put in there.
pub struct Config {
    /// Where the server listens.
    pub server: sds_smtp_address,
    /// The settings; and the mail in flight.
    pub job: Job<'static>,
}

/// The memory, and how much of it is in use.
pub struct Arena {
    memory: *mut u8,
    length: usize,
    /// The configuration, at the near end.
    near: usize,
    /// The mail, behind it.
    mail: usize,
    /// The next configuration, at the far end.
    far: usize,
    /// The near end is the upper one.
    turned: bool,
}

impl Arena {
    /// All of this memory, with nothing in it.
    pub fn new(memory: &'static mut [u8]) -> Self {
        Self {
            length: memory.len(),
            memory: memory.as_mut_ptr(),
            near: 0,
            mail: 0,
            far: 0,
            turned: false,
        }
    }

    /// Octets of it, in use or not.
    pub fn size(&self) -> usize {
        self.length
    }

    /// Octets that nothing stands in.
    pub fn free(&self) -> usize {
        // The parts never have more than there is.
        self.length
            .wrapping_sub(self.near)
            .wrapping_sub(self.mail)
            .wrapping_sub(self.far)
    }

    /// `length` octets, `from` octets from the near end. Whoever asks has looked that they fit, and that nobody has them.
    fn part(&mut self, from: usize, length: usize) -> &'static mut [u8] {
        let start = if self.turned {
            self.length.wrapping_sub(from).wrapping_sub(length)
        } else {
            from
        };
        // SAFETY: start + length <= self.length, which is the memory that `new` was lent for good. Its parts are given to one
        // user at a time: `near`, `mail` and `far` say who has what.
        unsafe { core::slice::from_raw_parts_mut(self.memory.add(start), length) }
    }

    /// Keeps a configuration: instead of the one there is, which nobody may use any more, or, with a mail in flight, instead
    /// of the one that would be next. None, with nothing changed, where it does not fit.
    pub fn configure(&mut self, checked: &Checked<'_>, in_flight: bool) -> Option<&'static mut Config> {
        let mut length = size_of::<Config>().saturating_add(align_of::<Config>());
        for text in &checked.settings.texts {
            length = length.saturating_add(text.len());
        }
        let mine = if in_flight { self.far } else { self.near };
        if length > self.free().saturating_add(mine) {
            return None;
        }
        let (old, new) = if in_flight {
            self.far = length;
            (self.length.wrapping_sub(mine), self.length.wrapping_sub(length))
        } else {
            self.near = length;
            (0, 0)
        };
        self.part(old, mine).zeroize();
        let part = self.part(new, length);
        let skipped = part.as_ptr().align_offset(align_of::<Config>());
        let (head, mut rest) = part.split_at_mut_checked(size_of::<Config>().saturating_add(skipped))?;
        let place = head.get_mut(skipped..)?.as_mut_ptr().cast::<Config>();
        // SAFETY: aligned, large enough, and nobody else's. All texts of the settings are in the arena when they are lent.
        unsafe {
            addr_of_mut!((*place).server).write(sds_smtp_address {
                version: u32::from(checked.server.version),
                port: u32::from(checked.port),
                octets: checked.server.octets,
            });
            addr_of_mut!((*place).job.mail).write(None);
            addr_of_mut!((*place).job.settings)
                .cast::<Settings<'_>>()
                .write(checked.settings);
            let config = &mut *place;
            for text in &mut config.job.settings.texts {
                *text = copied(&mut rest, text);
            }
            Some(config)
        }
    }

    /// Keeps texts of a mail, and gives `buffer` octets beside them. None, with nothing changed, where they do not fit.
    pub fn keep<const N: usize>(
        &mut self,
        texts: [&[u8]; N],
        buffer: usize,
    ) -> Option<([&'static [u8]; N], &'static mut [u8])> {
        let length = texts.iter().fold(buffer, |sum, text| sum.saturating_add(text.len()));
        if length > self.free() {
            return None;
        }
        self.mail = length;
        let mut part = self.part(self.near, length);
        let texts = texts.map(|text| copied(&mut part, text));
        Some((texts, part))
    }

    /// Gives up the mail. With `next` the configuration, too: the one that came meanwhile takes its place.
    pub fn end_mail(&mut self, next: bool) {
        self.part(self.near, self.mail).zeroize();
        self.mail = 0;
        if next {
            self.part(0, self.near).zeroize();
            self.near = core::mem::take(&mut self.far);
            self.turned = !self.turned;
        }
    }

    /// Gives up everything.
    pub fn wipe(&mut self) {
        self.part(0, self.length).zeroize();
        (self.near, self.mail, self.far) = (0, 0, 0);
    }
}

/// Copies a text to the beginning of what is left of a part.
fn copied(part: &mut &'static mut [u8], text: &[u8]) -> &'static [u8] {
    let Some((place, rest)) = core::mem::take(part).split_at_mut_checked(text.len()) else {
        return &[];
    };
    crate::octets::copy(place, text);
    *part = rest;
    place
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
        (Arena::new(memory), seen)
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
        arena.configure(&draft.check().unwrap(), in_flight)
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
            let ([to, text], buffer) = arena.keep([b"a@b.cz", b"the text"], 16).unwrap();
            buffer.fill(b'x');
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
            assert!(arena.keep([&std::vec![b'x'; free]], 1).is_none());
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
