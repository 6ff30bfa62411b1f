//! When connections want to be looked at, the soonest first.

use super::memory::Row;

const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Timed {
    time: u64,
    id: u32,
}

/// A binary heap with an index: each id has at most one time, which can be changed and taken out. The number of steps grows
/// with the logarithm of the number of ids.
pub struct Deadlines {
    /// Each entry is no later than the two at twice its index.
    heap: Row<Timed>,
    /// Where in the heap each id has its entry.
    index: Row<u32>,
}

impl Deadlines {
    /// No deadline.
    pub const fn new() -> Self {
        Self {
            heap: Row::new(),
            index: Row::new(),
        }
    }

    /// Makes room for the ids below `ids`: the other functions then need no memory.
    pub fn reserve(&mut self, ids: usize) -> Option<()> {
        let missing = ids.saturating_sub(self.heap.len());
        self.heap.reserve(missing)?;
        let missing = ids.saturating_sub(self.index.len());
        self.index.grow(missing, NOWHERE)?;
        Some(())
    }

    /// The soonest time, and the id that has it.
    pub fn soonest(&self) -> Option<(u64, usize)> {
        self.heap.first().map(|entry| (entry.time, entry.id as usize))
    }

    /// Sets the time of an id.
    pub fn set(&mut self, id: usize, time: u64) {
        let Some(at) = self.index.get(id) else { return };
        let at = *at as usize;
        if let Some(entry) = self.heap.get_mut(at) {
            let before = core::mem::replace(&mut entry.time, time);
            if time < before {
                self.rise(at);
            } else {
                self.sink(at);
            }
        } else {
            // There are fewer than 2^32 ids: each client (`limits::CLIENTS`) has two connections at most.
            let id = u32::try_from(id).unwrap_or(NOWHERE);
            // There is room for all of them.
            self.heap.push(Timed { time, id });
            self.rise(self.heap.len().saturating_sub(1));
        }
    }

    /// Sets the time of an id, unless it has one that is no later. Most deadlines only move on: a time that is too soon
    /// costs one look at the connection then, and saves work in the heap now.
    pub fn set_no_later(&mut self, id: usize, time: u64) {
        let at = self.index.get(id).map_or(NOWHERE, |at| *at) as usize;
        if self.heap.get(at).is_none_or(|entry| entry.time > time) {
            self.set(id, time);
        }
    }

    /// Takes the time of an id out.
    pub fn clear(&mut self, id: usize) {
        let Some(at) = self.index.get_mut(id) else { return };
        let at = core::mem::replace(at, NOWHERE) as usize;
        if at >= self.heap.len() {
            return;
        }
        if let Some(last) = self.heap.pop().filter(|_| at < self.heap.len()) {
            self.put(at, last);
            self.rise(at);
            self.sink(at);
        }
    }

    fn rise(&mut self, from: usize) {
        let Some(entry) = self.heap.get(from).copied() else {
            return;
        };
        let mut at = from;
        while at > 0 {
            let above = (at - 1) / 2;
            let Some(upper) = self.heap.get(above).copied() else {
                break;
            };
            if upper.time <= entry.time {
                break;
            }
            self.put(at, upper);
            at = above;
        }
        self.put(at, entry);
    }

    fn sink(&mut self, from: usize) {
        let Some(entry) = self.heap.get(from).copied() else {
            return;
        };
        let mut at = from;
        loop {
            let mut below = at * 2 + 1;
            let Some(mut lower) = self.heap.get(below).copied() else {
                break;
            };
            if let Some(right) = self.heap.get(below + 1).filter(|right| right.time < lower.time) {
                lower = *right;
                below += 1;
            }
            if lower.time >= entry.time {
                break;
            }
            self.put(at, lower);
            at = below;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Timed) {
        if let (Some(place), Some(index)) = (self.heap.get_mut(at), self.index.get_mut(entry.id as usize)) {
            *place = entry;
            *index = u32::try_from(at).unwrap_or(NOWHERE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_plain_list_whatever_is_done() {
        const IDS: usize = 40;
        let mut random = 1u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let (mut deadlines, mut plain) = (Deadlines::new(), BTreeMap::new());
        deadlines.reserve(IDS).unwrap();
        for _ in 0..100_000 {
            let (id, time) = (usize::try_from(next(IDS as u64)).unwrap(), next(50));
            match next(4) {
                0 => {
                    deadlines.clear(id);
                    plain.remove(&id);
                }
                1 => {
                    deadlines.set_no_later(id, time);
                    plain
                        .entry(id)
                        .and_modify(|old: &mut u64| *old = (*old).min(time))
                        .or_insert(time);
                }
                _ => {
                    deadlines.set(id, time);
                    plain.insert(id, time);
                }
            }
            let soonest = deadlines.soonest();
            assert_eq!(
                soonest.map(|(time, _)| time),
                plain.values().copied().min(),
                "the soonest time"
            );
            assert_eq!(
                soonest.and_then(|(_, id)| plain.get(&id).copied()),
                soonest.map(|(time, _)| time)
            );
            assert_eq!(deadlines.heap.len(), plain.len());
        }
    }

    #[test]
    fn an_id_without_room_has_no_deadline() {
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
