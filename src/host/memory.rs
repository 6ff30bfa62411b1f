//! Memory that may be refused: without memory a call fails, and the program goes on.
//!
//! The standard library's `Box` and `Arc` end the process without memory. Everything that the host engine allocates goes through
//! here.

use core::ops::{Deref, DerefMut};
use std::boxed::Box;

use super::sys;
pub use super::sys::{Lasting, Row};

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
