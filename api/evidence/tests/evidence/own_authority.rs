//! The authority of our own: what it grants, refuses, and keeps.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use evidence::wire::TimeStampReq;
use evidence::{OwnAuthority, Request, TokenError, Trust, Verified, accept, sha256};
use insta::assert_snapshot;
use tempfile::tempdir;

use crate::forge::text;

fn stamp(tsa: &OwnAuthority, request: &Request) -> Result<(Vec<u8>, Verified), TokenError> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let response = tsa.respond(&request.to_der());
    accept(&response, request, &tsa.authority(), now, Duration::from_mins(1))
}

fn works(tsa: &OwnAuthority) {
    stamp(tsa, &Request::new(&sha256(b"data"))).unwrap();
}

/// What an authority answers to a request that a test has spoilt.
fn rejection(spoil: impl FnOnce(&mut TimeStampReq)) -> String {
    let (tsa, _) = OwnAuthority::create().unwrap();
    let request = Request::new(&sha256(b"data"));
    let mut spoilt = TimeStampReq::from_der(&request.to_der()).unwrap();
    spoil(&mut spoilt);
    let response = tsa.respond(&spoilt.to_der().unwrap());
    let error = accept(&response, &request, &tsa.authority(), 0, Duration::MAX).unwrap_err();
    assert_eq!(error.code(), "refused");
    text(&error)
}

fn refused(folder: &Path) -> String {
    let error = text(&OwnAuthority::open(folder).unwrap_err());
    error.replace(folder.to_str().unwrap(), "FOLDER")
}

#[test]
fn its_time_stamps_hold_and_are_marked_as_its_own() {
    let (tsa, files) = OwnAuthority::create().unwrap();
    let (_, verified) = stamp(&tsa, &Request::new(&sha256(b"data"))).unwrap();
    assert_eq!(tsa.authority().trust(), Trust::SelfSigned);
    assert_eq!(verified.accuracy_us, Some(1_000_000));
    assert!(verified.signer.contains("O=self-signed"), "{}", verified.signer);
    assert_eq!(tsa.anchor_pem(), files.anchor_pem);
}

#[test]
fn every_serial_number_is_another() {
    let (tsa, _) = OwnAuthority::create().unwrap();
    let serial = || stamp(&tsa, &Request::new(&sha256(b"data"))).unwrap().1.serial;
    let (one, two) = (serial(), serial());
    assert_eq!((one.len(), two.len()), (32, 32));
    assert_ne!(one, two);
}

#[test]
fn what_cannot_be_granted_is_refused_with_a_reason() {
    let sha1 = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    let other = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.1.1");
    assert_snapshot!(rejection(|r| r.message_imprint.hash_algorithm.oid = sha1), @"the authority refused: SHA-256, SHA-384 or SHA-512, please (badAlg)");
    let long = der::asn1::Int::new(&[1; 9000]).unwrap();
    assert_snapshot!(rejection(|r| r.nonce = Some(long)), @"the authority refused: the request is too long (badRequest)");
    assert_snapshot!(rejection(|r| r.version = 2), @"the authority refused: version 1 is the only one (badRequest)");
    assert_snapshot!(rejection(|r| r.req_policy = Some(other)), @"the authority refused: this policy is not offered (unacceptedPolicy)");
    let short = der::asn1::OctetString::new([1; 20]).unwrap();
    assert_snapshot!(rejection(|r| r.message_imprint.hashed_message = short), @"the authority refused: the digest's length is not that of its hash function (badDataFormat)");
}

#[test]
fn what_is_not_a_request_is_refused_too() {
    let (tsa, _) = OwnAuthority::create().unwrap();
    let request = Request::new(&sha256(b"data"));
    for body in [&b""[..], b"junk", b"\x30\x00", &[0x30; 10_000]] {
        let response = tsa.respond(body);
        let error = accept(&response, &request, &tsa.authority(), 0, Duration::MAX).unwrap_err();
        assert_eq!(error.code(), "refused");
    }
}

#[test]
fn an_expired_authority_has_no_time_to_tell() {
    let (tsa, _) = OwnAuthority::create().unwrap();
    let tsa = tsa.with_clock(|| Duration::from_secs(4_000_000_000));
    let request = Request::new(&sha256(b"data"));
    let response = tsa.respond(&request.to_der());
    let error = accept(&response, &request, &tsa.authority(), 0, Duration::MAX).unwrap_err();
    assert_snapshot!(text(&error), @"the authority refused: the certificate has expired (timeNotAvailable)");
}

