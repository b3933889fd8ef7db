//! The append-only log of whoever aggregates: every record is a leaf of one growing tree
//! (RFC 6962 section 2.1), and whoever knew a shorter log can see that nothing in it was changed.
//!
//! An entry is the SHA-256 of a record. A log is kept as the roots of its whole subtrees
//! ([`Peaks`]), a few hashes however long it is; what is proved of it takes the entries since some
//! earlier end ([`Tail`]).

mod checkpoint;
mod proof;

pub use checkpoint::{Checkpoint, CheckpointError, Signed};
pub use proof::{ProofError, Tail, verify_consistency, verify_inclusion};

use crate::digest::{Digest, sha256};

/// The hash of a leaf (RFC 6962 section 2.1): an entry is the SHA-256 of a record.
pub fn leaf(entry: &Digest) -> Digest {
    let mut bytes = [0; 33];
    let (mark, rest) = bytes.split_at_mut(1);
    mark.copy_from_slice(&[0]);
    rest.copy_from_slice(entry);
    sha256(&bytes)
}

/// The hash of a node over its two children.
pub(crate) fn node(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    let (_, rest) = bytes.split_at_mut(1);
    let (start, end) = rest.split_at_mut(32);
    start.copy_from_slice(left);
    end.copy_from_slice(right);
    sha256(&bytes)
}

/// More entries than any log can have; what claims more is refused before it is added to.
const MOST: u64 = 1 << 53;

/// A log of which only the roots of its whole subtrees are kept, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peaks {
    size: u64,
    roots: Vec<Digest>,
}

impl Peaks {
    /// A log of this many entries; none when these cannot be its roots.
    pub fn new(size: u64, roots: Vec<Digest>) -> Option<Self> {
        let fits = size < MOST && usize::try_from(size.count_ones()) == Ok(roots.len());
        fits.then_some(Self { size, roots })
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the whole subtrees, the largest first: as many as `size` has bits set.
    pub fn roots(&self) -> &[Digest] {
        &self.roots
    }

    /// Puts an entry at the end.
    pub fn append(&mut self, entry: &Digest) {
        let mut top = leaf(entry);
        // As many subtrees become one as the number ends in ones.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                top = node(&left, &top);
            }
        }
        self.roots.push(top);
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 section 2.1); that of an empty one is the hash of nothing.
    pub fn root(&self) -> Digest {
        let mut peaks = self.roots.iter().rev();
        let Some(last) = peaks.next() else { return sha256(&[]) };
        peaks.fold(*last, |right, left| node(left, &right))
    }

    /// The whole subtree that begins at an entry and has this many.
    pub(crate) fn subtree(&self, first: u64, count: u64) -> Option<&Digest> {
        let mut begin = 0;
        let mut left = self.size;
        for root in &self.roots {
            let long = 1_u64.checked_shl(left.checked_ilog2()?)?;
            if (begin, long) == (first, count) {
                return Some(root);
            }
            (begin, left) = (begin + long, left - long);
        }
        None
    }
}

impl<'a> Extend<&'a Digest> for Peaks {
    fn extend<I: IntoIterator<Item = &'a Digest>>(&mut self, entries: I) {
        for entry in entries {
            self.append(entry);
        }
    }
}
