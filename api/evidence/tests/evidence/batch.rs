//! The hash tree over a batch.

use evidence::{BatchTree, Digest, fold, sha256};

fn leaves(count: u8) -> Vec<Digest> {
    (0..count).map(|number| sha256(&[number])).collect()
}

#[test]
fn every_leaf_leads_to_the_root() {
    for count in 1..65 {
        let leaves = leaves(count);
        let tree = BatchTree::new(leaves.clone()).unwrap();
        for (index, leaf) in leaves.iter().enumerate() {
            assert_eq!(fold(leaf, &tree.path(index)), tree.root(), "leaf {index} of {count}");
        }
    }
}

#[test]
fn another_leaf_or_another_path_leads_elsewhere() {
    for count in 2..65 {
        let leaves = leaves(count);
        let tree = BatchTree::new(leaves.clone()).unwrap();
        for (index, leaf) in leaves.iter().enumerate() {
            let path = tree.path(index);
            assert_ne!(fold(&sha256(b"another"), &path), tree.root());
            assert_ne!(fold(leaf, &path[1..]), tree.root(), "a sibling less");
            for spoilt in 0..path.len() {
                let mut path = path.clone();
                path[spoilt][0] ^= 1;
                assert_ne!(fold(leaf, &path), tree.root(), "sibling {spoilt}");
            }
        }
    }
}

#[test]
fn a_path_is_as_long_as_the_tree_is_high() {
    for count in 1..65_u8 {
        let tree = BatchTree::new(leaves(count)).unwrap();
        let height = usize::try_from(usize::from(count).next_power_of_two().ilog2()).unwrap();
        assert!((0..usize::from(count)).all(|index| tree.path(index).len() <= height));
        assert_eq!(tree.path(0).len(), height);
    }
}

#[test]
fn three_leaves_are_hashed_as_the_standard_says() {
    let [a, b, c] = leaves(3).try_into().unwrap();
    let parent = |one: Digest, other: Digest| sha256(&[one.min(other), one.max(other)].concat());
    let tree = BatchTree::new(vec![a, b, c]).unwrap();
    assert_eq!(tree.root(), parent(parent(a, b), c));
    assert_eq!(tree.path(2), [parent(a, b)]);
    assert_eq!(tree.leaf_count(), 3);
}

#[test]
fn a_single_leaf_is_the_root() {
    let tree = BatchTree::new(vec![sha256(b"only")]).unwrap();
    assert_eq!((tree.root(), tree.path(0)), (sha256(b"only"), Vec::new()));
}

#[test]
fn there_is_no_tree_without_leaves_and_no_path_beyond_them() {
    assert_eq!(BatchTree::new(Vec::new()), None);
    assert_eq!(BatchTree::new(leaves(5)).unwrap().path(5), Vec::<Digest>::new());
}

#[test]
fn a_batch_of_a_thousand_proves_every_leaf() {
    let leaves: Vec<Digest> = (0..1000_u32).map(|number| sha256(&number.to_be_bytes())).collect();
    let tree = BatchTree::new(leaves.clone()).unwrap();
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(fold(leaf, &tree.path(index)), tree.root());
    }
}
