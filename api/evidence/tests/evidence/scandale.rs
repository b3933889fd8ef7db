//! What SCANDALE does wrong with time stamps, one test each; the rest is in the tests of the API
//! and of the behaviours.

use std::time::Duration;

use evidence::wire::oid;
use evidence::{Authority, GenTime, HashAlgorithm, Record, Request, accept, sha256, verify};

use crate::forge::{
    ANCHOR_NAME, DATA, DAY, Forge, Kind, NOW, Profile, answer, bag, issue, judge, pem, refusal,
    rewrapped,
};

/// It ships one RSA certificate, which has expired, while the authority has gone on to another.
#[test]
fn an_authority_that_went_on_to_another_key_is_believed_for_old_and_new_tokens() {
    let then = GenTime::new(Duration::from_secs(NOW - 500 * DAY));
    let old_days = |it: &mut Profile| (it.not_before, it.not_after) = (NOW - 900 * DAY, NOW - DAY);
    let mut old = Forge::of(Kind::Rsa, old_days);
    let mut ended = Profile::anchor();
    ended.not_after = NOW - DAY;
    let key = &old.anchor_key;
    old.anchor = issue(ANCHOR_NAME, key, ANCHOR_NAME, key, &ended);
    let new = Forge::of(Kind::P384, |_| {});
    let both = pem(&old.anchor) + &pem(&new.anchor);
    let authority = Authority::from_pem("city", both.as_bytes()).unwrap();
    let before = old.token_with(|info| info.gen_time = then);
    judge(&before, &authority).unwrap();
    judge(&new.token(), &authority).unwrap();
    // The expired one alone vouches for what it stamped, and for nothing since.
    judge(&before, &old.authority()).unwrap();
    assert_eq!(refusal(&old.token(), &old.authority()), "chain");
    assert_eq!(refusal(&new.token(), &old.authority()), "chain");
}

/// Its library takes every key for RSA, and fails with a `TypeError` at others.
#[test]
fn every_kind_of_key_works_through_the_whole_of_a_request() {
    for kind in [Kind::P256, Kind::P384, Kind::Ed25519, Kind::Rsa, Kind::RsaPss] {
        let forge = Forge::of(kind, |_| {});
        let request = Request::new(&sha256(DATA));
        let response = forge.respond(&request.to_der());
        let skew = Duration::from_mins(1);
        let accepted = accept(&response, &request, &forge.authority(), NOW, skew);
        assert!(accepted.is_ok(), "{kind:?}: {accepted:?}");
    }
}

/// It hashes with SHA-1.
#[test]
fn sha_1_is_neither_asked_for_nor_accepted() {
    use der::Decode;
    let sha1 = der::asn1::ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    let asked = evidence::wire::TimeStampReq::from_der(&Request::new(&sha256(DATA)).to_der());
    let asked = asked.unwrap().message_imprint.hash_algorithm.oid;
    assert_eq!(asked, HashAlgorithm::Sha256.oid());
    let forge = Forge::new();
    let token = forge.token_with(|info| {
        info.message_imprint.hash_algorithm.oid = sha1;
        info.message_imprint.hashed_message = der::asn1::OctetString::new([7; 20]).unwrap();
    });
    assert_eq!(refusal(&token, &forge.authority()), "hash");
}

/// It sends no nonce, so that an old answer can be sent again.
#[test]
fn an_answer_that_is_sent_again_is_refused() {
    let forge = Forge::new();
    let [first, second] = [(), ()].map(|()| Request::new(&sha256(DATA)));
    let response = forge.respond(&first.to_der());
    let skew = Duration::from_mins(1);
    accept(&response, &first, &forge.authority(), NOW, skew).unwrap();
    let again = accept(&response, &second, &forge.authority(), NOW, skew);
    assert_eq!(again.unwrap_err().code(), "nonce");
}

/// It checks neither chain, purpose, validity, nor what the attributes bind.
#[test]
fn what_scandale_leaves_out_is_checked() {
    let forge = Forge::new();
    assert_eq!(refusal(&forge.token(), &Forge::new().authority()), "chain");
    let no_purpose = Forge::with(|profile| profile.purposes.clear());
    assert_eq!(refusal(&no_purpose.token(), &no_purpose.authority()), "profile");
    let expired = Forge::with(|profile| profile.not_after = NOW - 1);
    assert_eq!(refusal(&expired.token(), &expired.authority()), "chain");
    let info = der::Encode::to_der(&Forge::info()).unwrap();
    for attribute in [oid::CONTENT_TYPE, oid::SIGNING_CERTIFICATE_V2] {
        let token = forge.sign(&info, |all| all.retain(|it| it.oid != attribute));
        assert_eq!(refusal(&token, &forge.authority()), "attribute");
    }
}

/// A refusal surfaces there as an error of its parser.
#[test]
fn a_refusal_is_called_one() {
    let request = Request::new(&sha256(DATA));
    let authority = Forge::new().authority();
    let refused = accept(&answer(2, None), &request, &authority, NOW, Duration::from_mins(1));
    assert_eq!(refused.unwrap_err().code(), "refused");
}

/// It stamps the text of the payload only.
#[test]
fn every_field_of_an_item_is_under_its_time_stamp() {
    let item = serde_json::json!({
        "version": "1", "format": "raw", "payload": { "raw": "b2s=" },
        "meta": { "uuid": "u", "ts": 1, "type": "check", "source": "a@test" },
    });
    let forge = Forge::new();
    let token = forge.token_over(&Record::of(&item).unwrap().digest());
    let holds = |item: &serde_json::Value| {
        verify(&token, &Record::of(item).unwrap().digest(), &forge.authority()).is_ok()
    };
    assert!(holds(&item));
    for field in [
        "/version",
        "/format",
        "/payload/raw",
        "/meta/uuid",
        "/meta/ts",
        "/meta/type",
        "/meta/source",
    ] {
        let mut changed = item.clone();
        *changed.pointer_mut(field).unwrap() = "changed".into();
        assert!(!holds(&changed), "{field}");
    }
    let mut more = item;
    more["meta"]["more"] = true.into();
    assert!(!holds(&more));
}

/// It takes the first certificate of the token for the signer's.
#[test]
fn the_signer_is_found_wherever_its_certificate_stands() {
    let (forge, other) = (Forge::new(), Forge::new());
    for certificates in [
        [&forge.certificate, &forge.anchor, &other.certificate],
        [&other.certificate, &forge.anchor, &forge.certificate],
        [&forge.anchor, &other.anchor, &forge.certificate],
    ] {
        let token = rewrapped(&forge.token(), |data| data.certificates = Some(bag(&certificates)));
        let verified = judge(&token, &forge.authority()).unwrap();
        assert_eq!(verified.signer_sha256, forge.signer_sha256());
    }
}
