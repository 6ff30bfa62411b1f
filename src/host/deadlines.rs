//! When connections want to be looked at: the soonest first, however many there are.

use std::vec::Vec;

const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    time: u64,
    place: u32,
}

/// A binary heap with an index: each place has one time at most, which can be changed and taken out. All of it costs a
/// number of steps that grows with the logarithm of the number of places.
pub struct Deadlines {
    /// Each entry is no later than the two at twice its index.
    heap: Vec<Entry>,
    /// Where in the heap each place has its entry.
    index: Vec<u32>,
}

impl Deadlines {
    /// No deadline.
    pub const fn new() -> Self {
        Self {
            heap: Vec::new(),
            index: Vec::new(),
        }
    }

    /// Makes room for the places below `places`: none of the other functions needs memory then.
    pub fn reserve(&mut self, places: usize) -> Option<()> {
        self.heap.try_reserve(places.saturating_sub(self.heap.len())).ok()?;
        self.index.try_reserve(places.saturating_sub(self.index.len())).ok()?;
        if self.index.len() < places {
            self.index.resize(places, NOWHERE);
        }
        Some(())
    }

    /// The soonest time, and whose it is.
    pub fn soonest(&self) -> Option<(u64, usize)> {
        self.heap.first().map(|entry| (entry.time, entry.place as usize))
    }

    /// Sets the time of a place.
    pub fn set(&mut self, place: usize, time: u64) {
        let Some(at) = self.index.get(place) else { return };
        let at = *at as usize;
        if at < self.heap.len() {
            let before = self.heap[at].time;
            self.heap[at].time = time;
            if time < before {
                self.rise(at);
            } else {
                self.sink(at);
            }
        } else {
            // Places are fewer than 2^32: they are clients' (`limits::CLIENTS`) and their last connections.
            let place = u32::try_from(place).unwrap_or(NOWHERE);
            self.heap.push(Entry { time, place });
            self.rise(self.heap.len() - 1);
        }
    }

    /// Sets the time of a place, unless it has one that is no later: most deadlines only move on, and a time that is too
    /// soon costs a look later instead of work now.
    pub fn set_no_later(&mut self, place: usize, time: u64) {
        let at = self.index.get(place).map_or(NOWHERE, |at| *at) as usize;
        if self.heap.get(at).is_none_or(|entry| entry.time > time) {
            self.set(place, time);
        }
    }

    /// Takes the time of a place out.
    pub fn clear(&mut self, place: usize) {
        let Some(at) = self.index.get_mut(place) else { return };
        let at = core::mem::replace(at, NOWHERE) as usize;
        if at >= self.heap.len() {
            return;
        }
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            // The last one has come here.
            self.rise(at);
            self.sink(at);
        }
    }

    fn rise(&mut self, from: usize) {
        let (mut at, entry) = (from, self.heap[from]);
        while at > 0 {
            let above = (at - 1) / 2;
            if self.heap[above].time <= entry.time {
                break;
            }
            self.put(at, self.heap[above]);
            at = above;
        }
        self.put(at, entry);
    }

    fn sink(&mut self, from: usize) {
        let (mut at, entry) = (from, self.heap[from]);
        loop {
            let mut below = at * 2 + 1;
            let Some(left) = self.heap.get(below) else { break };
            if self.heap.get(below + 1).is_some_and(|right| right.time < left.time) {
                below += 1;
            }
            if self.heap[below].time >= entry.time {
                break;
            }
            self.put(at, self.heap[below]);
            at = below;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.index[entry.place as usize] = u32::try_from(at).unwrap_or(NOWHERE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_plain_list_whatever_is_done() {
        const PLACES: usize = 40;
        let mut random = 1u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let (mut deadlines, mut plain) = (Deadlines::new(), BTreeMap::new());
        deadlines.reserve(PLACES).unwrap();
        for _ in 0..100_000 {
            let (place, time) = (usize::try_from(next(PLACES as u64)).unwrap(), next(50));
            match next(4) {
                0 => {
                    deadlines.clear(place);
                    plain.remove(&place);
                }
                1 => {
                    deadlines.set_no_later(place, time);
                    plain
                        .entry(place)
                        .and_modify(|old: &mut u64| *old = (*old).min(time))
                        .or_insert(time);
                }
                _ => {
                    deadlines.set(place, time);
                    plain.insert(place, time);
                }
            }
            let soonest = deadlines.soonest();
            assert_eq!(
                soonest.map(|(time, _)| time),
                plain.values().copied().min(),
                "the soonest time"
            );
            assert_eq!(
                soonest.and_then(|(_, place)| plain.get(&place).copied()),
                soonest.map(|(time, _)| time)
            );
            assert_eq!(deadlines.heap.len(), plain.len());
        }
    }

    #[test]
    fn places_without_room_have_no_deadline() {
        let mut deadlines = Deadlines::new();
        deadlines.set(3, 7);
        deadlines.set_no_later(3, 7);
        deadlines.clear(3);
        assert!(deadlines.soonest().is_none());
        deadlines.reserve(4).unwrap();
        deadlines.set(3, 7);
        assert_eq!(deadlines.soonest(), Some((7, 3)));
    }
}
