//! An authority that makes whatever token a test wants, right or wrong.

// By their paths, since the benchmarks use this too.
#[path = "forge/certificate.rs"]
mod certificate;
#[path = "forge/key.rs"]
mod key;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use der::asn1::{Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence, Tag};
use evidence::wire::ess::{EssCertIdV2, SigningCertificateV2};
use evidence::wire::{Accuracy, MessageImprint, PkiStatusInfo, TimeStampReq, TstInfo, oid};
use evidence::{Authority, Digest, GenTime, HashAlgorithm, TokenError, Verified, sha256, verify};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;

pub(crate) use certificate::{Profile, issue};
pub(crate) use key::{Key, Kind};

/// When forged tokens are made.
pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const DAY: u64 = 24 * 3600;
/// What forged tokens are for.
pub(crate) const DATA: &[u8] = b"proof of check";
pub(crate) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.1");
pub(crate) const ANCHOR_NAME: &str = "CN=Forged anchor,O=test";

pub(crate) struct Forge {
    pub(crate) anchor: Certificate,
    pub(crate) anchor_key: Key,
    pub(crate) certificate: Certificate,
    pub(crate) key: Key,
}

impl Forge {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Profile)) -> Self {
        Self::of(Kind::P256, change)
    }

    pub(crate) fn of(kind: Kind, change: impl FnOnce(&mut Profile)) -> Self {
        let (anchor_key, key) = (Key::generate(kind), Key::generate(kind));
        let mut profile = Profile::signer();
        change(&mut profile);
        Self {
            anchor: issue(ANCHOR_NAME, &anchor_key, ANCHOR_NAME, &anchor_key, &Profile::anchor()),
            certificate: issue("CN=Forged TSA,O=test", &key, ANCHOR_NAME, &anchor_key, &profile),
            anchor_key,
            key,
        }
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::from_pem("forged", pem(&self.anchor).as_bytes()).unwrap()
    }

    pub(crate) fn signer_sha256(&self) -> String {
        hex::encode(sha256(&self.certificate.to_der().unwrap()))
    }

    /// What a right token over [`DATA`] says.
    pub(crate) fn info() -> TstInfo {
        TstInfo {
            version: 1,
            policy: POLICY,
            message_imprint: MessageImprint {
                hash_algorithm: HashAlgorithm::Sha256.identifier(),
                hashed_message: OctetString::new(sha256(DATA).as_slice()).unwrap(),
            },
            serial_number: Int::new(&[7; 16]).unwrap(),
            gen_time: GenTime::new(Duration::from_millis(NOW * 1000 + 250)),
            accuracy: Some(Accuracy { seconds: Some(1), millis: None, micros: None }),
            ordering: false,
            nonce: None,
            tsa: None,
            extensions: None,
        }
    }

    /// A right token over [`DATA`].
    pub(crate) fn token(&self) -> Vec<u8> {
        self.token_saying(&Self::info())
    }

    pub(crate) fn token_over(&self, digest: &Digest) -> Vec<u8> {
        self.token_with(|info| {
            info.message_imprint.hashed_message = OctetString::new(digest.as_slice()).unwrap();
        })
    }

    pub(crate) fn token_with(&self, change: impl FnOnce(&mut TstInfo)) -> Vec<u8> {
        let mut info = Self::info();
        change(&mut info);
        self.token_saying(&info)
    }

    pub(crate) fn token_saying(&self, info: &TstInfo) -> Vec<u8> {
        self.sign(&info.to_der().unwrap(), |_| {})
    }

    /// Signs these bytes with attributes that a test may spoil.
    pub(crate) fn sign(&self, info: &[u8], spoil: impl FnOnce(&mut Vec<Attribute>)) -> Vec<u8> {
        let hash = self.key.kind.hash();
        let tbs = &self.certificate.tbs_certificate;
        let digest = OctetString::new(hash.digest(info)).unwrap();
        let mut attributes = vec![
            attribute(oid::CONTENT_TYPE, &oid::TST_INFO),
            attribute(oid::MESSAGE_DIGEST, &digest),
            attribute(oid::SIGNING_CERTIFICATE_V2, &bound_to(&self.certificate)),
        ];
        spoil(&mut attributes);
        let attributes = SignedAttributes::try_from(attributes).unwrap();
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: tbs.issuer.clone(),
                serial_number: tbs.serial_number.clone(),
            }),
            digest_alg: hash.identifier(),
            signature: OctetString::new(self.key.sign(&attributes.to_der().unwrap())).unwrap(),
            signed_attrs: Some(attributes),
            signature_algorithm: self.key.algorithm(),
            unsigned_attrs: None,
        };
        let signed_data = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![hash.identifier()]).unwrap(),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: oid::TST_INFO,
                econtent: Some(Any::new(Tag::OctetString, info).unwrap()),
            },
            certificates: Some(bag(&[&self.certificate, &self.anchor])),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer]).unwrap()),
        };
        wrapped(&signed_data)
    }

    /// Grants a request without looking at it.
    pub(crate) fn respond(&self, request: &[u8]) -> Vec<u8> {
        let request = TimeStampReq::from_der(request).unwrap();
        let token = self.token_with(|info| {
            info.message_imprint = request.message_imprint;
            info.nonce = request.nonce;
        });
        answer(0, Some(&token))
    }
}

