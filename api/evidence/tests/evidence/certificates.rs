//! Certificates: which may sign, and where they must lead.

use evidence::wire::oid;
use evidence::{Authority, GenTime};
use insta::assert_snapshot;
use std::time::Duration;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

use crate::forge::{
    ANCHOR_NAME, DAY, Forge, Key, Kind, NOW, Profile, bag, issue, judge, pem, refusal, rewrapped,
    text,
};
use der::asn1::ObjectIdentifier;

const TLS_SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

fn refusal_with(change: impl FnOnce(&mut Profile)) -> &'static str {
    let forge = Forge::with(change);
    refusal(&forge.token(), &forge.authority())
}

#[test]
fn every_kind_of_key_can_sign() {
    for kind in [Kind::P256, Kind::P384, Kind::Ed25519, Kind::Rsa, Kind::RsaPss, Kind::RsaPssAbsent]
    {
        let forge = Forge::of(kind, |_| {});
        let judged = judge(&forge.token(), &forge.authority());
        assert!(judged.is_ok(), "{kind:?}: {judged:?}");
    }
}

#[test]
fn a_certificate_that_had_expired_is_refused() {
    let code = refusal_with(|p| (p.not_before, p.not_after) = (NOW - 9 * DAY, NOW - DAY));
    assert_eq!(code, "chain");
}

#[test]
fn a_certificate_that_was_not_valid_yet_is_refused() {
    assert_eq!(refusal_with(|profile| profile.not_before = NOW + DAY), "chain");
}

#[test]
fn a_token_holds_after_its_certificate_has_expired() {
    let forge = Forge::with(|p| (p.not_before, p.not_after) = (NOW - 900 * DAY, NOW - 200 * DAY));
    let then = GenTime::new(Duration::from_secs(NOW - 500 * DAY));
    judge(&forge.token_with(|info| info.gen_time = then), &forge.authority()).unwrap();
}

#[test]
fn a_certificate_for_anything_else_is_refused() {
    assert_eq!(refusal_with(|profile| profile.purposes.clear()), "profile");
    assert_eq!(refusal_with(|profile| profile.purposes = vec![TLS_SERVER]), "profile");
    assert_eq!(refusal_with(|profile| profile.purposes.push(TLS_SERVER)), "profile");
    assert_eq!(refusal_with(|profile| profile.purposes_critical = false), "profile");
}

#[test]
fn a_certificate_that_may_issue_others_is_refused() {
    assert_eq!(refusal_with(|profile| profile.ca = true), "profile");
    let usage = KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign);
    assert_eq!(refusal_with(|profile| profile.usage = usage), "profile");
}

#[test]
fn a_certificate_of_another_anchor_is_refused() {
    let (forge, other) = (Forge::new(), Forge::new());
    assert_eq!(forge.anchor.tbs_certificate.subject, other.anchor.tbs_certificate.subject);
    let error = judge(&forge.token(), &other.authority()).unwrap_err();
    assert_eq!(error.code(), "chain");
    assert_snapshot!(text(&error), @"the certificate does not lead to an anchor of `forged`: InvalidSignatureForPublicKey");
}

#[test]
fn an_anchor_that_was_not_valid_is_refused() {
    let mut forge = Forge::new();
    let expired = Profile { not_after: NOW - DAY, ..Profile::anchor() };
    let key = &forge.anchor_key;
    forge.anchor = issue(ANCHOR_NAME, key, ANCHOR_NAME, key, &expired);
    let error = judge(&forge.token(), &forge.authority()).unwrap_err();
    assert_eq!(error.code(), "anchor-validity");
    assert_snapshot!(text(&error), @"the anchor `CN=Forged anchor,O=test` was not valid at 2026-09-21T14:13:20.25Z");
}

#[test]
fn a_renewed_anchor_vouches_beside_the_expired_one() {
    let forge = Forge::new();
    let expired = Profile { not_after: NOW - DAY, ..Profile::anchor() };
    let key = &forge.anchor_key;
    let both = pem(&issue(ANCHOR_NAME, key, ANCHOR_NAME, key, &expired)) + &pem(&forge.anchor);
    let authority = Authority::from_pem("both", both.as_bytes()).unwrap();
    judge(&forge.token(), &authority).unwrap();
}

#[test]
fn an_intermediate_may_be_silent_about_its_purpose_but_not_for_something_else() {
    let cases = [(vec![], true), (vec![oid::TIME_STAMPING], true), (vec![TLS_SERVER], false)];
    for (purposes, holds) in cases {
        let root = Forge::new();
        let middle_key = Key::generate(Kind::P384);
        let profile = Profile { purposes, purposes_critical: true, ..Profile::anchor() };
        let middle = issue("CN=Middle", &middle_key, ANCHOR_NAME, &root.anchor_key, &profile);
        let key = Key::generate(Kind::P256);
        let certificate = issue("CN=Leaf", &key, "CN=Middle", &middle_key, &Profile::signer());
        let forge = Forge { anchor: middle, anchor_key: middle_key, certificate, key };
        assert_eq!(judge(&forge.token(), &root.authority()).is_ok(), holds, "{profile:?}");
    }
}

#[test]
fn an_intermediate_that_is_configured_need_not_be_in_the_token() {
    let root = Forge::new();
    let middle_key = Key::generate(Kind::P256);
    let middle = issue("CN=Middle", &middle_key, ANCHOR_NAME, &root.anchor_key, &Profile::anchor());
    let key = Key::generate(Kind::P256);
    let certificate = issue("CN=Leaf", &key, "CN=Middle", &middle_key, &Profile::signer());
    let forge = Forge { anchor: middle.clone(), anchor_key: middle_key, certificate, key };
    let token = rewrapped(&forge.token(), |data| {
        data.certificates = Some(bag(&[&forge.certificate]));
    });
    assert_eq!(refusal(&token, &root.authority()), "chain");
    let authority = root.authority().with_extra_pem(pem(&middle).as_bytes()).unwrap();
    judge(&token, &authority).unwrap();
}

#[test]
fn an_authority_needs_a_certificate() {
    let refused = |pem: &[u8]| text(&Authority::from_pem("city", pem).unwrap_err());
    assert_snapshot!(refused(b""), @"no certificate for `city`; expected PEM with `-----BEGIN CERTIFICATE-----`");
    assert_snapshot!(refused(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), @"cannot read certificate 1 for `city`: unknown/unsupported ASN.1 DER tag: 0x00");
    assert_snapshot!(refused(b"-----BEGIN CERTIFICATE-----\nAAAA\n"), @"cannot read the PEM for `city`: missing section end marker: [67, 69, 82, 84, 73, 70, 73, 67, 65, 84, 69]");
    let error = Forge::new().authority().with_policies(["any"]).unwrap_err();
    assert_snapshot!(text(&error), @"policy `any` of `forged` is not an object identifier like `1.3.6.1.4.1`");
}

#[test]
fn text_around_a_certificate_does_not_matter() {
    let forge = Forge::new();
    let pem = format!("Certificate:\r\n  Data: 1\n{}\nend\n", pem(&forge.anchor));
    judge(&forge.token(), &Authority::from_pem("a", pem.as_bytes()).unwrap()).unwrap();
}