#[test]
fn it_survives_a_restart() {
    let folder = tempdir().unwrap();
    let folder = folder.path().join("not").join("there").join("yet");
    let first = OwnAuthority::open(&folder).unwrap();
    let (token, _) = stamp(&first, &Request::new(&sha256(b"data"))).unwrap();
    let second = OwnAuthority::open(&folder).unwrap();
    works(&second);
    evidence::verify(&token, &sha256(b"data"), &second.authority()).unwrap();
    assert_eq!(fs::read_to_string(folder.join("anchor.pem")).unwrap(), second.anchor_pem());
}

#[test]
fn its_key_is_for_its_owner_alone_and_the_anchor_s_key_is_nowhere() {
    let folder = tempdir().unwrap();
    OwnAuthority::open(folder.path()).unwrap();
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["anchor.pem", "tsa.pem"]);
    let secret = folder.path().join("tsa.pem");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o7777, 0o600);
    let keys = fs::read_to_string(secret).unwrap().matches("PRIVATE KEY-----\n").count();
    assert_eq!(keys, 2, "one key: its first line and its last");
    fs::set_permissions(folder.path().join("tsa.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    assert_snapshot!(refused(folder.path()), @"others may read `FOLDER/tsa.pem` (mode 0644); it must be 0600");
}

#[test]
fn a_folder_that_is_not_in_order_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    OwnAuthority::open(path).unwrap();
    let secret = fs::read_to_string(path.join("tsa.pem")).unwrap();

    fs::write(path.join("tsa.pem"), "").unwrap();
    assert_snapshot!(refused(path), @"`FOLDER/tsa.pem` is broken: no usable private key; expected a private key and two certificates in PEM");
    fs::write(path.join("tsa.pem"), &secret[..secret.len() / 2]).unwrap();
    assert_snapshot!(refused(path), @"`FOLDER/tsa.pem` is broken: no usable pair of certificates; expected a private key and two certificates in PEM");
    assert_eq!(fs::read_to_string(path.join("tsa.pem")).unwrap(), secret[..secret.len() / 2]);

    fs::write(path.join("tsa.pem"), &secret).unwrap();
    fs::write(path.join("anchor.pem"), "another").unwrap();
    assert_snapshot!(refused(path), @"`FOLDER/anchor.pem` is not the anchor in `FOLDER/tsa.pem`");
    fs::remove_file(path.join("anchor.pem")).unwrap();
    works(&OwnAuthority::open(path).unwrap());

    fs::remove_file(path.join("tsa.pem")).unwrap();
    assert_snapshot!(refused(path), @"`FOLDER/tsa.pem` is missing while `FOLDER/anchor.pem` is there; bring the key back, or move the folder away and keep the anchor, since it is what earlier tokens are checked against");
}

#[test]
fn a_key_with_the_certificate_of_another_is_refused() {
    let (_, one) = OwnAuthority::create().unwrap();
    let (_, mut two) = OwnAuthority::create().unwrap();
    let certificates = one.secret_pem.split_once("-----BEGIN CERTIFICATE").unwrap().1;
    let key = two.secret_pem.split_once("-----BEGIN CERTIFICATE").unwrap().0;
    two.secret_pem = format!("{key}-----BEGIN CERTIFICATE{certificates}");
    two.anchor_pem = one.anchor_pem;
    assert_snapshot!(text(&OwnAuthority::from_files(&two).unwrap_err()), @"key and certificates do not belong together: the signature is wrong");
}

#[test]
fn several_that_open_one_folder_at_once_become_the_same_authority() {
    let folder = tempdir().unwrap();
    let anchors: Vec<String> = std::thread::scope(|scope| {
        let open = || OwnAuthority::open(folder.path()).unwrap().anchor_pem().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(anchors.iter().all(|anchor| *anchor == anchors[0]));
}

#[test]
fn the_key_is_not_shown() {
    let (tsa, files) = OwnAuthority::create().unwrap();
    assert!(!format!("{tsa:?}{files:?}").contains("PRIVATE"));
}
