//! Bundles: put together, read back, and refused when any part has been changed.

use std::io::{Cursor, Read, Write};

use evidence::{BatchTree, Bundle, BundleError, Record, Trust, sha256};
use insta::{assert_json_snapshot, assert_snapshot};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::forge::{Forge, text};

type Parts = Vec<(String, Vec<u8>)>;

const ITEM: &[u8] = br#"{"meta":{"ts":1790000000,"type":"check"},"payload":{"raw":"b2s="}}"#;

struct Case {
    forge: Forge,
    file: Vec<u8>,
}

fn case() -> Case {
    case_of(Forge::new(), ITEM)
}

fn case_of(forge: Forge, item: &[u8]) -> Case {
    let mut leaves: Vec<_> = (0..9_u8).map(|number| sha256(&[number])).collect();
    leaves[4] = sha256(item);
    let tree = BatchTree::new(leaves).unwrap();
    let token = forge.token_over(&tree.root());
    let file = Bundle::build(item, &tree.path(4), &token, &forge.authority()).unwrap();
    Case { forge, file }
}

impl Case {
    fn parts(&self) -> Parts {
        let mut archive = ZipArchive::new(Cursor::new(&self.file)).unwrap();
        (0..archive.len())
            .map(|index| {
                let mut entry = archive.by_index(index).unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (entry.name().unwrap().into_owned(), content)
            })
            .collect()
    }

    /// The code with which the bundle is refused after a change of its parts.
    fn code(&self, change: impl FnOnce(&mut Parts)) -> &'static str {
        self.error(change).code()
    }

    fn error(&self, change: impl FnOnce(&mut Parts)) -> BundleError {
        let mut parts = self.parts();
        change(&mut parts);
        self.verify(&zipped(&parts)).unwrap_err()
    }

    fn verify(&self, file: &[u8]) -> Result<evidence::Verdict, BundleError> {
        Bundle::read(file)?.verify(&[self.forge.authority()])
    }
}

fn zipped(parts: &Parts) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name.as_str(), stored).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn part<'a>(parts: &'a mut Parts, name: &str) -> &'a mut Vec<u8> {
    &mut parts.iter_mut().find(|(found, _)| found == name).unwrap().1
}

fn replace(parts: &mut Parts, name: &str, from: &str, to: &str) {
    let part = part(parts, name);
    let text = String::from_utf8(part.clone()).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    *part = text.replacen(from, to, 1).into_bytes();
}

/// Replaces the value of a field in `proof.json`.
fn set_proof(parts: &mut Parts, field: &str, value: serde_json::Value) {
    let part = part(parts, "proof.json");
    let mut proof: serde_json::Value = serde_json::from_slice(part).unwrap();
    proof[field] = value;
    *part = proof.to_string().into_bytes();
}

