//! Evidence records: a path and a token in their standard form, and their renewal.

use der::asn1::OctetString;
use der::{Any, Decode, Encode};
use evidence::ers::{ArchiveTimeStamp, EvidenceRecord, HashTree};
use evidence::{BatchTree, Digest, GenTime, HashAlgorithm, sha256};
use std::time::Duration;

use crate::forge::{Forge, NOW};

const DOCUMENT: &[u8] = b"{\"document\":1}";

struct Case {
    forge: Forge,
    record: EvidenceRecord,
    token: Vec<u8>,
}

fn case(count: u8, index: u8) -> Case {
    let mut leaves: Vec<Digest> = (0..count).map(|number| sha256(&[number])).collect();
    leaves[usize::from(index)] = sha256(DOCUMENT);
    let tree = BatchTree::new(leaves).unwrap();
    let forge = Forge::new();
    let token = forge.token_over(&tree.root());
    let path = tree.path(usize::from(index));
    let record = EvidenceRecord::new(&sha256(DOCUMENT), &path, &token).unwrap();
    Case { forge, record, token }
}

impl Case {
    fn verify(&self, document: &[u8]) -> Result<usize, &'static str> {
        // Through the encoding, as it would be kept.
        let record = EvidenceRecord::parse(&self.record.to_der().unwrap()).unwrap();
        let authorities = [self.forge.authority()];
        record.verify(document, &authorities).map(|v| v.len()).map_err(|error| error.code())
    }

    fn stamp(&self, hash: HashAlgorithm, digest: Vec<u8>, days_later: u64) -> ArchiveTimeStamp {
        let token = self.forge.token_with(|info| {
            info.message_imprint.hash_algorithm = hash.identifier();
            info.message_imprint.hashed_message = OctetString::new(digest).unwrap();
            info.gen_time = GenTime::new(Duration::from_secs(NOW + days_later * 86_400));
        });
        ArchiveTimeStamp {
            digest_algorithm: Some(hash.identifier()),
            attributes: None,
            reduced_hashtree: None,
            time_stamp: Any::from_der(&token).unwrap(),
        }
    }
}

#[test]
fn a_record_holds_for_every_place_in_a_batch() {
    for count in [1, 2, 3, 5, 8, 33] {
        for index in [0, count / 2, count - 1] {
            assert_eq!(case(count, index).verify(DOCUMENT), Ok(1), "{index} of {count}");
            assert_eq!(
                case(count, index).verify(b"{}"),
                Err(if count == 1 { "imprint" } else { "path" })
            );
        }
    }
}

#[test]
fn a_record_with_another_sibling_is_refused() {
    let mut case = case(8, 3);
    let tree = case.record.sequence[0][0].reduced_hashtree.as_mut().unwrap();
    tree[2][0] = OctetString::new([0; 32]).unwrap();
    assert_eq!(case.verify(DOCUMENT), Err("imprint"));
}

#[test]
fn a_tree_of_anything_but_digests_is_refused() {
    let mut case = case(8, 3);
    let tree = case.record.sequence[0][0].reduced_hashtree.as_mut().unwrap();
    let joined = [tree[1][0].as_bytes(), tree[2][0].as_bytes()].concat();
    tree[1] = vec![OctetString::new(joined).unwrap()];
    assert_eq!(case.verify(DOCUMENT), Err("path"));
}

#[test]
fn a_record_without_a_time_stamp_is_refused() {
    let mut case = case(2, 0);
    case.record.sequence.clear();
    assert_eq!(case.verify(DOCUMENT), Err("no-token"));
    case.record.sequence.push(Vec::new());
    assert_eq!(case.verify(DOCUMENT), Err("no-token"));
}

#[test]
fn a_renewed_time_stamp_is_checked_with_the_one_that_it_renews() {
    let mut case = case(4, 1);
    let hash = HashAlgorithm::Sha256;
    let renewal = case.stamp(hash, hash.digest(&case.token), 30);
    case.record.sequence[0].push(renewal);
    assert_eq!(case.verify(DOCUMENT), Ok(2));
    case.record.sequence[0][1] = case.stamp(hash, hash.digest(b"another token"), 30);
    assert_eq!(case.verify(DOCUMENT), Err("imprint"));
}

