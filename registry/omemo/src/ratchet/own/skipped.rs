//! The keys of messages that were passed over, until they come.

use std::collections::VecDeque;

use crate::{PublicKey, Secret, ratchet::MAX_SKIP};

/// How many keys are kept in all: the oldest go first.
pub(super) const MAX_KEPT: usize = 2000;

/// How many chains are remembered after their last key has gone, so that what comes again is told
/// from what is forged, and keep a key that may be one too many.
const REMEMBERED: usize = 6;

/// The receiving chains that there were, the one in use last.
#[derive(Clone, Default)]
pub(super) struct Skipped {
    pub(super) chains: VecDeque<Chain>,
    kept: usize,
}

/// The keys of one chain, the oldest first.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) ratchet: PublicKey,
    pub(super) keys: VecDeque<(u32, Secret)>,
    /// Whether the last key may be one too many: there may be no such message.
    pub(super) spare: bool,
}

/// Where a key is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    chain: usize,
    key: usize,
}

impl Skipped {
    /// Whether messages with this ratchet key came before.
    pub(super) fn knows(&self, ratchet: &PublicKey) -> bool {
        self.chains.iter().any(|chain| chain.ratchet == *ratchet)
    }

    /// The key of one message.
    pub(super) fn find(&self, ratchet: &PublicKey, number: u32) -> Option<(Place, &Secret)> {
        let chain = self.chains.iter().rposition(|chain| chain.ratchet == *ratchet)?;
        let keys = &self.chains.get(chain)?.keys;
        let key = keys.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some((Place { chain, key }, &keys.get(key)?.1))
    }

    /// Forgets a key that has served.
    pub(super) fn remove(&mut self, place: Place) {
        let Some(chain) = self.chains.get_mut(place.chain) else { return };
        chain.spare &= place.key + 1 < chain.keys.len();
        if chain.keys.remove(place.key).is_some() {
            self.kept -= 1;
        }
        self.forget(place.chain);
    }

    /// Begins a chain. There is no other with the same ratchet key.
    pub(super) fn begin(&mut self, ratchet: PublicKey) {
        self.chains.push_back(Chain { ratchet, keys: VecDeque::new(), spare: false });
        let Some(old) = self.chains.len().checked_sub(REMEMBERED + 1) else { return };
        match self.chains.get(old) {
            Some(Chain { keys, spare: true, .. }) if !keys.is_empty() => {
                self.remove(Place { chain: old, key: keys.len() - 1 });
            }
            _ => self.forget(old),
        }
    }

    /// Keeps keys of the chain in use, and forgets the oldest where there are too many.
    pub(super) fn keep(&mut self, keys: Vec<(u32, Secret)>) {
        let Some(chain) = self.chains.back_mut() else { return };
        self.kept += keys.len();
        chain.keys.extend(keys);
        let most = usize::try_from(MAX_SKIP).unwrap_or(usize::MAX);
        let excess = chain.keys.len().saturating_sub(most);
        self.kept -= chain.keys.drain(..excess).len();
        while self.kept > MAX_KEPT {
            let oldest = self.chains.iter().position(|chain| !chain.keys.is_empty());
            self.remove(Place { chain: oldest.unwrap_or_default(), key: 0 });
        }
    }

    /// Says of the last key of the chain in use that it may be one too many.
    pub(super) fn spare(&mut self) {
        if let Some(chain) = self.chains.back_mut() {
            chain.spare = !chain.keys.is_empty();
        }
    }

    /// All chains again, as they were saved, or nothing when they never were like this.
    pub(super) fn of(chains: VecDeque<Chain>) -> Option<Self> {
        let kept = chains.iter().map(|chain| chain.keys.len()).sum();
        let sorted = |chain: &Chain| {
            let numbers = chain.keys.iter().map(|(number, _)| number);
            numbers.is_sorted_by(|one, next| one < next)
        };
        (kept <= MAX_KEPT && chains.iter().all(sorted)).then_some(Self { chains, kept })
    }

    /// Forgets a chain of which nothing is left, unless it is one of the newest.
    fn forget(&mut self, chain: usize) {
        let old = chain + REMEMBERED < self.chains.len();
        if old && self.chains.get(chain).is_some_and(|chain| chain.keys.is_empty()) {
            drop(self.chains.remove(chain));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratchet(number: usize) -> PublicKey {
        let mut key = PublicKey([0; 32]);
        key.0[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    fn keys(numbers: std::ops::Range<u32>) -> Vec<(u32, Secret)> {
        numbers.map(|number| (number, Secret::new([7; 32]))).collect()
    }

    fn kept(skipped: &Skipped) -> usize {
        let kept = skipped.chains.iter().map(|chain| chain.keys.len()).sum();
        assert_eq!(skipped.kept, kept);
        kept
    }

    #[test]
    fn a_key_serves_once() {
        let mut skipped = Skipped::default();
        skipped.begin(ratchet(1));
        skipped.keep(keys(3..6));
        assert!(skipped.find(&ratchet(1), 6).is_none() && skipped.find(&ratchet(2), 4).is_none());
        let (place, _) = skipped.find(&ratchet(1), 4).unwrap();
        skipped.remove(place);
        assert!(skipped.find(&ratchet(1), 4).is_none());
        assert_eq!(kept(&skipped), 2);
    }

    #[test]
    fn of_too_many_the_oldest_go() {
        let mut skipped = Skipped::default();
        for chain in 0..5 {
            skipped.begin(ratchet(chain));
            skipped.keep(keys(0..900));
        }
        assert_eq!(kept(&skipped), MAX_KEPT);
        let has = |chain, number| skipped.find(&ratchet(chain), number).is_some();
        assert!(!has(1, 899) && !has(2, 699) && has(2, 700) && has(4, 0));
        skipped.keep(keys(1000..2000));
        assert_eq!(skipped.chains.back().unwrap().keys.len(), 1000);
        assert_eq!(kept(&skipped), MAX_KEPT);
    }

    #[test]
    fn chains_are_remembered_for_some_time() {
        let mut skipped = Skipped::default();
        for chain in 0..20 {
            skipped.begin(ratchet(chain));
            if chain == 3 {
                skipped.keep(keys(0..1));
            }
            if chain == 5 {
                skipped.keep(keys(0..2));
                skipped.spare();
            }
        }
        let known: Vec<usize> = (0..20).filter(|it| skipped.knows(&ratchet(*it))).collect();
        assert_eq!(known, [3, 5, 14, 15, 16, 17, 18, 19]);
        assert!(skipped.find(&ratchet(5), 0).is_some());
        assert!(skipped.find(&ratchet(5), 1).is_none(), "it was one too many");
        for chain in [3, 5] {
            let (place, _) = skipped.find(&ratchet(chain), 0).unwrap();
            skipped.remove(place);
            assert!(!skipped.knows(&ratchet(chain)));
        }
        assert_eq!(kept(&skipped), 0);
    }
}
