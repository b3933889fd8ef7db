//! Our own keys that others begin sessions with: made, published, used, retired.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bundle, Identity, Namespace, Pair, Prekey, PublicKey, SignedPrekey};

/// Prekeys that are published.
pub const PUBLISHED: usize = 100;

/// How long a prekey that was used is kept, in seconds: somebody who fetched the bundle a moment
/// before may use it as well.
pub const GRACE: i64 = 600;

/// Exchanges that one prekey may serve within that time.
pub const SHARED: usize = 256;

/// How long a signed prekey is published, in seconds; it is kept as long again.
pub const ROTATION: i64 = 7 * 24 * 60 * 60;

/// The largest number of a prekey.
const LAST: u32 = 0x7fff_ffff;

/// A prekey, and what it was used for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OneTime {
    pair: Pair,
    /// When it was used first.
    used: Option<i64>,
    /// The exchanges that used it.
    bases: Vec<PublicKey>,
}

/// A signed prekey.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signed {
    id: u32,
    pair: Pair,
    made: i64,
}

/// What is written as one record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    /// The number of the next prekey.
    next: u32,
    /// The newest last.
    signed: Vec<Signed>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prekeys {
    pub(crate) shelf: Shelf,
    pub(crate) one_time: BTreeMap<u32, OneTime>,
}

/// What changed.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) shelf: bool,
    pub(crate) one_time: Vec<u32>,
}

impl Changed {
    pub(crate) fn any(&self) -> bool {
        self.shelf || !self.one_time.is_empty()
    }
}

impl Prekeys {
    /// Makes what is missing, and forgets what has had its time.
    pub(crate) fn tend(&mut self, now: i64) -> Changed {
        let mut changed = Changed::default();
        let over = |it: &OneTime| it.used.is_some_and(|used| now - used >= GRACE);
        for id in self.one_time.iter().filter(|(_, it)| over(it)).map(|(id, _)| *id) {
            changed.one_time.push(id);
        }
        for id in &changed.one_time {
            self.one_time.remove(id);
        }
        let fresh = self.one_time.values().filter(|it| it.used.is_none()).count();
        for _ in fresh..PUBLISHED {
            let id = self.number();
            let pair = Pair::random();
            self.one_time.insert(id, OneTime { pair, used: None, bases: Vec::new() });
            changed.one_time.push(id);
            changed.shelf = true;
        }
        let newest = self.shelf.signed.last();
        if newest.is_none_or(|it| now - it.made >= ROTATION) {
            let id = newest.map_or(1, |it| it.id % LAST + 1);
            self.shelf.signed.push(Signed { id, pair: Pair::random(), made: now });
            let surplus = self.shelf.signed.len().saturating_sub(2);
            self.shelf.signed.drain(..surplus);
            changed.shelf = true;
        }
        changed
    }

    fn number(&mut self) -> u32 {
        self.shelf.next = self.shelf.next % LAST + 1;
        self.shelf.next
    }

    /// What is published.
    pub(crate) fn bundle(&self, identity: &Identity, namespace: Namespace) -> Option<Bundle> {
        let signed = self.shelf.signed.last()?;
        let key = signed.pair.public;
        let signature = identity.sign_prekey(namespace, &key);
        let unused = self.one_time.iter().filter(|(_, it)| it.used.is_none());
        let prekeys = unused.map(|(id, it)| Prekey { id: *id, key: it.pair.public }).collect();
        let signed_prekey = SignedPrekey { id: signed.id, key, signature };
        Some(Bundle { identity: identity.key(), sign: Some(0), signed_prekey, prekeys })
    }

    pub(crate) fn signed(&self, id: u32) -> Option<&Pair> {
        self.shelf.signed.iter().find(|it| it.id == id).map(|it| &it.pair)
    }

    /// The prekey for an exchange, unless that exchange used it before, or too many others.
    pub(crate) fn one_time(&self, id: u32, base: &PublicKey) -> Result<&Pair, Spent> {
        let prekey = self.one_time.get(&id).ok_or(Spent::Gone)?;
        if prekey.bases.contains(base) {
            return Err(Spent::Before);
        }
        if prekey.bases.len() >= SHARED { Err(Spent::Gone) } else { Ok(&prekey.pair) }
    }

    /// Notes that an exchange used a prekey.
    pub(crate) fn spend(&mut self, id: u32, base: PublicKey, now: i64) {
        if let Some(prekey) = self.one_time.get_mut(&id) {
            prekey.used.get_or_insert(now);
            prekey.bases.push(base);
        }
    }

    /// Whether a bundle of ours that is published is newer than what we have: then ours are of
    /// an old copy.
    pub(crate) fn are_older_than(&self, published: &Bundle) -> bool {
        let newest = self.shelf.signed.last().map_or(0, |it| it.id);
        let last = published.prekeys.iter().map(|it| it.id).max().unwrap_or(0);
        published.signed_prekey.id > newest || last > self.shelf.next
    }

    /// Throws all away; what is made next has numbers that were never published.
    pub(crate) fn renew_beyond(&mut self, published: &Bundle, now: i64) -> Changed {
        let gone: Vec<u32> = self.one_time.keys().copied().collect();
        self.one_time.clear();
        let last = published.prekeys.iter().map(|it| it.id).max().unwrap_or(0);
        // Those published meanwhile may have been used up and replaced by later ones.
        let beyond = self.shelf.next.max(last).saturating_add(10_000);
        let newest = self.shelf.signed.last().map_or(0, |it| it.id);
        let id = newest.max(published.signed_prekey.id) % LAST + 1;
        self.shelf.next = beyond % LAST;
        self.shelf.signed = vec![Signed { id, pair: Pair::random(), made: now }];
        let mut changed = self.tend(now);
        changed.shelf = true;
        changed.one_time.extend(gone);
        changed
    }

    /// A prekey as it is written.
    pub(crate) fn save_one_time(&self, id: u32) -> Option<Vec<u8>> {
        serde_json::to_vec(self.one_time.get(&id)?).ok()
    }
}

/// Why a prekey does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// There is no such prekey, or no longer.
    Gone,
    /// This very exchange used it.
    Before,
}
