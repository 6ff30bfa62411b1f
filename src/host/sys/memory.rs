//! Memory that may be refused. The standard library's `Box` ends the process without memory. Its lists can be refused memory, but
//! whatever adds to one has a branch that panics: none of these has.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::alloc::{alloc, dealloc, realloc};
use std::boxed::Box;

use super::system;

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

/// From here on memory is in large pages where the system has some: each new page takes a fault, and 6,400 small ones, of a text of 25
/// MiB, take 20 ms, more than all else.
const MUCH: usize = 4 * 1024 * 1024;

/// The memory of a row, whatever its values are.
struct Memory {
    /// Where it is.
    place: NonNull<u8>,
    /// For how many values there is room.
    room: usize,
    /// How many there are.
    length: usize,
}

impl Memory {
    /// Makes room for so many more values of this layout. None without memory: then all stays as it was.
    ///
    /// # Safety
    ///
    /// The values have this layout, and a size.
    // In one place for all rows.
    #[inline(never)]
    unsafe fn reserve(&mut self, value: Layout, more: usize) -> Option<()> {
        if more <= self.room.saturating_sub(self.length) {
            return Some(());
        }
        let needed = self.length.checked_add(more)?;
        // Twice as much at least: where values come one by one, each is copied a few times only.
        let room = needed.max(self.room.saturating_mul(2)).max(4);
        // SAFETY: the caller's promise.
        unsafe { self.set_room(value, room) }
    }

    /// Makes room for exactly so many values: no fewer than there are, and at least one.
    ///
    /// # Safety
    ///
    /// As above.
    #[inline(never)]
    unsafe fn set_room(&mut self, value: Layout, room: usize) -> Option<()> {
        let size = value.size().checked_mul(room)?;
        let after = Layout::from_size_align(size, value.align()).ok()?;
        let place = match self.layout(value) {
            // SAFETY: the memory has this layout, and the new size is that of a layout and not 0.
            Some(before) => NonNull::new(unsafe { realloc(self.place.as_ptr(), before, size) }),
            None => allocated(after),
        };
        self.place = place?;
        self.room = room;
        if size >= MUCH {
            // SAFETY: it is so large, and ours.
            unsafe { system::use_large_pages(self.place, size) };
        }
        Some(())
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// The values had this layout, and are there no more.
    // Saves 1,500 bytes.
    #[inline(never)]
    unsafe fn free(&self, value: Layout) {
        if let Some(layout) = self.layout(value) {
            // SAFETY: the memory has this layout, and is used no more.
            unsafe { dealloc(self.place.as_ptr(), layout) };
        }
    }

    /// Of its memory; None where it has none.
    fn layout(&self, value: Layout) -> Option<Layout> {
        let size = value.size().checked_mul(self.room)?;
        let layout = Layout::from_size_align(size, value.align()).ok()?;
        (size > 0).then_some(layout)
    }
}

/// Values, one behind the other. All that adds to them returns None without memory for that, and leaves them as they were. It is
/// not for values without a size.
pub struct Row<T> {
    memory: Memory,
    values: PhantomData<T>,
}

// SAFETY: the values are the row's own.
unsafe impl<T: Send> Send for Row<T> {}

// SAFETY: as above.
unsafe impl<T: Sync> Sync for Row<T> {}

impl<T> Row<T> {
    /// What each value takes. Compilation ends where it is nothing.
    const VALUE: Layout = {
        assert!(size_of::<T>() > 0);
        Layout::new::<T>()
    };

    /// An empty one.
    pub const fn new() -> Self {
        Self {
            memory: Memory {
                place: NonNull::<T>::dangling().cast(),
                room: 0,
                length: 0,
            },
            values: PhantomData,
        }
    }

    /// An empty one, with room for exactly so many values.
    pub fn with_room(length: usize) -> Option<Self> {
        let mut row = Self::new();
        if length > 0 {
            // SAFETY: the layout is that of the values.
            unsafe { row.memory.set_room(Self::VALUE, length) }?;
        }
        Some(row)
    }

    fn place(&self) -> NonNull<T> {
        self.memory.place.cast()
    }

    /// For how many values there is room.
    pub fn room(&self) -> usize {
        self.memory.room
    }

    /// Makes room for so many more values.
    pub fn reserve(&mut self, more: usize) -> Option<()> {
        // SAFETY: the layout is that of the values.
        unsafe { self.memory.reserve(Self::VALUE, more) }
    }

    /// Adds a value.
    pub fn push(&mut self, value: T) -> Option<()> {
        self.reserve(1)?;
        // SAFETY: there is room for one more.
        unsafe { self.place().add(self.memory.length).write(value) };
        self.memory.length = self.memory.length.saturating_add(1);
        Some(())
    }

