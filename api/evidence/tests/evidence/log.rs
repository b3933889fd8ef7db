//! The append-only log: the tree of RFC 6962, its proofs, its checkpoints.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use evidence::{
    Digest,
    log::{
        Checkpoint, CheckpointError, Peaks, ProofError, Signed, Tail, leaf, verify_consistency,
        verify_inclusion,
    },
    sha256,
};

fn entry(number: u64) -> Digest {
    sha256(&number.to_be_bytes())
}

fn log(size: u64) -> Peaks {
    let mut log = Peaks::default();
    (0..size).for_each(|it| log.append(&entry(it)));
    log
}

/// RFC 6962 section 2.1, word for word.
fn root(entries: &[Digest]) -> Digest {
    match entries {
        [] => sha256(b""),
        [only] => leaf(only),
        _ => {
            let half = entries.len().next_power_of_two() / 2;
            let (left, right) = entries.split_at(half);
            sha256(&[&[1][..], &root(left), &root(right)].concat())
        }
    }
}

#[test]
fn the_root_is_that_of_the_rfc() {
    let entries: Vec<Digest> = (0..70).map(entry).collect();
    for size in 0..entries.len() {
        let log = log(size.try_into().unwrap());
        assert_eq!(log.root(), root(&entries[..size]), "{size}");
        assert_eq!(Peaks::new(log.size(), log.roots().to_vec()), Some(log));
    }
    assert_eq!(Peaks::new(3, vec![entry(1)]), None);
    assert_eq!(Peaks::new(u64::MAX, vec![entry(1); 64]), None);
    assert_eq!(Peaks::new(1 << 53, vec![entry(1)]), None);
    // The empty tree and the leaf of an empty entry are the RFC's own; ours are never empty.
    assert_eq!(
        hex::encode(Peaks::default().root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn an_entry_is_shown_to_be_where_it_is_and_nowhere_else() {
    let entries: Vec<Digest> = (0..70).map(entry).collect();
    for size in 1..66 {
        for before in [0, size / 3, size / 2, size - 1] {
            let old = log(before);
            let since = entries.iter().skip(before.try_into().unwrap());
            let tail = Tail::new(&old, since.take((size - before).try_into().unwrap()));
            let root = tail.root().unwrap();
            assert_eq!(root, log(size).root());
            assert_eq!(tail.inclusion(size), None);
            for index in before..size {
                let path = tail.inclusion(index).unwrap();
                let check = |entry: u64, index, size, path: &[Digest]| {
                    verify_inclusion(&self::entry(entry), index, size, path, &root)
                };
                assert_eq!(check(index, index, size, &path), Ok(()), "{index} of {size}");
                assert_eq!(check(99, index, size, &path), Err(ProofError::Root));
                assert!(check(index, index + 1, size, &path).is_err());
                assert_eq!(check(index, size, size, &path), Err(ProofError::Range));
                let longer = [&path[..], &[entry(0)]].concat();
                assert_eq!(check(index, index, size, &longer), Err(ProofError::Length));
                if let [shorter @ .., _] = &path[..] {
                    assert!(check(index, index, size, shorter).is_err());
                }
                for place in 0..path.len() {
                    let mut other = path.clone();
                    other[place][7] ^= 1;
                    assert_eq!(check(index, index, size, &other), Err(ProofError::Root));
                }
            }
        }
    }
}

#[test]
fn a_longer_log_is_shown_to_begin_as_the_shorter_did() {
    let entries: Vec<Digest> = (0..70).map(entry).collect();
    for new in 0..66 {
        for old in 0..=new {
            let before = log(old);
            let since = &entries[old.try_into().unwrap()..new.try_into().unwrap()];
            let tail = Tail::new(&before, since);
            let path = tail.consistency().unwrap();
            let (old_root, new_root) = (before.root(), log(new).root());
            let check = |old_root: &Digest, new_root: &Digest, path: &[Digest]| {
                verify_consistency((old, old_root), (new, new_root), path)
            };
            assert_eq!(check(&old_root, &new_root, &path), Ok(()), "{old} to {new}");
            let longer = [&path[..], &[entry(0)]].concat();
            assert!(check(&old_root, &new_root, &longer).is_err(), "{old} to {new}");
            if old > 0 {
                assert!(check(&entry(0), &new_root, &path).is_err(), "{old} to {new}");
                assert!(check(&old_root, &entry(0), &path).is_err(), "{old} to {new}");
            }
            if let [shorter @ .., _] = &path[..] {
                assert!(check(&old_root, &new_root, shorter).is_err(), "{old} to {new}");
            }
            for place in 0..path.len() {
                let mut other = path.clone();
                other[place][7] ^= 1;
                assert_eq!(check(&old_root, &new_root, &other), Err(ProofError::Root));
            }
        }
    }
    assert_eq!(verify_consistency((2, &entry(0)), (1, &entry(0)), &[]), Err(ProofError::Range));
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: "aggregator@test".to_owned(), size, root: entry(size) }
}

#[test]
fn a_checkpoint_is_a_signed_note() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    let sign = |text: &[u8]| pair.sign(text).as_ref().try_into().unwrap();
    let signed = checkpoint(12).sign(&key, sign);
    insta::assert_snapshot!(signed.note);
    assert_eq!(Signed::read(&signed.note), Ok(signed.clone()));
    assert_eq!(signed.verify(&key), Ok(()));
    assert_eq!(signed.verify(&[9; 32]), Err(CheckpointError::Signature));
    let other = Signed::read(&signed.note.replacen("12", "13", 1)).unwrap();
    assert_eq!(other.verify(&key), Err(CheckpointError::Signature));
    let unsigned = checkpoint(12).unsigned();
    assert_eq!(Signed::read(&unsigned.note), Ok(unsigned.clone()));
    assert_eq!(unsigned.verify(&key), Err(CheckpointError::Signature));
    // Lines that we do not know are signed all the same.
    let text = format!("{}more\n", checkpoint(12).text());
    let plain = checkpoint(12).sign(&key, |_| sign(text.as_bytes()));
    let more = plain.note.replacen("\n\n", "\nmore\n\n", 1);
    assert_eq!(Signed::read(&more).unwrap().verify(&key), Ok(()));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let note = checkpoint(12).unsigned().note;
    for (from, to) in [
        ("aggregator@test", ""),
        ("aggregator@test", "a b"),
        ("12", "012"),
        ("12", "-1"),
        ("12", "99999999999999999999"),
        ("=\n", "\n"),
        ("\n\n", "\n"),
    ] {
        let wrong = note.replacen(from, to, 1);
        assert!(matches!(Signed::read(&wrong), Err(CheckpointError::Malformed(_))), "{wrong}");
    }
    assert!(Signed::read(&format!("{note}x")).is_err());
    assert!(Signed::read(&format!("{note}{}\n", "x".repeat(5000))).is_err());
}
