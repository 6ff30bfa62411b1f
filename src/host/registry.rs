//! Handles, and what is read of a client without a lock.
//!
//! A handle is no pointer but a number: the client's place and how often that place was used. So a handle of a client
//! that was freed, or one that never was, is recognised instead of followed. Places are never given back to the
//! system; a freed one is used again.

use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;
use std::sync::{Condvar, OnceLock};
use std::vec::Vec;

use crate::client::guard::Guard;
use crate::limits::CLIENTS;

/// The bits of a handle that say which place it is: as many as [`CLIENTS`] need.
const PLACE_BITS: u32 = CLIENTS.trailing_zeros();

const CHUNK: usize = 256;

/// The part of a client that is read without a lock.
pub struct Slot {
    /// Odd while a client lives here; one more with each birth and each death.
    life: AtomicU32,
    /// One mail in flight.
    pub guard: Guard,
    /// Tells those who wait that the mail has ended.
    pub ended: Condvar,
}

impl Slot {
    const fn new(life: u32) -> Self {
        Self {
            life: AtomicU32::new(life),
            guard: Guard::new(short(life)),
            ended: Condvar::new(),
        }
    }
}

static BUILT_IN: Slot = Slot::new(Key::BUILT_IN.life);

static CHUNKS: [OnceLock<Box<[Slot]>>; CLIENTS / CHUNK] = [const { OnceLock::new() }; CLIENTS / CHUNK];

/// As much of a life as the guard knows of it.
const fn short(life: u32) -> u16 {
    let [low, high, _, _] = life.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Which client, in which life of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The place.
    pub place: usize,
    /// The life.
    pub life: u32,
}

impl Key {
    /// The built-in client: it always lives.
    pub const BUILT_IN: Self = Self { place: 0, life: 1 };

    /// The number that C sees; never 0, since the built-in client's is not given out.
    pub fn handle(self) -> usize {
        ((self.life as usize) << PLACE_BITS) | self.place
    }

    /// The living client that a number stands for; 0 is the built-in one.
    pub fn of_handle(handle: usize) -> Option<(Self, &'static Slot)> {
        if handle == 0 {
            return Some((Self::BUILT_IN, &BUILT_IN));
        }
        let place = handle & CLIENTS.wrapping_sub(1);
        let slot = slot(place)?;
        let life = slot.life.load(Ordering::Acquire);
        let key = Self { place, life };
        (place != 0 && life % 2 == 1 && key.handle() == handle).then_some((key, slot))
    }

    /// The life, as the guard knows it.
    pub fn guard_life(self) -> u16 {
        short(self.life)
    }

    /// The slot, while this life lasts.
    pub fn slot(self) -> Option<&'static Slot> {
        slot(self.place).filter(|slot| slot.life.load(Ordering::Acquire) == self.life)
    }
}

/// The slot of a place that was used before.
fn slot(place: usize) -> Option<&'static Slot> {
    match place {
        0 => Some(&BUILT_IN),
        _ => CHUNKS.get(place / CHUNK)?.get()?.get(place % CHUNK),
    }
}

/// Begins a life at a place where none is. The caller holds the shared lock: so no fork finds a half-made chunk.
pub fn begin(place: usize) -> Option<Key> {
    let chunk = CHUNKS.get(place / CHUNK)?;
    if chunk.get().is_none() {
        let mut slots = Vec::new();
        slots.try_reserve_exact(CHUNK).ok()?;
        slots.extend((0..CHUNK).map(|_| Slot::new(0)));
        let _ = chunk.set(slots.into_boxed_slice());
    }
    let slot = chunk.get()?.get(place % CHUNK)?;
    let life = slot.life.load(Ordering::Acquire).wrapping_add(1);
    slot.guard.reset(short(life));
    slot.life.store(life, Ordering::Release);
    Some(Key { place, life })
}

/// Ends a life; false when it had ended before.
pub fn end(key: Key) -> bool {
    let after = key.life.wrapping_add(1);
    slot(key.place).is_some_and(|slot| {
        slot.life
            .compare_exchange(key.life, after, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    })
}

/// In the child of a fork: no mail is in flight.
pub fn forget_mails() {
    let others = CHUNKS.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter());
    for slot in core::iter::once(&BUILT_IN).chain(others) {
        if slot.guard.busy() {
            slot.guard.reset(short(slot.life.load(Ordering::Acquire)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_dies_with_its_client_and_its_place_lives_on() {
        let place = 1000;
        let first = begin(place).unwrap();
        assert_eq!(Key::of_handle(first.handle()).map(|(key, _)| key), Some(first));
        assert!(end(first));
        assert!(!end(first));
        assert!(Key::of_handle(first.handle()).is_none());
        let second = begin(place).unwrap();
        assert_ne!(first.handle(), second.handle());
        assert!(Key::of_handle(first.handle()).is_none());
        assert!(first.slot().is_none() && second.slot().is_some());
        assert!(end(second));
    }

    #[test]
    fn numbers_that_are_no_handles_are_none() {
        for handle in [1, 2, 65_535, 65_536, 0x7fff_dead_beef, usize::MAX, usize::MAX - 1] {
            assert!(Key::of_handle(handle).is_none(), "{handle:#x}");
        }
        assert_eq!(Key::of_handle(0).map(|(key, _)| key), Some(Key::BUILT_IN));
    }
}
