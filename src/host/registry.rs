//! Handles, and what is read of a client without a lock.
//!
//! A handle is a number, not a pointer: the client's place, and how often that place was used. The handle of a client that was
//! freed, or that never existed, is therefore recognised. Places are never given back to the system; a freed one is used again.

use core::sync::atomic::{AtomicU32, Ordering};

use super::memory::{Lasting, Row};
use super::sys::Condition;
use crate::client::guard::Guard;
use crate::limits::CLIENTS;

/// The bits of a handle that say which place it is: as many as [`CLIENTS`] need.
const PLACE_BITS: u32 = CLIENTS.trailing_zeros();

/// The last life that a handle has room for. A place that has had it is not used again, so that a stale handle never becomes
/// another client's. With 32 bits that takes 32,768 clients at each of 65,535 places.
const LAST_LIFE: u32 = {
    let bits = usize::BITS - PLACE_BITS;
    if bits < u32::BITS { (1 << bits) - 1 } else { u32::MAX }
};

/// Slots in a chunk.
const CHUNK: usize = 256;

/// Chunks in a group.
const GROUP: usize = 16;

type Chunk = [Slot; CHUNK];

type Group = [Lasting<Chunk>; GROUP];

/// The part of a client that is read without a lock.
pub struct Slot {
    /// Odd while a client lives here; one more with each birth and each death.
    life: AtomicU32,
    /// One mail in flight.
    pub guard: Guard,
    /// Wakes the threads that wait for the mail to end.
    pub ended: Condition,
    /// The number of the mail that was given up.
    given_up: AtomicU32,
    /// Connections of clients at this place that the thread has.
    connections: Counter,
    /// Calls of send() that have not returned, for mails whose end the program is told of.
    pub sending: Counter,
    /// Functions of the program that run for clients at this place.
    pub calls: Counter,
    /// Those of them that an attachment is read with.
    pub reading: Counter,
    /// Mails of which the program's own memory is read.
    pub lent: Counter,
}

impl Slot {
    const fn new(life: u32) -> Self {
        Self {
            life: AtomicU32::new(life),
            guard: Guard::new(short(life)),
            ended: Condition::new(),
            given_up: AtomicU32::new(0),
            connections: Counter::new(),
            sending: Counter::new(),
            calls: Counter::new(),
            reading: Counter::new(),
            lent: Counter::new(),
        }
    }

    /// Whether there is something to end: a mail in flight, or a connection that only waits for the reply to QUIT.
    pub fn in_use(&self) -> bool {
        self.guard.busy() || self.connections.is_any()
    }

    /// Gives this mail up.
    pub fn give_up(&self, mail: u32) {
        self.given_up.store(mail, Ordering::Release);
    }

    /// Whether this mail was given up.
    pub fn is_given_up(&self, mail: u32) -> bool {
        self.given_up.load(Ordering::Acquire) == mail
    }
}

/// How many there are of something.
pub struct Counter(AtomicU32);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// One more.
    pub fn begin(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// One less.
    pub fn end(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// None any more.
    fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Whether there is one.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

static BUILT_IN: Slot = Slot::new(Key::BUILT_IN.life);

/// Slots, in chunks, in groups: a table of all chunks would be the largest thing in the library's file.
static GROUPS: [Lasting<Group>; CLIENTS / CHUNK / GROUP] = [const { Lasting::new() }; CLIENTS / CHUNK / GROUP];

/// The part of a life's number that the guard keeps.
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

    /// The number that the program has for it: [`Key::handle`], or 0.
    pub fn caller_handle(self) -> usize {
        if self == Self::BUILT_IN { 0 } else { self.handle() }
    }

    /// The living client with this handle; 0 is the built-in one.
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

    /// The part of the life's number that the guard keeps.
    pub fn guard_life(self) -> u16 {
        short(self.life)
    }

    /// The slot of its place, whoever lives there now.
    pub fn place(self) -> Option<&'static Slot> {
        slot(self.place)
    }

    /// The slot, while this life lasts.
    pub fn slot(self) -> Option<&'static Slot> {
        slot(self.place).filter(|slot| slot.life.load(Ordering::Acquire) == self.life)
    }
}

/// The slot of a place that has been used.
fn slot(place: usize) -> Option<&'static Slot> {
    match place {
        0 => Some(&BUILT_IN),
        _ => {
            let chunk = place / CHUNK;
            let group = GROUPS.get(chunk / GROUP)?.get()?;
            group.get(chunk % GROUP)?.get()?.get(place % CHUNK)
        }
    }
}

