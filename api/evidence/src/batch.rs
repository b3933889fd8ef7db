//! The hash tree over a batch of records (RFC 4998 section 4.2), of which only the root is stamped.

use crate::digest::{Digest, sha256};

/// A hash tree: each node is the hash of its two children in binary order, smaller first; an odd
/// node is carried up as it is.
///
/// The order of the children is not part of a path, so a proof is the siblings and nothing else.
/// Inner nodes are hashes of 64 bytes, which no record is: a record begins with `{`, is canonical,
/// and its text is checked to be so before its hash counts as a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchTree {
    /// The leaves first, the root last; never empty, and the last level has one node.
    levels: Vec<Vec<Digest>>,
    root: Digest,
}

impl BatchTree {
    /// The tree over `leaves`, or nothing when there are none.
    pub fn new(leaves: Vec<Digest>) -> Option<Self> {
        let mut levels = Vec::new();
        let mut level = leaves;
        while level.len() > 1 {
            let parents = level.chunks(2).map(parent).collect();
            levels.push(std::mem::replace(&mut level, parents));
        }
        let root = *level.first()?;
        levels.push(level);
        Some(Self { levels, root })
    }

    /// What is stamped.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// How many leaves there are.
    pub fn leaf_count(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// The siblings on the way from the leaf at this index up to the root; empty when the leaf is
    /// the root, or when there is no such leaf.
    pub fn path(&self, leaf: usize) -> Vec<Digest> {
        if leaf >= self.leaf_count() {
            return Vec::new();
        }
        let siblings = self.levels.iter().enumerate();
        siblings.filter_map(|(height, level)| level.get((leaf >> height) ^ 1)).copied().collect()
    }
}

/// The root to which `path` leads from `leaf` (RFC 4998 section 4.3).
pub fn fold(leaf: &Digest, path: &[Digest]) -> Digest {
    path.iter().fold(*leaf, |node, sibling| parent_of(&node, sibling))
}

fn parent(children: &[Digest]) -> Digest {
    match children {
        [left, right] => parent_of(left, right),
        [carried] => *carried,
        _ => Digest::default(),
    }
}

fn parent_of(one: &Digest, other: &Digest) -> Digest {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    let mut both = [0; 64];
    let (start, end) = both.split_at_mut(32);
    start.copy_from_slice(first);
    end.copy_from_slice(second);
    sha256(&both)
}
