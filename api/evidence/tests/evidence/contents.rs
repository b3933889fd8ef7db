//! What a token says: every field of `TSTInfo`.

use der::asn1::{Int, ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use evidence::wire::{Accuracy, TstInfo, oid};
use evidence::{GenTime, HashAlgorithm};
use std::time::Duration;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;

use crate::forge::{Forge, NOW, judge, refusal};

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

fn code(change: impl FnOnce(&mut TstInfo)) -> &'static str {
    let forge = Forge::new();
    refusal(&forge.token_with(change), &forge.authority())
}

fn holds(change: impl FnOnce(&mut TstInfo)) -> evidence::Verified {
    let forge = Forge::new();
    judge(&forge.token_with(change), &forge.authority()).unwrap()
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<Extension> {
    let extn_id = ObjectIdentifier::new_unwrap(oid);
    vec![Extension { extn_id, critical, extn_value: OctetString::new(value).unwrap() }]
}

#[test]
fn what_may_be_absent_may_be_absent() {
    assert_eq!(holds(|info| info.accuracy = None).accuracy_us, None);
    assert!(holds(|info| info.ordering = true).ordering);
    let whole = GenTime::new(Duration::from_secs(NOW));
    assert_eq!(holds(|info| info.gen_time = whole).gen_time, whole);
}

#[test]
fn another_version_is_refused() {
    assert_eq!(code(|info| info.version = 2), "version");
}

#[test]
fn a_weak_hash_function_is_refused() {
    assert_eq!(code(|info| info.message_imprint.hash_algorithm.oid = SHA1), "hash");
}

#[test]
fn a_digest_of_another_hash_function_is_refused() {
    let sha512 = HashAlgorithm::Sha512.identifier();
    assert_eq!(code(|info| info.message_imprint.hash_algorithm = sha512), "imprint");
    let short = OctetString::new([0; 20]).unwrap();
    assert_eq!(code(|info| info.message_imprint.hashed_message = short), "imprint");
}

#[test]
fn an_accuracy_out_of_range_is_refused() {
    for millis in [0, 1000] {
        let accuracy = Accuracy { seconds: None, millis: Some(millis), micros: None };
        assert_eq!(code(|info| info.accuracy = Some(accuracy)), "accuracy");
        let accuracy = Accuracy { seconds: None, millis: None, micros: Some(millis) };
        assert_eq!(code(|info| info.accuracy = Some(accuracy)), "accuracy");
    }
    let accuracy = Accuracy { seconds: Some(2), millis: Some(3), micros: Some(4) };
    assert_eq!(holds(|info| info.accuracy = Some(accuracy)).accuracy_us, Some(2_003_004));
}

#[test]
fn a_serial_number_of_more_than_160_bits_is_refused() {
    holds(|info| info.serial_number = Int::new(&[0x7f; 20]).unwrap());
    assert_eq!(code(|info| info.serial_number = Int::new(&[0x7f; 22]).unwrap()), "serial");
}

#[test]
fn another_authority_s_name_is_refused() {
    let name = |name: &str| Some(GeneralName::DirectoryName(name.parse().unwrap()));
    assert_eq!(code(|info| info.tsa = name("CN=evil")), "tsa-name");
    holds(|info| info.tsa = name("CN=Forged TSA,O=test"));
}

#[test]
fn a_critical_extension_that_is_not_known_is_refused() {
    assert_eq!(
        code(|info| info.extensions = Some(extension("1.2.3.4", true, &[5, 0]))),
        "extension"
    );
    holds(|info| info.extensions = Some(extension("1.2.3.4", false, &[5, 0])));
}

#[test]
fn a_qualified_time_stamp_is_known_as_one() {
    let qualified = oid::QUALIFIED_TIME_STAMP.to_der().unwrap();
    let other = ObjectIdentifier::new_unwrap("0.4.0.1862.1.1").to_der().unwrap();
    for (statement, is_qualified) in [(qualified, true), (other, false)] {
        let statements = vec![vec![der::Any::from_der(&statement).unwrap()]].to_der().unwrap();
        let id = oid::QC_STATEMENTS.to_string();
        let verified = holds(|info| info.extensions = Some(extension(&id, true, &statements)));
        assert_eq!(verified.qualified, is_qualified);
    }
    assert!(!holds(|_| {}).qualified);
}

#[test]
fn a_time_has_one_spelling() {
    let read = |text: &str| {
        let mut der = vec![0x18, u8::try_from(text.len()).unwrap()];
        der.extend(text.as_bytes());
        GenTime::from_der(&der)
    };
    let right = ["20260101000000Z", "20260101000000.5Z", "20260101235959.123456789Z"];
    for text in right {
        let time = read(text).unwrap();
        assert_eq!(&time.to_der().unwrap()[2..], text.as_bytes());
    }
    let wrong = [
        "20260101000000.120Z",
        "20260101000000.Z",
        "20260101000000",
        "202601010000Z",
        "20261301000000Z",
        "20260230000000Z",
        "20260101000000+0100",
        "20260101000000,5Z",
        "20260101240000Z",
        "2026010100000 Z",
        "+0260101000000Z",
        "20260101000000.5 Z",
        "Z",
        "",
    ];
    for text in wrong {
        assert!(read(text).is_err(), "{text}");
    }
    assert_eq!(read("20260101000000.5Z").unwrap().to_string(), "2026-01-01T00:00:00.5Z");
}
