//! The place of a record among those of its source, and its signature.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Link, LinkError, Record};
use serde_json::{Value, json};

fn signed() -> Value {
    let mut item = json!({
        "version": "1", "format": "raw", "payload": { "raw": "b2s=" },
        "meta": {
            "seq": 2, "prev": "ab".repeat(32),
            "after": { "log": "a@test", "size": 7, "sha256": "cd".repeat(32) },
        },
    });
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let record = Record::of(&item).unwrap();
    item["signature"] = json!({
        "alg": "Ed25519",
        "key": hex::encode(pair.public_key()),
        "value": BASE64_STANDARD.encode(pair.sign(record.bytes())),
    });
    item
}

fn read(item: &Value) -> Result<Link, LinkError> {
    Link::read(&Record::of(item).unwrap())
}

#[test]
fn a_record_names_its_place_and_its_signer() {
    let link = read(&signed()).unwrap();
    assert_eq!((link.seq, link.prev), (Some(2), Some([0xab; 32])));
    assert_eq!(link.after, Some([0xcd; 32]));
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    assert_eq!(link.key.unwrap(), pair.public_key().as_ref());
}

#[test]
fn whatever_is_changed_is_not_what_was_signed() {
    for (place, value) in [
        ("/meta/seq", json!(3)),
        ("/meta/prev", json!("ac".repeat(32))),
        ("/meta/after/size", json!(8)),
        ("/payload/raw", json!("bm8=")),
        ("/version", json!("2")),
        ("/signature/key", json!("07".repeat(32))),
        ("/signature/value", json!(BASE64_STANDARD.encode([0; 64]))),
        ("/signature/value", json!("")),
    ] {
        let mut item = signed();
        *item.pointer_mut(place).unwrap() = value;
        assert!(matches!(read(&item), Err(LinkError::Signature)), "{place}");
    }
    let mut more = signed();
    more["more"] = json!(1);
    assert!(matches!(read(&more), Err(LinkError::Signature)));
    for (place, value) in [
        ("/signature/key", json!("07")),
        ("/signature/key", json!(7)),
        ("/signature/value", json!("?")),
        ("/signature/value", json!(null)),
    ] {
        let mut item = signed();
        *item.pointer_mut(place).unwrap() = value;
        assert!(matches!(read(&item), Err(LinkError::Malformed(_))), "{place}");
    }
}

#[test]
fn what_others_mean_by_the_same_names_is_left_to_them() {
    for item in [
        json!({ "meta": { "seq": "17b", "prev": 1, "after": "noon" }, "signature": "me" }),
        json!({ "meta": { "seq": 0, "prev": "ab".repeat(32) }, "signature": { "alg": "RS256" } }),
        json!({}),
    ] {
        assert_eq!(read(&item).unwrap(), Link::default());
    }
}
