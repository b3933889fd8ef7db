//! Makes a token for a request that can be granted (RFC 3161 section 2.4).

use std::time::Duration;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use der::asn1::{Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Tag};
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;

use super::key::Key;
use super::{OwnAuthority, OwnAuthorityError, Rejection};
use crate::digest::{HashAlgorithm, sha256};
use crate::gen_time::GenTime;
use crate::random;
use crate::response::FailInfo;
use crate::wire::ess::{EssCertIdV2, IssuerSerial, SigningCertificateV2};
use crate::wire::{Accuracy, TimeStampReq, TstInfo, oid};

/// Policy of our own tokens, under the arc that needs no registration (X.667 section 7).
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.1446123405.1.1");
/// Most bytes of a request; its nonce comes back in the token, whatever its length.
const MAX_REQUEST: usize = 8 * 1024;
/// How far the system's clock may be off.
const ACCURACY: Accuracy = Accuracy { seconds: Some(1), millis: None, micros: None };

impl OwnAuthority {
    pub(super) fn grant(&self, request: &[u8], now: Duration) -> Result<Vec<u8>, Rejection> {
        if request.len() > MAX_REQUEST {
            return Err(Rejection::of(FailInfo::BadRequest, "the request is too long"));
        }
        let request = TimeStampReq::from_der(request)
            .map_err(|_| Rejection::of(FailInfo::BadDataFormat, "not a TimeStampReq in DER"))?;
        check(&request)?;
        if !self.is_valid_at(now) {
            return Err(Rejection::of(FailInfo::TimeNotAvailable, "the certificate has expired"));
        }
        self.token(&request, now)
            .map_err(|error| Rejection::of(FailInfo::SystemFailure, &error.to_string()))
    }

    pub(super) fn middle_of_validity(&self) -> Duration {
        let (from, until) = self.validity();
        (from + until) / 2
    }

    fn is_valid_at(&self, now: Duration) -> bool {
        let (from, until) = self.validity();
        (from..=until).contains(&now)
    }

    fn validity(&self) -> (Duration, Duration) {
        let validity = &self.certificate.tbs_certificate.validity;
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration())
    }

    fn token(&self, request: &TimeStampReq, now: Duration) -> Result<Vec<u8>, OwnAuthorityError> {
        let whole_ms = Duration::new(now.as_secs(), now.subsec_millis() * 1_000_000);
        let info = TstInfo {
            version: 1,
            policy: POLICY,
            message_imprint: request.message_imprint.clone(),
            serial_number: Int::new(&random::positive::<16>())?,
            gen_time: GenTime::new(whole_ms),
            accuracy: Some(ACCURACY),
            ordering: false,
            nonce: request.nonce.clone(),
            tsa: None,
            extensions: None,
        };
        let info = info.to_der()?;
        let certificates = [&self.certificate, &self.anchor]
            .map(|certificate| CertificateChoices::Certificate(certificate.clone()));
        let signed_data = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![HashAlgorithm::Sha256.identifier()])?,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![self.signer_info(&info)?])?),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: oid::TST_INFO,
                econtent: Some(Any::new(Tag::OctetString, info)?),
            },
            certificates: if request.cert_req {
                Some(CertificateSet::try_from(certificates.to_vec())?)
            } else {
                None
            },
            crls: None,
        };
        let content = Any::encode_from(&signed_data)?;
        Ok(ContentInfo { content_type: oid::SIGNED_DATA, content }.to_der()?)
    }

    fn signer_info(&self, info: &[u8]) -> Result<SignerInfo, OwnAuthorityError> {
        let tbs = &self.certificate.tbs_certificate;
        let attributes = SignedAttributes::try_from(vec![
            attribute(oid::CONTENT_TYPE, &oid::TST_INFO)?,
            attribute(oid::MESSAGE_DIGEST, &OctetString::new(sha256(info).as_slice())?)?,
            attribute(oid::SIGNING_CERTIFICATE_V2, &self.signing_certificate()?)?,
        ])?;
        let signature = self.key.sign(&attributes.to_der()?)?;
        Ok(SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: tbs.issuer.clone(),
                serial_number: tbs.serial_number.clone(),
            }),
            digest_alg: HashAlgorithm::Sha256.identifier(),
            signed_attrs: Some(attributes),
            signature_algorithm: Key::signature_algorithm(),
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        })
    }

    fn signing_certificate(&self) -> der::Result<SigningCertificateV2> {
        let tbs = &self.certificate.tbs_certificate;
        let id = EssCertIdV2 {
            hash_algorithm: None,
            cert_hash: OctetString::new(sha256(&self.certificate.to_der()?).as_slice())?,
            issuer_serial: Some(IssuerSerial {
                issuer: vec![GeneralName::DirectoryName(tbs.issuer.clone())],
                serial_number: tbs.serial_number.clone(),
            }),
        };
        Ok(SigningCertificateV2 { certs: vec![id], policies: None })
    }
}

impl Rejection {
    fn of(fail_info: FailInfo, text: &str) -> Self {
        Self { fail_info, text: text.to_owned() }
    }
}

fn check(request: &TimeStampReq) -> Result<(), Rejection> {
    let imprint = &request.message_imprint;
    let algorithm = HashAlgorithm::from_oid(imprint.hash_algorithm.oid)
        .ok_or_else(|| Rejection::of(FailInfo::BadAlg, "SHA-256, SHA-384 or SHA-512, please"))?;
    if request.version != 1 {
        return Err(Rejection::of(FailInfo::BadRequest, "version 1 is the only one"));
    }
    if imprint.hashed_message.as_bytes().len() != algorithm.digest_len() {
        let text = "the digest's length is not that of its hash function";
        return Err(Rejection::of(FailInfo::BadDataFormat, text));
    }
    if request.req_policy.is_some_and(|policy| policy != POLICY) {
        return Err(Rejection::of(FailInfo::UnacceptedPolicy, "this policy is not offered"));
    }
    if request.extensions.iter().flatten().next().is_some() {
        return Err(Rejection::of(FailInfo::UnacceptedExtension, "no extension is supported"));
    }
    Ok(())
}

fn attribute(oid: ObjectIdentifier, value: &impl Encode) -> der::Result<Attribute> {
    let value = Any::from_der(&value.to_der()?)?;
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? })
}