#[test]
fn a_bundle_says_who_vouches_for_what_since_when() {
    let case = case();
    let bundle = Bundle::read(&case.file).unwrap();
    assert_eq!(bundle.item(), ITEM);
    let verdict = bundle.verify(&[Forge::new().authority(), case.forge.authority()]).unwrap();
    let mut shown = serde_json::to_value(&verdict).unwrap();
    assert_eq!(shown["signer_sha256"], case.forge.signer_sha256());
    shown["signer_sha256"] = "…".into();
    assert_json_snapshot!(shown, @r#"
    {
      "accuracy_us": 1000000,
      "anchor": "CN=Forged anchor,O=test",
      "authority": "forged",
      "gen_time": "2026-09-21T14:13:20.25Z",
      "hash": "sha256",
      "ordering": false,
      "policy": "1.3.6.1.4.1.55555.1",
      "qualified": false,
      "record_sha256": "0c6f28b206eb7d214d94183538f405215b32096dea923ed3630d9072a456b3e4",
      "renewals": 0,
      "serial": "07070707070707070707070707070707",
      "signer": "CN=Forged TSA,O=test",
      "signer_sha256": "…",
      "trust": "anchored"
    }
    "#);
}

#[test]
fn a_record_alone_in_its_batch_has_a_bundle_too() {
    let forge = Forge::new();
    let record = Record::parse(ITEM).unwrap();
    let token = forge.token_over(&record.digest());
    let file = Bundle::build(record.bytes(), &[], &token, &forge.authority()).unwrap();
    Bundle::read(&file).unwrap().verify(&[forge.authority()]).unwrap();
}

#[test]
fn the_same_evidence_is_the_same_file() {
    let case = case();
    assert_eq!(zipped(&case.parts()), case.file);
}

#[test]
fn the_mimetype_comes_first_where_tools_look_for_it() {
    assert!(case().file[30..].starts_with(b"mimetypeapplication/vnd.etsi.asic-s+zip"));
}

#[test]
fn a_bundle_of_an_authority_that_is_not_trusted_is_consistent_and_no_more() {
    let case = case();
    let bundle = Bundle::read(&case.file).unwrap();
    assert_eq!(bundle.verify(&[Forge::new().authority()]).unwrap_err().code(), "chain");
    assert_eq!(bundle.verify(&[]).unwrap_err().code(), "no-authority");
    let embedded = bundle.embedded_authority().unwrap();
    assert_eq!((embedded.name(), embedded.trust()), ("forged", Trust::SelfSigned));
    bundle.verify(&[embedded]).unwrap();
}

#[test]
fn a_changed_item_is_refused() {
    let error = case().error(|parts| replace(parts, "item.json", "b2s=", "bm8="));
    assert_eq!(error.code(), "item");
    assert_snapshot!(text(&error), @"`item.json` is not what was stamped");
}

#[test]
fn an_item_that_is_not_canonical_is_refused() {
    assert_eq!(case().code(|parts| replace(parts, "item.json", ":", ": ")), "canonical");
    assert_eq!(case().code(|parts| replace(parts, "item.json", "{", "[")), "record");
    // Even when that very text has been stamped.
    let spaced = case_of(Forge::new(), br#"{"a": 1}"#);
    assert_eq!(spaced.code(|_| {}), "canonical");
    let twice = case_of(Forge::new(), br#"{"a":1,"a":2}"#);
    assert_snapshot!(text(&twice.error(|_| {})), @"`item.json` is not a record: key `/a` occurs twice");
}

#[test]
fn a_changed_path_is_refused() {
    let zeros = "0".repeat(64);
    let case = case();
    assert_eq!(case.code(|parts| set_proof(parts, "path", [zeros.as_str()].into())), "proof");
    assert_eq!(case.code(|parts| set_proof(parts, "root", zeros.as_str().into())), "proof");
    assert_eq!(case.code(|parts| set_proof(parts, "leaf", zeros.as_str().into())), "item");
    let item = hex::encode(sha256(ITEM));
    let shortened = case.code(|parts| {
        set_proof(parts, "path", Vec::<String>::new().into());
        set_proof(parts, "root", item.into());
    });
    assert_eq!(shortened, "path");
}

#[test]
fn a_changed_proof_is_refused() {
    let case = case();
    let earlier = "2020-01-01T00:00:00Z";
    assert_eq!(case.code(|parts| set_proof(parts, "gen_time", earlier.into())), "proof");
    assert_eq!(case.code(|parts| set_proof(parts, "hash", "sha1".into())), "proof");
    assert_eq!(case.code(|parts| set_proof(parts, "note", "trust me".into())), "proof");
    assert_eq!(case.code(|parts| set_proof(parts, "root", "00".into())), "proof");
    assert_eq!(case.code(|parts| part(parts, "proof.json").clear()), "proof");
    let capitals = case.code(|parts| {
        let leaf = hex::encode_upper(sha256(ITEM));
        set_proof(parts, "leaf", leaf.into());
    });
    assert_eq!(capitals, "proof");
}

#[test]
fn a_token_of_another_bundle_is_refused() {
    let case = case();
    let other = case_of(Forge::new(), br#"{"a":1}"#);
    let theirs = |name: &str| part(&mut other.parts(), name).clone();
    let code = case.code(|parts| *part(parts, "root.tsr") = theirs("root.tsr"));
    assert_eq!(code, "other-token");
    let evidence = "META-INF/evidencerecord.ers";
    assert_eq!(case.code(|parts| *part(parts, evidence) = theirs(evidence)), "other-token");
    let both = case.code(|parts| {
        *part(parts, "root.tsr") = theirs("root.tsr");
        *part(parts, evidence) = theirs(evidence);
    });
    assert_eq!(both, "path");
}

#[test]
fn a_token_for_another_root_is_refused() {
    let forge = Forge::new();
    let token = forge.token_over(&sha256(b"another root"));
    let file = Bundle::build(ITEM, &[], &token, &forge.authority()).unwrap();
    let error = Bundle::read(&file).unwrap().verify(&[forge.authority()]).unwrap_err();
    assert_eq!(error.code(), "imprint");
    assert_snapshot!(text(&error), @"the evidence does not hold: time stamp 1 of the evidence record is refused: the token is for other data");
}

#[test]
fn a_spoilt_signature_is_refused() {
    let case = case();
    let code = case.code(|parts| {
        // The last byte of the token is in the signature, in both places.
        for name in ["root.tsr", "META-INF/evidencerecord.ers"] {
            *part(parts, name).last_mut().unwrap() ^= 1;
        }
    });
    assert_eq!(code, "signature");
}

#[test]
fn a_refusal_is_no_evidence() {
    let case = case();
    let refusal = crate::forge::answer(2, None);
    assert_eq!(case.code(|parts| *part(parts, "root.tsr") = refusal), "refused");
    let empty = crate::forge::answer(0, None);
    assert_eq!(case.code(|parts| *part(parts, "root.tsr") = empty), "no-token");
    assert_eq!(case.code(|parts| part(parts, "root.tsr").clear()), "answer");
}

#[test]
fn every_entry_is_needed_and_no_other_is_allowed() {
    let case = case();
    for index in 1..6 {
        assert_eq!(case.code(|parts| drop(parts.remove(index))), "archive");
    }
    let error = case.error(|parts| parts.push(("../item.json".to_owned(), b"{}".to_vec())));
    assert_snapshot!(text(&error), @"entry `../item.json` does not belong in a bundle");
    let error = case.error(|parts| drop(parts.remove(2)));
    assert_snapshot!(text(&error), @"entry `META-INF/evidencerecord.ers` is missing");
}

#[test]
fn another_kind_of_archive_is_refused() {
    let case = case();
    let error = case.error(|parts| parts[0].1 = b"application/vnd.etsi.asic-e+zip".to_vec());
    assert_snapshot!(text(&error), @"not a bundle: its first entry is not the `mimetype` of ASiC-S, uncompressed");
    assert_eq!(case.code(|parts| parts.swap(0, 1)), "archive");
    for junk in [&b""[..], b"PK", b"{}", &[0; 1000]] {
        assert_eq!(Bundle::read(junk).unwrap_err().code(), "archive");
    }
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let case = case();
    // A second entry under another name of the same length, renamed in the bytes.
    let mut parts = case.parts();
    parts.push(("item.jsox".to_owned(), ITEM.to_vec()));
    let mut file = zipped(&parts);
    while let Some(place) = file.windows(9).position(|name| name == b"item.jsox") {
        file[place + 8] = b'n';
    }
    let error = Bundle::read(&file).unwrap_err();
    assert_snapshot!(text(&error), @"entries of the archive have the same name or overlap");
}

#[test]
fn what_is_too_large_is_not_read() {
    let case = case();
    let error = case.error(|parts| *part(parts, "proof.json") = vec![b' '; 1_100_000]);
    assert_snapshot!(text(&error), @"`proof.json` is larger than 1048576 bytes");
    assert_snapshot!(text(&Bundle::read(&vec![0; 5_000_000]).unwrap_err()), @"the bundle is larger than 4194304 bytes");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let forge = Forge::new();
    let item = format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024));
    let built = Bundle::build(item.as_bytes(), &[], &forge.token(), &forge.authority());
    assert_eq!(built.unwrap_err().code(), "archive");
    let built = Bundle::build(ITEM, &[], b"no token", &forge.authority());
    assert_eq!(built.unwrap_err().code(), "malformed");
}

#[test]
fn a_compressed_entry_is_refused() {
    let mut file = case().file;
    // The method of each entry, in its own header and in the directory.
    for place in 0..file.len() - 4 {
        let at = match &file[place..place + 4] {
            b"PK\x03\x04" if place > 0 => place + 8,
            b"PK\x01\x02" => place + 10,
            _ => continue,
        };
        file[at] = 8;
    }
    assert_eq!(Bundle::read(&file).unwrap_err().code(), "archive");
}

#[test]
fn a_size_that_is_not_true_is_refused() {
    let case = case();
    let mut file = case.file;
    // The uncompressed size of every entry in the central directory, made huge.
    let mut places = Vec::new();
    for place in 0..file.len() - 4 {
        if file[place..].starts_with(b"PK\x01\x02") {
            places.push(place + 24);
        }
    }
    for place in places {
        file[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    assert_eq!(Bundle::read(&file).unwrap_err().code(), "archive");
}

#[test]
fn no_prefix_of_a_bundle_is_accepted() {
    let case = case();
    for length in 0..case.file.len() {
        assert!(Bundle::read(&case.file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let case = case();
    let honest = case.verify(&case.file).unwrap();
    for place in 0..case.file.len() {
        let mut flipped = case.file.clone();
        flipped[place] ^= 1 << (place % 8);
        if let Ok(verdict) = case.verify(&flipped) {
            assert_eq!(verdict, honest, "byte {place}");
            assert_eq!(Bundle::read(&flipped).unwrap().item(), ITEM, "byte {place}");
        }
    }
}
