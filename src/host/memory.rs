//! Memory that may be refused: the host program goes on when there is none left.
//!
//! The standard library's `Box` and `Arc` end the process then; its vectors can be asked first. Everything that the host
//! engine allocates goes through here or through a vector's `try_reserve`.

use core::ops::{Deref, DerefMut};
use std::boxed::Box;
use std::vec::Vec;

/// A value in memory of its own.
pub struct Boxed<T>(Box<[T; 1]>);

impl<T> Boxed<T> {
    /// Moves a value into memory of its own; None when there is none.
    pub fn new(value: T) -> Option<Self> {
        let mut one = Vec::new();
        one.try_reserve_exact(1).ok()?;
        one.push(value);
        one.into_boxed_slice().try_into().ok().map(Self)
    }

    /// The memory itself, for a new thread.
    pub fn into_inner(self) -> Box<[T; 1]> {
        self.0
    }

    /// The reverse.
    pub fn from_inner(inner: Box<[T; 1]>) -> Self {
        Self(inner)
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let [value] = &*self.0;
        value
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        let [value] = &mut *self.0;
        value
    }
}

/// Zeros.
pub fn zeros(length: usize) -> Option<Box<[u8]>> {
    let mut octets = Vec::new();
    octets.try_reserve_exact(length).ok()?;
    octets.resize(length, 0);
    Some(octets.into_boxed_slice())
}

/// Wipes octets that may hold a secret, as fast as memory allows.
pub fn wipe(octets: &mut [u8]) {
    octets.fill(0);
    // Without somebody who might look at it, the compiler would leave the filling out.
    core::hint::black_box(octets);
}

/// Several texts, one behind the other in one piece of memory: no copy is left behind by growing.
pub fn joined(texts: &[&[u8]]) -> Option<Box<[u8]>> {
    let mut length = 0usize;
    for text in texts {
        length = length.checked_add(text.len())?;
    }
    let mut all = Vec::new();
    all.try_reserve_exact(length).ok()?;
    for text in texts {
        all.extend_from_slice(text);
    }
    Some(all.into_boxed_slice())
}