#[test]
fn a_renewal_before_what_it_renews_is_refused() {
    let mut case = case(4, 1);
    let hash = HashAlgorithm::Sha256;
    let late = case.stamp(hash, hash.digest(&case.token), 30);
    let early = case.stamp(hash, hash.digest(&late.time_stamp.to_der().unwrap()), 20);
    case.record.sequence[0].extend([late, early]);
    assert_eq!(case.verify(DOCUMENT), Err("order"));
}

#[test]
fn a_renewed_hash_tree_covers_the_document_and_all_before() {
    let mut case = case(4, 1);
    let hash = HashAlgorithm::Sha512;
    let before = hash.digest(&case.record.sequence.to_der().unwrap());
    let both = hash.digest(&[hash.digest(DOCUMENT), before.clone()].concat());
    case.record.sequence.push(vec![case.stamp(hash, both, 30)]);
    assert_eq!(case.verify(DOCUMENT), Ok(2));
    let swapped = hash.digest(&[before.clone(), hash.digest(DOCUMENT)].concat());
    case.record.sequence[1][0] = case.stamp(hash, swapped, 30);
    assert_eq!(case.verify(DOCUMENT), Err("imprint"));
    case.record.sequence[1][0] = case.stamp(hash, before, 30);
    assert_eq!(case.verify(DOCUMENT), Err("imprint"));
}

#[test]
fn one_chain_has_one_hash_function() {
    let mut case = case(4, 1);
    let hash = HashAlgorithm::Sha512;
    let renewal = case.stamp(hash, hash.digest(&case.token), 30);
    case.record.sequence[0].push(renewal);
    assert_eq!(case.verify(DOCUMENT), Err("hash"));
}

/// Several records are renewed under one token, first by time stamp, then by hash tree, then by time
/// stamp again.
#[test]
fn many_are_renewed_under_one_token_again_and_again() {
    let forge = Forge::new();
    let documents: Vec<Vec<u8>> = (0..5).map(|it| format!("{{\"n\":{it}}}").into_bytes()).collect();
    let mut records: Vec<EvidenceRecord> = documents
        .iter()
        .map(|it| EvidenceRecord::new(&sha256(it), &[], &forge.token_over(&sha256(it))).unwrap())
        .collect();
    let case = Case { forge, record: records[0].clone(), token: Vec::new() };
    let token = |hash, root: &[u8], days| {
        case.stamp(hash, root.to_vec(), days).time_stamp.to_der().unwrap()
    };
    let sha512 = HashAlgorithm::Sha512;
    for (round, days) in [30, 60, 90].into_iter().enumerate() {
        let values: Vec<Vec<u8>> = records
            .iter()
            .zip(&documents)
            .map(|(record, document)| match round {
                1 => record.rehashed_value(sha512, document).unwrap(),
                _ => record.renewal_value().unwrap().1,
            })
            .collect();
        let hash = if round == 0 { HashAlgorithm::Sha256 } else { sha512 };
        let tree = HashTree::new(hash, values).unwrap();
        let token = token(hash, tree.root(), days);
        for (place, record) in records.iter_mut().enumerate() {
            match round {
                1 => record.rehash(sha512, &documents[place], &tree.path(place), &token).unwrap(),
                _ => record.renew(&tree.path(place), &token).unwrap(),
            }
        }
    }
    let authorities = [case.forge.authority()];
    for (record, document) in records.iter().zip(&documents) {
        let record = EvidenceRecord::parse(&record.to_der().unwrap()).unwrap();
        assert_eq!(record.verify(document, &authorities).unwrap().len(), 4);
        assert!(record.verify(b"{}", &authorities).is_err());
        assert_eq!((record.sequence[0].len(), record.sequence[1].len()), (2, 2));
    }
}
