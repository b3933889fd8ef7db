//! Checks the signed attributes: what binds the signature to the content and to a certificate.

use cms::signed_data::SignerInfo;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};

use crate::digest::HashAlgorithm;
use crate::token::TokenError;
use crate::wire::ess::{SigningCertificate, SigningCertificateV2};
use crate::wire::oid;

/// What the attributes say that later steps need.
#[derive(Debug)]
pub(super) struct Attributes {
    /// The hash function of the signature.
    pub(super) digest: HashAlgorithm,
    /// The signer's certificate by SHA-1, and by a hash function of choice; one is there at least.
    pub(super) certificate: Option<SigningCertificate>,
    pub(super) certificate_v2: Option<SigningCertificateV2>,
}

impl Attributes {
    pub(super) fn check(signer: &SignerInfo, info_der: &[u8]) -> Result<Self, TokenError> {
        check_content_type(signer)?;
        let digest = check_message_digest(signer, info_der)?;
        let name = "signing-certificate";
        let certificate = single(signer, oid::SIGNING_CERTIFICATE, name)?
            .map(|value| SigningCertificate::from_der(&value))
            .transpose()
            .map_err(TokenError::malformed(name))?;
        let name = "signing-certificate-v2";
        let certificate_v2 = single(signer, oid::SIGNING_CERTIFICATE_V2, name)?
            .map(|value| SigningCertificateV2::from_der(&value))
            .transpose()
            .map_err(TokenError::malformed(name))?;
        if certificate.is_none() && certificate_v2.is_none() {
            return Err(TokenError::Attribute { name: "signing-certificate", problem: "absent" });
        }
        Ok(Self { digest, certificate, certificate_v2 })
    }
}

/// RFC 5652 section 11.1.
fn check_content_type(signer: &SignerInfo) -> Result<(), TokenError> {
    let name = "content-type";
    let value = single(signer, oid::CONTENT_TYPE, name)?
        .ok_or(TokenError::Attribute { name, problem: "absent" })?;
    let found = ObjectIdentifier::from_der(&value).map_err(TokenError::malformed(name))?;
    if found != oid::TST_INFO {
        return Err(TokenError::Attribute { name, problem: "not id-ct-TSTInfo" });
    }
    Ok(())
}

/// RFC 5652 section 11.2.
fn check_message_digest(signer: &SignerInfo, info_der: &[u8]) -> Result<HashAlgorithm, TokenError> {
    let name = "message-digest";
    let digest = HashAlgorithm::from_oid(signer.digest_alg.oid)
        .ok_or(TokenError::Hash(signer.digest_alg.oid))?;
    let value = single(signer, oid::MESSAGE_DIGEST, name)?
        .ok_or(TokenError::Attribute { name, problem: "absent" })?;
    let found = OctetStringRef::from_der(&value).map_err(TokenError::malformed(name))?;
    if found.as_bytes() != digest.digest(info_der) {
        return Err(TokenError::Attribute { name, problem: "not that of TSTInfo" });
    }
    Ok(digest)
}

/// The value of an attribute that may occur once, with one value.
fn single(
    signer: &SignerInfo,
    oid: ObjectIdentifier,
    name: &'static str,
) -> Result<Option<Vec<u8>>, TokenError> {
    let all = signer.signed_attrs.as_ref().into_iter().flat_map(|set| set.iter());
    let mut found = all.filter(|attribute| attribute.oid == oid);
    let Some(attribute) = found.next() else {
        return Ok(None);
    };
    let (Some(value), 1, None) = (attribute.values.get(0), attribute.values.len(), found.next())
    else {
        return Err(TokenError::Attribute { name, problem: "not there once with one value" });
    };
    value.to_der().map(Some).map_err(TokenError::malformed(name))
}