    /// Takes the last value out.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.memory.length.checked_sub(1)?;
        self.memory.length = last;
        // SAFETY: it was the last one, and does not count any more.
        Some(unsafe { self.place().add(last).read() })
    }

    /// Takes a value out; those behind it move up. None where there is none at this position.
    pub fn take(&mut self, at: usize) -> Option<T> {
        let last = self.memory.length.checked_sub(1)?;
        let behind = last.checked_sub(at)?;
        // SAFETY: the value is in there, and so many others are behind it. It is read once: then there is one less.
        unsafe {
            let place = self.place().add(at);
            let value = place.read();
            place.copy_from(place.add(1), behind);
            self.memory.length = last;
            Some(value)
        }
    }

    /// Takes all values out that are not wanted.
    pub fn retain(&mut self, wanted: &mut dyn FnMut(&mut T) -> bool) {
        let mut at = 0;
        while let Some(value) = self.get_mut(at) {
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
        self.memory.length = 0;
    }

    /// The values, without room for more.
    pub fn boxed(mut self) -> Option<Box<[T]>> {
        let length = self.memory.length;
        if length == 0 {
            return Some(Box::default());
        }
        if length != self.memory.room {
            // SAFETY: the layout is that of the values.
            unsafe { self.memory.set_room(Self::VALUE, length) }?;
        }
        let values = core::ptr::from_mut(&mut *self);
        core::mem::forget(self);
        // SAFETY: there is exactly as much memory as there are values, and nobody else gives it back.
        Some(unsafe { Box::from_raw(values) })
    }
}

impl<T: Copy> Row<T> {
    /// Adds so many copies of a value; what was added.
    pub fn grow(&mut self, more: usize, value: T) -> Option<&mut [T]> {
        self.reserve(more)?;
        let before = self.memory.length;
        // SAFETY: there is room for so many more.
        let room = unsafe {
            core::slice::from_raw_parts_mut(self.place().add(before).cast::<MaybeUninit<T>>().as_ptr(), more)
        };
        for place in room {
            place.write(value);
        }
        self.memory.length = before.saturating_add(more);
        self.get_mut(before..)
    }

    /// Adds these values.
    pub fn append(&mut self, values: &[T]) -> Option<()> {
        self.reserve(values.len())?;
        let before = self.memory.length;
        // SAFETY: there is room for so many more, which is not a part of the values.
        unsafe { core::ptr::copy_nonoverlapping(values.as_ptr(), self.place().add(before).as_ptr(), values.len()) };
        self.memory.length = before.saturating_add(values.len());
        Some(())
    }

    /// Keeps so many values at most.
    pub fn truncate(&mut self, most: usize) {
        self.memory.length = self.memory.length.min(most);
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
        // SAFETY: so many values are there.
        unsafe { core::slice::from_raw_parts(self.place().as_ptr(), self.memory.length) }
    }
}

impl<T> DerefMut for Row<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(self.place().as_ptr(), self.memory.length) }
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: the layout is that of the values, which were dropped.
        unsafe { self.memory.free(Self::VALUE) };
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

/// A value that several hold, and that ends with the last of them. The standard library's `Arc` ends the process without memory.
pub struct Counted<T>(NonNull<Held<T>>);

struct Held<T> {
    holders: AtomicUsize,
    value: T,
}

// SAFETY: any thread of those that hold it reads the value, and any of them may end it.
unsafe impl<T: Send + Sync> Send for Counted<T> {}

// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Counted<T> {}

impl<T> Counted<T> {
    /// Moves a value into memory of its own; None without memory.
    pub fn new(value: T) -> Option<Self> {
        let holders = AtomicUsize::new(1);
        let held = boxed(Held { holders, value })?;
        Some(Self(NonNull::from(Box::leak(held))))
    }

    /// Another one that holds it. Each of them takes room somewhere: there are never as many as could be counted.
    pub fn share(&self) -> Self {
        self.held().holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }

    fn held(&self) -> &Held<T> {
        // SAFETY: it was a box's, and ends with the last that holds it.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held().value
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        // What others have read of it was read before.
        if self.held().holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: it was a box's, and nobody else holds it.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::vec::Vec;

    #[test]
    fn a_value_that_several_hold_ends_with_the_last_of_them() {
        struct Ends<'a>(&'a AtomicUsize);

        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let ended = AtomicUsize::new(0);
        let first = Counted::new(Ends(&ended)).unwrap();
        let others: Vec<_> = (0..4).map(|_| first.share()).collect();
        std::thread::scope(|scope| {
            for other in others {
                scope.spawn(move || {
                    for _ in 0..100 {
                        assert_eq!(other.share().deref().0.load(Ordering::Relaxed), 0);
                    }
                });
            }
        });
        assert_eq!(ended.load(Ordering::Relaxed), 0);
        drop(first);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }

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
        assert_eq!((exact.memory.length, exact.memory.room), (3, 3));
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
