//! Signed attributes: what binds a signature to its content and its certificate.

use der::Encode;
use der::asn1::OctetString;
use evidence::wire::ess::{EssCertId, SigningCertificate};
use evidence::wire::oid;
use x509_cert::attr::Attribute;

use crate::forge::{Forge, attribute, bound_to, judge, refusal};

fn code(spoil: impl FnOnce(&mut Vec<Attribute>)) -> &'static str {
    let forge = Forge::new();
    refusal(&forge.sign(&Forge::info().to_der().unwrap(), spoil), &forge.authority())
}

fn replace(all: &mut Vec<Attribute>, new: Attribute) {
    all.retain(|attribute| attribute.oid != new.oid);
    all.push(new);
}

fn zeros(length: usize) -> OctetString {
    OctetString::new(vec![0; length]).unwrap()
}

#[test]
fn each_of_the_three_attributes_is_needed() {
    for oid in [oid::CONTENT_TYPE, oid::MESSAGE_DIGEST, oid::SIGNING_CERTIFICATE_V2] {
        assert_eq!(code(|all| all.retain(|attribute| attribute.oid != oid)), "attribute", "{oid}");
    }
}

#[test]
fn another_content_type_is_refused() {
    let other = attribute(oid::CONTENT_TYPE, &oid::SIGNED_DATA);
    assert_eq!(code(|all| replace(all, other)), "attribute");
}

#[test]
fn another_digest_is_refused() {
    let other = attribute(oid::MESSAGE_DIGEST, &zeros(32));
    assert_eq!(code(|all| replace(all, other)), "attribute");
}

#[test]
fn an_attribute_that_occurs_twice_is_refused() {
    assert_eq!(code(|all| all.push(attribute(oid::MESSAGE_DIGEST, &zeros(32)))), "attribute");
    assert_eq!(code(|all| all.push(attribute(oid::CONTENT_TYPE, &oid::SIGNED_DATA))), "attribute");
}

#[test]
fn a_signature_that_is_bound_to_another_certificate_is_refused() {
    let other = bound_to(&Forge::new().certificate);
    let other = attribute(oid::SIGNING_CERTIFICATE_V2, &other);
    assert_eq!(code(|all| replace(all, other)), "signing-certificate");
}

#[test]
fn a_wrong_old_attribute_beside_a_right_new_one_is_refused() {
    let id = EssCertId { cert_hash: zeros(20), issuer_serial: None };
    let old = SigningCertificate { certs: vec![id], policies: None };
    let code = code(|all| all.push(attribute(oid::SIGNING_CERTIFICATE, &old)));
    assert_eq!(code, "signing-certificate");
}

#[test]
fn the_old_attribute_alone_is_enough() {
    let forge = Forge::new();
    let der = forge.certificate.to_der().unwrap();
    let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    let id = EssCertId { cert_hash: OctetString::new(sha1.as_ref()).unwrap(), issuer_serial: None };
    let old = SigningCertificate { certs: vec![id], policies: None };
    let token = forge.sign(&Forge::info().to_der().unwrap(), |all| {
        all.retain(|attribute| attribute.oid != oid::SIGNING_CERTIFICATE_V2);
        all.push(attribute(oid::SIGNING_CERTIFICATE, &old));
    });
    judge(&token, &forge.authority()).unwrap();
}
