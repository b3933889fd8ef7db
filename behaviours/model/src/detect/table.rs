//! A table with a bound: when it is full, the one that was quiet for longest leaves, and is counted.

use std::hash::Hash;

use ahash::AHashMap;

/// Subjects and what is known of them, in order of when they were touched.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    places: AHashMap<K, usize>,
    entries: Vec<Entry<K, V>>,
    /// The one touched last.
    newest: usize,
    /// The one quiet for longest.
    oldest: usize,
    most: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    newer: usize,
    older: usize,
}

/// Stands for nobody in the order.
const NONE: usize = usize::MAX;

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    /// Of at most so many; one at least.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            places: AHashMap::new(),
            entries: Vec::new(),
            newest: NONE,
            oldest: NONE,
            most: most.max(1),
            evicted: 0,
        }
    }

    /// What is known of `key`, made anew where nothing is; `key` is now the one touched last.
    pub(crate) fn touch(&mut self, key: K, fresh: impl FnOnce() -> V) -> Option<&mut V> {
        let place = match self.places.get(&key) {
            Some(&place) => {
                self.unlink(place);
                place
            }
            None => self.admit(key, fresh()),
        };
        self.link_newest(place);
        self.entries.get_mut(place).map(|entry| &mut entry.value)
    }

    /// What is known of `key`, without touching it.
    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        let place = self.places.get(key)?;
        self.entries.get(*place).map(|entry| &entry.value)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many there can be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many had to leave because the table was full.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// All, the one touched last first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut place = self.newest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(place)?;
            place = entry.older;
            Some((&entry.key, &entry.value))
        })
    }

    /// A place for a new one: at the end, or that of the one quiet for longest.
    fn admit(&mut self, key: K, value: V) -> usize {
        if self.entries.len() < self.most {
            let place = self.entries.len();
            self.places.insert(key.clone(), place);
            self.entries.push(Entry { key, value, newer: NONE, older: NONE });
            return place;
        }
        let place = self.oldest;
        self.unlink(place);
        if let Some(entry) = self.entries.get_mut(place) {
            self.places.remove(&entry.key);
            self.places.insert(key.clone(), place);
            entry.key = key;
            entry.value = value;
        }
        self.evicted += 1;
        place
    }

    fn unlink(&mut self, place: usize) {
        let Some(entry) = self.entries.get(place) else { return };
        let (newer, older) = (entry.newer, entry.older);
        match self.entries.get_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, place: usize) {
        let before = self.newest;
        if let Some(entry) = self.entries.get_mut(place) {
            entry.newer = NONE;
            entry.older = before;
        }
        match self.entries.get_mut(before) {
            Some(entry) => entry.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(table: &Table<u32, u32>) -> Vec<u32> {
        table.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn the_one_quiet_for_longest_leaves_a_full_table_and_is_counted() {
        let mut table = Table::new(3);
        for key in [1, 2, 3, 1, 4] {
            *table.touch(key, || 0).unwrap() += 1;
        }
        assert_eq!(keys(&table), [4, 1, 3]);
        assert_eq!((table.len(), table.evicted()), (3, 1));
        assert_eq!(table.peek(&1), Some(&2));
        assert_eq!(table.peek(&2), None);
    }

    #[test]
    fn it_agrees_with_a_plain_list_whatever_is_touched() {
        let (mut table, mut list) = (Table::new(8), Vec::<u32>::new());
        let mut dice = 12_345_u32;
        for _ in 0..5_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (dice >> 16) % 13;
            table.touch(key, || key);
            list.retain(|other| *other != key);
            list.insert(0, key);
            list.truncate(8);
            assert_eq!(keys(&table), list);
        }
    }

    #[test]
    fn a_table_of_one_works() {
        let mut table = Table::new(0);
        table.touch(1, || 0);
        table.touch(2, || 0);
        assert_eq!(keys(&table), [2]);
    }
}
