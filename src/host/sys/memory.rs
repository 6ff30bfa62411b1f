//! Memory that may be refused. The standard library's `Box` ends the process without memory. Its lists can be refused memory, but
//! whatever adds to one has a branch that panics: none of these has.

use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::alloc::{alloc, dealloc, realloc};
use std::boxed::Box;
use std::vec::Vec;

/// Moves a value into memory of its own; None without memory.
pub fn boxed<T>(value: T) -> Option<Box<T>> {
    let place = allocated(Layout::new::<T>())?.cast::<T>();
    // SAFETY: the memory is ours, as large and as aligned as the value, and came from where a box gives it back to.
    unsafe {
        place.write(value);
        Some(Box::from_raw(place.as_ptr()))
    }
}

/// Memory for a value; None without memory. A value without a size needs none, and is not for this.
// Saves 60 bytes for each type.
#[inline(never)]
fn allocated(layout: Layout) -> Option<NonNull<u8>> {
    if layout.size() == 0 {
        return None;
    }
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc(layout) })
}

/// Memory of another size, with what is in the old one: as much as fits. None without memory, and for no size: then the old one
/// is still there.
///
/// # Safety
///
/// The old memory was allocated with this layout, unless its size is 0. Both have the same alignment.
#[inline(never)]
unsafe fn resized(old: *mut u8, before: Layout, after: Layout) -> Option<NonNull<u8>> {
    if before.size() == 0 || after.size() == 0 {
        return allocated(after);
    }
    // SAFETY: the caller's promise; the size is not 0, and a layout has it.
    NonNull::new(unsafe { realloc(old, before, after.size()) })
}

/// Values, one behind the other. All that adds to them returns None without memory for that, and leaves them as they were. It is
/// not for values without a size.
pub struct Row<T>(ManuallyDrop<Vec<T>>);

impl<T> Row<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self(ManuallyDrop::new(Vec::new()))
    }

    /// An empty one, with room for exactly so many values.
    pub fn with_room(length: usize) -> Option<Self> {
        let mut row = Self::new();
        if length > 0 {
            row.set_room(length)?;
        }
        Some(row)
    }

    /// Gives it room for exactly so many values: no fewer than it has.
    fn set_room(&mut self, room: usize) -> Option<()> {
        let (before, after) = (
            Layout::array::<T>(self.0.capacity()).ok()?,
            Layout::array::<T>(room).ok()?,
        );
        // SAFETY: its memory has this layout.
        let place = unsafe { resized(self.0.as_mut_ptr().cast(), before, after) }?;
        // SAFETY: the memory is as large as this many values, and holds those that there are. Nothing is dropped.
        self.0 = ManuallyDrop::new(unsafe { Vec::from_raw_parts(place.as_ptr().cast(), self.0.len(), room) });
        Some(())
    }

    /// Makes room for so many more values.
    pub fn reserve(&mut self, more: usize) -> Option<()> {
        let needed = self.0.len().checked_add(more)?;
        if needed <= self.0.capacity() {
            return Some(());
        }
        // Twice as much at least: where values come one by one, each is copied a few times only.
        self.set_room(needed.max(self.0.capacity().saturating_mul(2)).max(4))
    }

    /// Adds a value.
    pub fn push(&mut self, value: T) -> Option<()> {
        self.reserve(1)?;
        let length = self.0.len();
        self.0.spare_capacity_mut().first_mut()?.write(value);
        // SAFETY: the value behind the others was written just now.
        unsafe { self.0.set_len(length.saturating_add(1)) };
        Some(())
    }

    /// Takes the last value out.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Takes a value out; those behind it move up. None where there is none at this position.
    pub fn take(&mut self, at: usize) -> Option<T> {
        let last = self.0.len().checked_sub(1)?;
        let behind = last.checked_sub(at)?;
        // SAFETY: the value is in there, and so many others are behind it. It is read once: then there is one less.
        unsafe {
            let place = self.0.as_mut_ptr().add(at);
            let value = place.read();
            core::ptr::copy(place.add(1), place, behind);
            self.0.set_len(last);
            Some(value)
        }
    }

    /// Takes all values out that are not wanted.
    pub fn retain(&mut self, wanted: &mut dyn FnMut(&mut T) -> bool) {
        let mut at = 0;
        while let Some(value) = self.0.get_mut(at) {
            if wanted(value) {
                at += 1;
            } else {
                self.take(at);
            }
        }
    }

    /// Takes all values out.
    pub fn clear(&mut self) {
        if core::mem::needs_drop::<T>() {
            while self.pop().is_some() {}
        }
        // SAFETY: none is left that is to be dropped.
        unsafe { self.0.set_len(0) };
    }

    /// The values, without room for more.
    pub fn boxed(mut self) -> Option<Box<[T]>> {
        if self.is_empty() {
            return Some(Box::default());
        }
        if self.0.len() != self.0.capacity() {
            let length = self.0.len();
            self.set_room(length)?;
        }
        let values = core::ptr::from_mut(self.0.as_mut_slice());
        core::mem::forget(self);
        // SAFETY: there is exactly as much memory as there are values, and nobody else gives it back.
        Some(unsafe { Box::from_raw(values) })
    }
}

impl<T: Copy> Row<T> {
    /// Adds so many copies of a value; what was added.
    pub fn grow(&mut self, more: usize, value: T) -> Option<&mut [T]> {
        self.reserve(more)?;
        let length = self.0.len();
        for place in self.0.spare_capacity_mut().get_mut(..more)? {
            place.write(value);
        }
        // SAFETY: so many values behind the others were written just now.
        unsafe { self.0.set_len(length.saturating_add(more)) };
        self.0.get_mut(length..)
    }

