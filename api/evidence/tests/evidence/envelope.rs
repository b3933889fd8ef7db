//! The envelope around a token: signers, certificates, content, encoding.

use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo, SignerInfos};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use evidence::wire::oid;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::forge::{Forge, bag, judge, pem, refusal, rewrapped};

fn signer_of(token: &[u8]) -> SignerInfo {
    let data: SignedData = ContentInfo::from_der(token).unwrap().content.decode_as().unwrap();
    data.signer_infos.0.get(0).unwrap().clone()
}

fn set_signers(data: &mut SignedData, signers: Vec<SignerInfo>) {
    data.signer_infos = SignerInfos(SetOfVec::try_from(signers).unwrap());
}

fn code(change: impl FnOnce(&mut SignedData)) -> &'static str {
    let forge = Forge::new();
    refusal(&rewrapped(&forge.token(), change), &forge.authority())
}

#[test]
fn a_token_has_exactly_one_signer() {
    assert_eq!(code(|data| set_signers(data, Vec::new())), "signer-count");
    let forge = Forge::new();
    let second = signer_of(&forge.token_with(|info| info.ordering = true));
    let two = rewrapped(&forge.token(), |data| {
        set_signers(data, vec![data.signer_infos.0.get(0).unwrap().clone(), second]);
    });
    assert_eq!(refusal(&two, &forge.authority()), "signer-count");
}

#[test]
fn another_content_is_refused() {
    let data = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
    assert_eq!(code(|d| d.encap_content_info.econtent_type = data), "content-type");
    assert_eq!(code(|data| data.encap_content_info.econtent = None), "malformed");
}

#[test]
fn another_message_than_signed_data_is_refused() {
    let forge = Forge::new();
    let mut info = ContentInfo::from_der(&forge.token()).unwrap();
    info.content_type = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
    assert_eq!(refusal(&info.to_der().unwrap(), &forge.authority()), "content-type");
}

#[test]
fn a_signature_over_nothing_but_the_content_is_refused() {
    let code = code(|data| {
        let mut signer = data.signer_infos.0.get(0).unwrap().clone();
        signer.signed_attrs = None;
        set_signers(data, vec![signer]);
    });
    assert_eq!(code, "attribute");
}

#[test]
fn a_wrong_signature_is_refused() {
    let forge = Forge::new();
    let theirs = signer_of(&forge.token_with(|info| info.ordering = true)).signature;
    let spoilt = rewrapped(&forge.token(), |data| {
        let mut signer = data.signer_infos.0.get(0).unwrap().clone();
        signer.signature = theirs;
        set_signers(data, vec![signer]);
    });
    assert_eq!(refusal(&spoilt, &forge.authority()), "signature");
}

#[test]
fn an_algorithm_that_does_not_fit_the_key_is_refused() {
    let code = code(|data| {
        let mut signer = data.signer_infos.0.get(0).unwrap().clone();
        signer.signature_algorithm.oid = oid::RSA;
        set_signers(data, vec![signer]);
    });
    assert_eq!(code, "algorithm");
}

#[test]
fn a_signature_algorithm_may_be_named_by_its_key_alone() {
    let forge = Forge::new();
    let token = rewrapped(&forge.token(), |data| {
        let mut signer = data.signer_infos.0.get(0).unwrap().clone();
        signer.signature_algorithm.oid = oid::EC_PUBLIC_KEY;
        set_signers(data, vec![signer]);
    });
    judge(&token, &forge.authority()).unwrap();
}

#[test]
fn a_token_without_certificates_needs_a_configured_one() {
    let forge = Forge::new();
    let bare = rewrapped(&forge.token(), |data| data.certificates = None);
    assert_eq!(refusal(&bare, &forge.authority()), "signer-missing");
    let extra = pem(&forge.certificate);
    judge(&bare, &forge.authority().with_extra_pem(extra.as_bytes()).unwrap()).unwrap();
}

