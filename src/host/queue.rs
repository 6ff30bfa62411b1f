//! A queue in a ring: what was put in first is taken out first. The standard library's has branches that panic.

use super::memory::Row;

/// Values in their order.
pub struct Queue<T> {
    /// All that are not None are one behind the other, in a ring.
    places: Row<Option<T>>,
    /// Where the first one is.
    first: usize,
    length: usize,
}

impl<T> Queue<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            places: Row::new(),
            first: 0,
            length: 0,
        }
    }

    /// How many values are in it.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many there is room for.
    pub fn room(&self) -> usize {
        self.places.len()
    }

    /// The first one.
    pub fn first(&self) -> Option<&T> {
        self.places.get(self.first)?.as_ref()
    }

    /// Makes room for so many values altogether; None without memory.
    pub fn reserve(&mut self, all: usize) -> Option<()> {
        if all > self.places.len() {
            self.make_room(all.max(self.places.len().saturating_mul(2)).max(4))?;
        }
        Some(())
    }

    fn make_room(&mut self, room: usize) -> Option<()> {
        let mut places = Row::with_room(room)?;
        let length = self.length;
        // Those behind them are None.
        while places.len() < room {
            places.push(self.pop())?;
        }
        *self = Self {
            places,
            first: 0,
            length,
        };
        Some(())
    }

    /// Adds a value; None without memory for it.
    pub fn push(&mut self, value: T) -> Option<()> {
        self.reserve(self.length.saturating_add(1))?;
        let at = self.first.saturating_add(self.length);
        let at = at.checked_sub(self.places.len()).unwrap_or(at);
        *self.places.get_mut(at)? = Some(value);
        self.length = self.length.saturating_add(1);
        Some(())
    }

    /// Takes the first one out.
    pub fn pop(&mut self) -> Option<T> {
        let value = self.places.get_mut(self.first)?.take()?;
        self.length = self.length.saturating_sub(1);
        self.first = self.first.saturating_add(1);
        if self.first == self.places.len() {
            self.first = 0;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn it_does_what_the_standard_librarys_does() {
        let (mut queue, mut plain) = (Queue::new(), VecDeque::new());
        let mut random = 1u32;
        for step in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // At first it grows, then it shrinks.
            if (random >> 16) % 100 < if step < 10_000 { 55 } else { 45 } {
                queue.push(step).unwrap();
                plain.push_back(step);
            } else {
                assert_eq!(queue.pop(), plain.pop_front());
            }
            if random % 97 == 0 {
                queue.reserve(plain.len() + 3).unwrap();
                assert!(queue.room() >= plain.len() + 3);
            }
            assert_eq!((queue.len(), queue.first()), (plain.len(), plain.front()));
            assert_eq!(queue.is_empty(), plain.is_empty());
        }
        while let Some(value) = plain.pop_front() {
            assert_eq!(queue.pop(), Some(value));
        }
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn without_memory_it_stays_as_it_is() {
        let mut queue = Queue::new();
        queue.push(1).unwrap();
        assert!(queue.reserve(usize::MAX).is_none());
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
    }
}
