//! Functions of the program that are told of a mail: the lines of its conversation, and its end.

use core::ffi::{CStr, c_char, c_void};

/// Is told the lines of a conversation.
#[derive(Clone, Copy)]
pub struct Trace {
    function: unsafe extern "C" fn(*mut c_void, *const c_char),
    context: *mut c_void,
}

// SAFETY: who makes one promises that it may be called on any thread.
unsafe impl Send for Trace {}
// SAFETY: likewise.
unsafe impl Sync for Trace {}

impl Trace {
    /// This function.
    ///
    /// # Safety
    ///
    /// It can be called with the context, on any thread, as long as a configuration has it, or a mail that began with that
    /// configuration is in flight.
    pub unsafe fn new(function: unsafe extern "C" fn(*mut c_void, *const c_char), context: *mut c_void) -> Self {
        Self { function, context }
    }

    /// Tells a line. No lock may be held.
    pub fn call(&self, line: &CStr) {
        // SAFETY: the promise of `new`.
        unsafe { (self.function)(self.context, line.as_ptr()) };
    }
}

/// Calls a function of the program with its context, the client's handle, and how the mail ended.
pub type Tell<T> = unsafe fn(function: *const (), context: *mut c_void, handle: usize, told: &T);

/// Is told of the end of a mail: a function of the program, and what calls it with the C structure made of a `T`.
pub struct Done<T> {
    tell: Tell<T>,
    function: *const (),
    context: *mut c_void,
}

impl<T> Clone for Done<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Done<T> {}

// SAFETY: who makes one promises that it may be called on any thread.
unsafe impl<T> Send for Done<T> {}

impl<T> Done<T> {
    /// This function.
    ///
    /// # Safety
    ///
    /// `tell` can be called with the function and the context, once, on any thread, when the mail has ended.
    pub unsafe fn new(tell: Tell<T>, function: *const (), context: *mut c_void) -> Self {
        Self {
            tell,
            function,
            context,
        }
    }

    /// Tells how the mail of the client with this handle has ended. No lock may be held.
    pub fn call(self, handle: usize, told: &T) {
        // SAFETY: the promise of `new`.
        unsafe { (self.tell)(self.function, self.context, handle, told) };
    }
}

/// Octets of the program's that are not copied.
#[derive(Clone, Copy)]
pub struct Lent {
    first: *const u8,
    length: usize,
}

// SAFETY: who makes one promises that they may be read on any thread.
unsafe impl Send for Lent {}
// SAFETY: likewise.
unsafe impl Sync for Lent {}

impl Lent {
    /// These octets.
    ///
    /// # Safety
    ///
    /// They stay where they are, and as they are, until this and all copies of it are dropped.
    pub unsafe fn new(octets: &[u8]) -> Self {
        Self {
            first: octets.as_ptr(),
            length: octets.len(),
        }
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        // SAFETY: the promise of `new`.
        unsafe { core::slice::from_raw_parts(self.first, self.length) }
    }
}

/// A function of the program that gives octets.
#[derive(Clone, Copy)]
pub struct Read {
    function: unsafe extern "C" fn(*mut c_void, u64, *mut c_char, usize) -> i32,
    context: *mut c_void,
}

// SAFETY: who makes one promises that it may be called on any thread.
unsafe impl Send for Read {}
// SAFETY: likewise.
unsafe impl Sync for Read {}

impl Read {
    /// This function.
    ///
    /// # Safety
    ///
    /// It can be called with the context, on any thread, until the mail that it is for has ended, and the function has returned.
    pub unsafe fn new(
        function: unsafe extern "C" fn(*mut c_void, u64, *mut c_char, usize) -> i32,
        context: *mut c_void,
    ) -> Self {
        Self { function, context }
    }

    /// Asks for octets from this one on; what it returned. No lock may be held.
    pub fn call(&self, offset: u64, room: &mut [u8]) -> i32 {
        // SAFETY: the promise of `new`; the room has this length.
        unsafe { (self.function)(self.context, offset, room.as_mut_ptr().cast(), room.len()) }
    }
}

#[cfg(test)]
impl Trace {
    /// A function that does nothing.
    pub fn of_nothing() -> Self {
        unsafe extern "C" fn nothing(_: *mut c_void, _: *const c_char) {}
        // SAFETY: it can be called with anything.
        unsafe { Self::new(nothing, core::ptr::null_mut()) }
    }
}

#[cfg(test)]
impl<T> Done<T> {
    /// A function that does nothing.
    pub fn of_nothing() -> Self {
        unsafe fn nothing<T>(_: *const (), _: *mut c_void, _: usize, _: &T) {}
        // SAFETY: it can be called with anything.
        unsafe { Self::new(nothing::<T>, core::ptr::null(), core::ptr::null_mut()) }
    }
}