/// What is there, made before where it is not; None without memory.
fn made<T: Sync, const N: usize>(place: &Lasting<[T; N]>, make: fn() -> T) -> Option<&'static [T; N]> {
    if place.get().is_none() {
        let mut all = Row::with_room(N)?;
        for _ in 0..N {
            all.push(make())?;
        }
        place.set(all.boxed()?.try_into().ok()?);
    }
    place.get()
}

/// Notes that the engine has one connection more, or less, for clients at this place, whichever of them lives now.
pub fn count_connection(place: usize, more: bool) {
    if let Some(slot) = slot(place) {
        if more {
            slot.connections.begin();
        } else {
            slot.connections.end();
        }
    }
}

/// Begins a life at a place where no client lives; None where the place has had its last. The caller holds the shared lock, so
/// that no fork finds a half-made chunk.
pub fn begin(place: usize) -> Option<Key> {
    let chunk = place / CHUNK;
    let group = made(GROUPS.get(chunk / GROUP)?, Lasting::new)?;
    let slots = made(group.get(chunk % GROUP)?, || Slot::new(0))?;
    let slot = slots.get(place % CHUNK)?;
    let life = slot.life.load(Ordering::Acquire).wrapping_add(1);
    slot.guard.reset(short(life));
    slot.give_up(0);
    slot.life.store(life, Ordering::Release);
    Some(Key { place, life })
}

/// What became of a client that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// It has ended now, and its place can be used again.
    Rests,
    /// It has ended now, and its place was used as often as it can be.
    Last,
    /// It had ended before.
    Before,
}

/// Ends a life.
pub fn end(key: Key) -> Death {
    // After the last life comes 0: even, so nobody lives there, and no handle has it.
    let after = if key.life == LAST_LIFE {
        0
    } else {
        key.life.wrapping_add(1)
    };
    let ended = slot(key.place).is_some_and(|slot| {
        slot.life
            .compare_exchange(key.life, after, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    });
    match (ended, after) {
        (false, _) => Death::Before,
        (true, 0) => Death::Last,
        (true, _) => Death::Rests,
    }
}

/// For the child of a fork: no mail is in flight, and there are no connections.
pub fn forget_mails() {
    let chunks = GROUPS.iter().filter_map(Lasting::get).flat_map(|group| group.iter());
    let others = chunks.filter_map(Lasting::get).flat_map(|chunk| chunk.iter());
    for slot in core::iter::once(&BUILT_IN).chain(others) {
        for counter in [&slot.connections, &slot.sending, &slot.calls, &slot.reading, &slot.lent] {
            counter.clear();
        }
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
        assert_eq!(end(first), Death::Rests);
        assert_eq!(end(first), Death::Before);
        assert!(Key::of_handle(first.handle()).is_none());
        let second = begin(place).unwrap();
        assert_ne!(first.handle(), second.handle());
        assert!(Key::of_handle(first.handle()).is_none());
        assert!(first.slot().is_none() && second.slot().is_some());
        assert_eq!(end(second), Death::Rests);
    }

    #[test]
    fn no_handle_is_given_out_twice_and_a_place_ends_with_its_last_life() {
        let place = 2000;
        let first = begin(place).unwrap();
        assert_eq!(end(first), Death::Rests);
        // As if it had been used that often: with 64 bits nobody could wait for it.
        slot(place).unwrap().life.store(LAST_LIFE - 3, Ordering::Release);
        let before = begin(place).unwrap();
        assert_eq!(end(before), Death::Rests);
        let last = begin(place).unwrap();
        assert_eq!(last.life, LAST_LIFE);
        assert_eq!(Key::of_handle(last.handle()).map(|(key, _)| key), Some(last));
        assert!(Key::of_handle(before.handle()).is_none());
        assert_eq!(end(last), Death::Last);
        for handle in [first, before, last].map(Key::handle) {
            assert!(Key::of_handle(handle).is_none());
        }
    }

    #[cfg(target_pointer_width = "32")]
    #[test]
    fn with_32_bits_a_place_has_32768_lives() {
        let place = 3000;
        let first = begin(place).unwrap();
        let mut deaths = std::vec![end(first)];
        while deaths.last() == Some(&Death::Rests) {
            let next = begin(place).unwrap();
            assert!(Key::of_handle(first.handle()).is_none());
            deaths.push(end(next));
        }
        assert_eq!((deaths.len(), deaths.last()), (32_768, Some(&Death::Last)));
    }

    #[test]
    fn a_number_that_is_no_handle_finds_no_client() {
        for handle in [1, 2, 65_535, 65_536, 0x7fff_dead_beef, usize::MAX, usize::MAX - 1] {
            assert!(Key::of_handle(handle).is_none(), "{handle:#x}");
        }
        assert_eq!(Key::of_handle(0).map(|(key, _)| key), Some(Key::BUILT_IN));
    }
}