/// Takes a token apart, lets a test change it, and puts it together again.
pub(crate) fn rewrapped(token: &[u8], change: impl FnOnce(&mut SignedData)) -> Vec<u8> {
    let mut signed_data: SignedData =
        ContentInfo::from_der(token).unwrap().content.decode_as().unwrap();
    change(&mut signed_data);
    wrapped(&signed_data)
}

pub(crate) fn wrapped(signed_data: &SignedData) -> Vec<u8> {
    let content = Any::encode_from(signed_data).unwrap();
    ContentInfo { content_type: oid::SIGNED_DATA, content }.to_der().unwrap()
}

/// An answer with this status.
pub(crate) fn answer(status: u8, token: Option<&[u8]>) -> Vec<u8> {
    let status = PkiStatusInfo { status, status_string: None, fail_info: None };
    Answer { status, token: token.map(|token| Any::from_der(token).unwrap()) }.to_der().unwrap()
}

/// `TimeStampResp`.
#[derive(Sequence)]
pub(crate) struct Answer {
    pub(crate) status: PkiStatusInfo,
    #[asn1(optional = "true")]
    pub(crate) token: Option<Any>,
}

pub(crate) fn attribute(oid: ObjectIdentifier, value: &impl Encode) -> Attribute {
    let value = Any::from_der(&value.to_der().unwrap()).unwrap();
    Attribute { oid, values: SetOfVec::try_from(vec![value]).unwrap() }
}

pub(crate) fn bound_to(certificate: &Certificate) -> SigningCertificateV2 {
    let digest = sha256(&certificate.to_der().unwrap());
    let cert_hash = OctetString::new(digest.as_slice()).unwrap();
    let id = EssCertIdV2 { hash_algorithm: None, cert_hash, issuer_serial: None };
    SigningCertificateV2 { certs: vec![id], policies: None }
}

pub(crate) fn bag(certificates: &[&Certificate]) -> CertificateSet {
    let choices = certificates.iter().map(|c| CertificateChoices::Certificate((*c).clone()));
    CertificateSet::try_from(choices.collect::<Vec<_>>()).unwrap()
}

pub(crate) fn pem(certificate: &Certificate) -> String {
    use der::EncodePem;
    certificate.to_pem(der::pem::LineEnding::LF).unwrap()
}

/// Judges a token over [`DATA`].
pub(crate) fn judge(token: &[u8], authority: &Authority) -> Result<Verified, TokenError> {
    verify(token, &sha256(DATA), authority)
}

/// The code with which a token over [`DATA`] is refused.
pub(crate) fn refusal(token: &[u8], authority: &Authority) -> &'static str {
    judge(token, authority).unwrap_err().code()
}

/// An error with its causes, as a person reads it.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