// CVE-2026-39984: the checks were made on another certificate of the bag than the signer's.
#[test]
fn a_certificate_put_into_the_bag_changes_nothing() {
    let (forge, other) = (Forge::new(), Forge::new());
    let honest = judge(&forge.token(), &forge.authority()).unwrap();
    let stuffed = rewrapped(&forge.token(), |data| {
        data.certificates =
            Some(bag(&[&other.certificate, &other.anchor, &forge.certificate, &forge.anchor]));
    });
    assert_eq!(judge(&stuffed, &forge.authority()).unwrap(), honest);
}

// The same the other way round: a signer of no standing beside the certificate of a real authority.
#[test]
fn a_signer_does_not_borrow_the_standing_of_a_certificate_beside_it() {
    let (real, forge) = (Forge::new(), Forge::with(|profile| profile.purposes.clear()));
    let borrowed = rewrapped(&forge.token(), |data| {
        data.certificates = Some(bag(&[&real.certificate, &real.anchor, &forge.certificate]));
    });
    assert_eq!(refusal(&borrowed, &real.authority()), "profile");
    let forge = Forge::new();
    let borrowed = rewrapped(&forge.token(), |data| {
        data.certificates = Some(bag(&[&real.certificate, &real.anchor, &forge.certificate]));
    });
    assert_eq!(refusal(&borrowed, &real.authority()), "chain");
}

#[test]
fn a_certificate_of_the_same_issuer_and_number_is_not_the_signer_s() {
    let (forge, other) = (Forge::new(), Forge::new());
    let mut fake: Certificate = other.certificate;
    fake.tbs_certificate.serial_number = forge.certificate.tbs_certificate.serial_number.clone();
    let stuffed = rewrapped(&forge.token(), |data| data.certificates = Some(bag(&[&fake])));
    assert_eq!(refusal(&stuffed, &forge.authority()), "signing-certificate");
    let both = rewrapped(&forge.token(), |data| {
        data.certificates = Some(bag(&[&fake, &forge.certificate]));
    });
    judge(&both, &forge.authority()).unwrap();
}

#[test]
fn a_signer_may_be_named_by_its_key_identifier() {
    let forge = Forge::new();
    let extensions = forge.certificate.tbs_certificate.extensions.as_ref().unwrap();
    let id = extensions.iter().find(|e| e.extn_id == SubjectKeyIdentifier::OID).unwrap();
    let id = SubjectKeyIdentifier::from_der(id.extn_value.as_bytes()).unwrap();
    let named = |id: SubjectKeyIdentifier| {
        rewrapped(&forge.token(), |data| {
            let mut signer = data.signer_infos.0.get(0).unwrap().clone();
            signer.sid = SignerIdentifier::SubjectKeyIdentifier(id);
            set_signers(data, vec![signer]);
        })
    };
    judge(&named(id), &forge.authority()).unwrap();
    let nobody = SubjectKeyIdentifier(OctetString::new([0; 20]).unwrap());
    assert_eq!(refusal(&named(nobody), &forge.authority()), "signer-missing");
}

#[test]
fn a_token_in_ber_holds_like_the_same_one_in_der() {
    let forge = Forge::new();
    let der = forge.token();
    // ContentInfo and its `[0]` with indefinite lengths; the content of long-form headers is kept.
    let body = |der: &[u8]| der[4..].to_vec();
    assert_eq!((der[0], der[1]), (0x30, 0x82));
    let inner = body(&der);
    let (kind, wrapped) = inner.split_at(11);
    assert_eq!((wrapped[0], wrapped[1]), (0xa0, 0x82));
    let mut ber = vec![0x30, 0x80];
    ber.extend(kind);
    ber.extend([0xa0, 0x80]);
    ber.extend(body(wrapped));
    ber.extend([0, 0, 0, 0]);
    assert_eq!(judge(&ber, &forge.authority()).unwrap(), judge(&der, &forge.authority()).unwrap());
}
