//! What is proved of a log: that an entry is in it, and that a longer one begins as a shorter did
//! (RFC 6962 sections 2.1.1 and 2.1.2; checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say).

use super::{Peaks, leaf, node};
use crate::digest::Digest;

/// Why a proof shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no such entry, or the longer log is the shorter.
    #[error("the log has no such part")]
    Range,
    /// Hashes are missing, or there are too many.
    #[error("the proof does not have as many hashes as the log takes")]
    Length,
    /// It leads to another root.
    #[error("the proof leads to another root of the log")]
    Root,
}

/// A log from some end on: what it was then, and the entries since.
#[derive(Clone, Debug)]
pub struct Tail<'a> {
    before: &'a Peaks,
    leaves: Vec<Digest>,
}

impl<'a> Tail<'a> {
    /// The log that was `before` and has got these entries since.
    pub fn new<'e>(before: &'a Peaks, entries: impl IntoIterator<Item = &'e Digest>) -> Self {
        Self { before, leaves: entries.into_iter().map(leaf).collect() }
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        self.before.size() + u64::try_from(self.leaves.len()).unwrap_or(u64::MAX)
    }

    /// The root of it.
    pub fn root(&self) -> Option<Digest> {
        self.tree(0, self.size())
    }

    /// The hashes that lead from an entry to the root; it must be one of those since.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Digest>> {
        if index < self.before.size() || index >= self.size() {
            return None;
        }
        let (mut first, mut count) = (0, self.size());
        let mut path = Vec::new();
        while count > 1 {
            let long = half(count);
            if index - first < long {
                path.push(self.tree(first + long, count - long)?);
                count = long;
            } else {
                path.push(self.tree(first, long)?);
                (first, count) = (first + long, count - long);
            }
        }
        path.reverse();
        Some(path)
    }

    /// The hashes that show that this log begins with the one that was before.
    pub fn consistency(&self) -> Option<Vec<Digest>> {
        let (mut old, mut first, mut count) = (self.before.size(), 0, self.size());
        let mut path = Vec::new();
        let mut is_known = true;
        if old == 0 {
            return Some(path);
        }
        while old < count {
            let long = half(count);
            if old <= long {
                path.push(self.tree(first + long, count - long)?);
                count = long;
            } else {
                path.push(self.tree(first, long)?);
                (old, first, count) = (old - long, first + long, count - long);
                is_known = false;
            }
        }
        if !is_known {
            path.push(self.tree(first, count)?);
        }
        path.reverse();
        Some(path)
    }

    /// The root of a part; what was before must be in it as a whole subtree, or not at all.
    fn tree(&self, first: u64, count: u64) -> Option<Digest> {
        let known = self.before.size();
        if count == 0 {
            return (first == 0).then(|| self.before.root());
        }
        if first + count <= known
            && let Some(root) = self.before.subtree(first, count)
        {
            return Some(*root);
        }
        if count == 1 {
            let place = usize::try_from(first.checked_sub(known)?).ok()?;
            return self.leaves.get(place).copied();
        }
        let long = half(count);
        Some(node(&self.tree(first, long)?, &self.tree(first + long, count - long)?))
    }
}

/// The largest power of two below a number, which is at least 2.
fn half(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Checks that an entry is in a log of this size and root (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(
    entry: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = leaf(entry);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that a log begins as a shorter one did, both given by size and root
/// (RFC 9162 section 2.1.4.2).
pub fn verify_consistency(
    (old, old_root): (u64, &Digest),
    (new, new_root): (u64, &Digest),
    path: &[Digest],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        let same = old == 0 || old_root == new_root;
        return match (path.is_empty(), same) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            (false, _) => Err(ProofError::Length),
        };
    }
    let known = old.is_power_of_two().then_some(*old_root);
    let mut hashes = known.iter().chain(path);
    let first = hashes.next().ok_or(ProofError::Length)?;
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut short, mut long) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if place & 1 == 1 || place == last {
            short = node(hash, &short);
            long = node(hash, &long);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            long = node(&long, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if short == *old_root && long == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
