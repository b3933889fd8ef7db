//! A table that holds so many entries at most: a new one takes the place of the one that was not
//! touched for longest.

use std::{collections::HashMap, hash::Hash};

use foldhash::fast::RandomState;

/// No slot.
const NONE: usize = usize::MAX;

/// The table. Every operation is O(1).
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    places: HashMap<K, usize, RandomState>,
    slots: Vec<Slot<K, V>>,
    newest: usize,
    oldest: usize,
    most: usize,
    /// What is handed out should a place not be there, which cannot be.
    spare: V,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    newer: usize,
    older: usize,
}

impl<K: Copy + Eq + Hash, V: Default> Recent<K, V> {
    /// One that holds at most so many; at least one.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, NONE - 1);
        let places = HashMap::with_hasher(RandomState::default());
        Self { places, slots: Vec::new(), newest: NONE, oldest: NONE, most, spare: V::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The entry of that key, which now is the newest; where there is none, one is put in. What had
    /// to go for it is handed back.
    pub(crate) fn get(&mut self, key: K) -> (&mut V, Option<V>) {
        let known = self.places.get(&key).copied();
        let gone = if known.is_none() { self.put(key) } else { None };
        let place = known.unwrap_or(self.newest);
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
        let spare = &mut self.spare;
        let value = self.slots.get_mut(place).map_or(spare, |slot| &mut slot.value);
        (value, gone)
    }

    /// Puts in an entry whose key is not there, as the newest.
    fn put(&mut self, key: K) -> Option<V> {
        let gone = if self.slots.len() >= self.most { self.pop() } else { None };
        let place = self.slots.len();
        self.slots.push(Slot { key, value: V::default(), newer: NONE, older: NONE });
        self.link(place);
        self.places.insert(key, place);
        gone.map(|it| it.1)
    }

    /// The entry that was not touched for longest.
    pub(crate) fn oldest(&self) -> Option<(&K, &V)> {
        self.slots.get(self.oldest).map(|slot| (&slot.key, &slot.value))
    }

    /// Takes out the entry that was not touched for longest.
    pub(crate) fn pop(&mut self) -> Option<(K, V)> {
        let place = self.oldest;
        if place == NONE {
            return None;
        }
        self.unlink(place);
        let last = self.slots.len().saturating_sub(1);
        let slot = (place <= last).then(|| self.slots.swap_remove(place))?;
        self.places.remove(&slot.key);
        if place != last {
            self.moved(last, place);
        }
        Some((slot.key, slot.value))
    }

    /// Takes out everything.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.slots.clear();
        (self.newest, self.oldest) = (NONE, NONE);
    }

    /// What was in one slot is in another.
    fn moved(&mut self, from: usize, to: usize) {
        let Some(slot) = self.slots.get(to) else { return };
        let (newer, older) = (slot.newer, slot.older);
        self.places.insert(slot.key, to);
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = to,
            None => self.newest = to,
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = to,
            None => self.oldest = to,
        }
        debug_assert!(self.newest != from && self.oldest != from);
    }

    fn unlink(&mut self, place: usize) {
        let Some(slot) = self.slots.get(place) else { return };
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link(&mut self, place: usize) {
        let older = self.newest;
        if let Some(slot) = self.slots.get_mut(place) {
            (slot.newer, slot.older) = (NONE, older);
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn it_holds_what_a_list_in_order_would_hold() {
        let (mut table, mut list) = (Recent::new(8), VecDeque::new());
        let mut state: u64 = 7;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (key, what) = ((state >> 33) % 24 + 1, (state >> 60) % 8);
            if what == 0 {
                assert_eq!(table.pop(), list.pop_front().map(|it| (it, it)));
                continue;
            }
            let at = list.iter().position(|it| *it == key);
            let full = list.len() == 8;
            let wanted = match at {
                Some(at) => list.remove(at).and(None),
                None if full => list.pop_front(),
                None => None,
            };
            let (value, gone) = table.get(key);
            assert_eq!((*value, gone), (if at.is_some() { key } else { 0 }, wanted));
            *value = key;
            list.push_back(key);
            assert_eq!(table.len(), list.len());
            assert_eq!(table.oldest().map(|it| *it.0), list.front().copied());
        }
    }
}
