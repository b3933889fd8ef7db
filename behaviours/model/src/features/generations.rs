//! A table of bounded size that forgets in two steps: when half of what it may hold was seen anew,
//! what was not seen since is let go.
//!
//! That is nearly "the one that was not seen for longest", without a list to keep in order.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    mem,
};

use foldhash::fast::RandomState;

/// The table. Every operation is O(1), amortised.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    half: usize,
}

impl<K: Eq + Hash, V: Default> Generations<K, V> {
    /// One that holds at most so many; at least two.
    pub(super) fn new(most: usize) -> Self {
        let table = || HashMap::with_hasher(RandomState::default());
        Self { young: table(), old: table(), half: (most / 2).max(1) }
    }

    /// The value of that key; where it is not known, one is put in.
    pub(super) fn get(&mut self, key: K) -> &mut V {
        if self.young.len() >= self.half {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        match self.young.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let value = self.old.remove(entry.key()).unwrap_or_default();
                entry.insert(value)
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_and_forgets_only_what_was_not_seen() {
        let mut table: Generations<u32, u32> = Generations::new(100);
        for round in 1..=10_000 {
            *table.get(round + 10) += 1;
            assert!(table.len() <= 100);
            // What is seen all the time is never forgotten.
            *table.get(1) += 1;
            assert_eq!(*table.get(1), round);
        }
        assert_eq!((*table.get(10_010), *table.get(11)), (1, 0));
    }
}
