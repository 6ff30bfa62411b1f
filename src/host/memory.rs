//! Memory that may be refused: without memory a call fails, and the program goes on.
//!
//! The standard library's `Box` and `Arc` end the process without memory. Everything that the host engine allocates goes through
//! here.

use core::ops::{Deref, DerefMut};
use std::boxed::Box;

use super::sys;
pub use super::sys::{Counted, Lasting, Row};

/// A value in memory of its own.
pub struct Boxed<T>(Box<T>);

impl<T> Boxed<T> {
    /// Moves a value into memory of its own; None without memory.
    pub fn new(value: T) -> Option<Self> {
        sys::boxed(value).map(Self)
    }

    /// The box itself, for a new thread.
    pub fn into_inner(self) -> Box<T> {
        self.0
    }

    /// The reverse.
    pub fn from_inner(inner: Box<T>) -> Self {
        Self(inner)
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// So many zeros; None without memory.
pub fn zeros(length: usize) -> Option<Box<[u8]>> {
    let mut octets = Row::with_room(length)?;
    octets.grow(length, 0)?;
    octets.boxed()
}

/// Wipes octets that may hold a secret, as fast as memory allows.
// Saves 150 bytes.
#[inline(never)]
pub fn wipe(octets: &mut [u8]) {
    octets.fill(0);
    // Without a possible reader the compiler would leave the fill out.
    core::hint::black_box(octets);
}

/// Wipes what calls have left on the stack below: keys, where TLS was spoken or a login derived some.
#[inline(never)]
pub fn wipe_stack() {
    let mut room = [0u8; 32 * 1024];
    core::hint::black_box(&mut room);
}

/// Octets that come one piece after the other. They are wiped at the end, and wherever they were before there was more room.
#[derive(Default)]
pub struct Growing(Row<u8>);

impl Growing {
    /// Adds zeros, and gives them out to be written to; None without memory.
    // In one place, for all that use it.
    #[inline(never)]
    pub fn grow(&mut self, more: usize) -> Option<&mut [u8]> {
        let needed = self.0.len().checked_add(more)?;
        if needed > self.0.room() {
            let mut larger = Row::with_room(needed.max(self.0.room().saturating_mul(2)))?;
            larger.append(&self.0)?;
            wipe(&mut self.0);
            self.0 = larger;
        }
        self.0.grow(more, 0)
    }

    /// Adds these octets; None without memory.
    pub fn append(&mut self, octets: &[u8]) -> Option<()> {
        crate::octets::copy(self.grow(octets.len())?, octets);
        Some(())
    }

    /// Keeps so many octets at most.
    pub fn truncate(&mut self, most: usize) {
        self.0.truncate(most);
    }
}

impl Deref for Growing {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Several texts, one after the other, in memory that is allocated once: growing would leave copies behind. None without
/// memory.
pub fn joined(texts: &[&[u8]]) -> Option<Box<[u8]>> {
    let mut length = 0usize;
    for text in texts {
        length = length.checked_add(text.len())?;
    }
    let mut all = Row::with_room(length)?;
    for text in texts {
        all.append(text)?;
    }
    all.boxed()
}