    /// Adds these values.
    pub fn append(&mut self, values: &[T]) -> Option<()> {
        self.reserve(values.len())?;
        let length = self.0.len();
        let room = self.0.spare_capacity_mut().get_mut(..values.len())?;
        // SAFETY: the room has this length, and is not a part of the values. It is written, and then counted.
        unsafe {
            core::ptr::copy_nonoverlapping(values.as_ptr(), room.as_mut_ptr().cast(), values.len());
            self.0.set_len(length.saturating_add(values.len()));
        }
        Some(())
    }

    /// Keeps so many values at most.
    pub fn truncate(&mut self, most: usize) {
        if most < self.0.len() {
            // SAFETY: they are fewer, and those behind need not be dropped.
            unsafe { self.0.set_len(most) };
        }
    }
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Row<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Row<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        self.clear();
        if let Some(layout) = Layout::array::<T>(self.0.capacity())
            .ok()
            .filter(|layout| layout.size() > 0)
        {
            // SAFETY: its memory has this layout, and is used no more.
            unsafe { dealloc(self.0.as_mut_ptr().cast(), layout) };
        }
    }
}

/// A value that is made once, and stays as long as the process.
pub struct Lasting<T: 'static>(AtomicPtr<T>);

impl<T: Sync> Lasting<T> {
    /// There is none yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// The value, where it was made.
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: what stands there was a box's, is given to nobody else, and is never freed.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Puts it there, unless another thread has put one there.
    pub fn set(&self, value: Box<T>) {
        let new = Box::into_raw(value);
        let null = core::ptr::null_mut();
        if self
            .0
            .compare_exchange(null, new, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            // SAFETY: it came out of a box just now, and nobody has it.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_value_is_moved_into_its_memory_and_dropped_with_it() {
        let value = Rc::new(7);
        let boxed = boxed(value.clone()).unwrap();
        assert_eq!((**boxed, Rc::strong_count(&value)), (7, 2));
        drop(boxed);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    #[test]
    fn without_memory_there_is_none() {
        const MOST: usize = isize::MAX as usize / 2;
        assert!(allocated(Layout::from_size_align(MOST, 1).unwrap()).is_none());
        assert!(Row::<u8>::with_room(MOST).is_none());
        assert!(Row::<u64>::with_room(usize::MAX).is_none());
        let mut row = row_of([1u8, 2, 3]);
        assert!(row.reserve(MOST).is_none());
        assert!(row.reserve(usize::MAX).is_none());
        assert!(row.grow(MOST, 0).is_none());
        assert_eq!(*row, [1, 2, 3]);
    }

    fn row_of<T>(values: impl IntoIterator<Item = T>) -> Row<T> {
        let mut row = Row::new();
        for value in values {
            row.push(value).unwrap();
        }
        row
    }

    #[test]
    fn a_row_keeps_what_it_has_and_drops_it_once() {
        let value = Rc::new(());
        let all = || row_of((0..100).map(|_| value.clone()));
        let mut row = all();
        row.reserve(1000).unwrap();
        assert_eq!((row.len(), Rc::strong_count(&value)), (100, 101));
        let boxed = row.boxed().unwrap();
        assert_eq!((boxed.len(), Rc::strong_count(&value)), (100, 101));
        drop(boxed);
        assert_eq!(Rc::strong_count(&value), 1);
        let mut row = all();
        drop(row.pop());
        assert_eq!(Rc::strong_count(&value), 100);
        drop(row);
        assert_eq!(Rc::strong_count(&value), 1);
        let mut row = all();
        row.clear();
        assert_eq!((row.len(), Rc::strong_count(&value)), (0, 1));
        assert!(row.boxed().unwrap().is_empty());
    }

    #[test]
    fn values_are_added_behind_the_others() {
        let mut row = Row::new();
        row.push(1).unwrap();
        assert_eq!(row.grow(3, 7).unwrap(), [7, 7, 7]);
        row.append(&[4, 5]).unwrap();
        row.append(&[]).unwrap();
        assert!(row.grow(0, 9).unwrap().is_empty());
        assert_eq!(*row, [1, 7, 7, 7, 4, 5]);
        row.truncate(9);
        row.truncate(4);
        assert_eq!(*row, [1, 7, 7, 7]);
        assert_eq!(*row.boxed().unwrap(), [1, 7, 7, 7]);
        let mut exact = Row::with_room(3).unwrap();
        exact.append(&[1u16, 2, 3]).unwrap();
        assert_eq!((exact.0.len(), exact.0.capacity()), (3, 3));
    }

    #[test]
    fn a_value_is_taken_out_and_the_others_move_up() {
        let value = Rc::new(());
        let mut row = row_of((0..4).map(|number| (number, value.clone())));
        let mut taken = |at| row.take(at).map(|(number, _)| number);
        assert_eq!(
            [taken(4), taken(1), taken(2), taken(0)],
            [None, Some(1), Some(3), Some(0)]
        );
        assert_eq!((row.len(), Rc::strong_count(&value)), (1, 2));
        assert_eq!(row.take(0).map(|(number, _)| number), Some(2));
        assert!(row.take(0).is_none());
        assert_eq!(Rc::strong_count(&value), 1);
        let mut row = row_of(0..10);
        row.retain(&mut |number| *number % 3 == 1);
        assert_eq!(*row, [1, 4, 7]);
    }

    #[test]
    fn what_lasts_is_made_once() {
        static PLACE: Lasting<u32> = Lasting::new();
        assert_eq!(PLACE.get(), None);
        PLACE.set(Box::new(1));
        PLACE.set(Box::new(2));
        assert_eq!(PLACE.get(), Some(&1));
    }
}
