//! Finds the signer's certificate by what the signature is bound to, never by its place in a bag.

use cms::signed_data::SignerIdentifier;
use der::Decode;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;

use super::attributes::Attributes;
use super::profile::extension;
use crate::digest::{HashAlgorithm, sha1};
use crate::token::{Token, TokenError};
use crate::trust::Authority;
use crate::wire::ess::{EssCertId, EssCertIdV2, IssuerSerial};

/// The certificate of the one who signed.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) der: &'a [u8],
    pub(super) certificate: Certificate,
}

impl<'a> Signer<'a> {
    /// The certificate that the signer identifier *and* every signing-certificate attribute name
    /// (RFC 5652 section 5.3, RFC 5816 section 2.2.1).
    pub(super) fn find(
        token: &Token<'a>,
        attributes: &Attributes,
        authority: &'a Authority,
    ) -> Result<Self, TokenError> {
        let mut reason = TokenError::SignerMissing;
        for der in known_certificates(token, authority) {
            let Ok(certificate) = Certificate::from_der(der) else {
                continue;
            };
            let candidate = Self { der, certificate };
            if !candidate.is_named_by(&token.signer.sid) {
                continue;
            }
            if candidate.is_bound_by(attributes) {
                return Ok(candidate);
            }
            reason = TokenError::SigningCertificate;
        }
        Err(reason)
    }

    fn is_named_by(&self, identifier: &SignerIdentifier) -> bool {
        match identifier {
            SignerIdentifier::IssuerAndSerialNumber(id) => {
                let tbs = &self.certificate.tbs_certificate;
                id.issuer == tbs.issuer && id.serial_number == tbs.serial_number
            }
            SignerIdentifier::SubjectKeyIdentifier(id) => {
                let own = extension::<SubjectKeyIdentifier>(&self.certificate);
                own.is_ok_and(|own| own.is_some_and(|(_, own)| own == *id))
            }
        }
    }

    // Both attributes must hold where both are there: a verifier that prefers one of them can be
    // led to another certificate than the next verifier.
    fn is_bound_by(&self, attributes: &Attributes) -> bool {
        let old = attributes.certificate.as_ref();
        let new = attributes.certificate_v2.as_ref();
        old.is_none_or(|a| a.certs.first().is_some_and(|id| self.matches(id)))
            && new.is_none_or(|a| a.certs.first().is_some_and(|id| self.matches_v2(id)))
    }

    fn matches(&self, id: &EssCertId) -> bool {
        id.cert_hash.as_bytes() == sha1(self.der) && self.is_issued_as(id.issuer_serial.as_ref())
    }

    fn matches_v2(&self, id: &EssCertIdV2) -> bool {
        let hash = match &id.hash_algorithm {
            Some(algorithm) => HashAlgorithm::from_oid(algorithm.oid),
            None => Some(HashAlgorithm::Sha256),
        };
        hash.is_some_and(|hash| id.cert_hash.as_bytes() == hash.digest(self.der))
            && self.is_issued_as(id.issuer_serial.as_ref())
    }

    fn is_issued_as(&self, id: Option<&IssuerSerial>) -> bool {
        let tbs = &self.certificate.tbs_certificate;
        id.is_none_or(|id| {
            id.serial_number == tbs.serial_number
                && matches!(&id.issuer[..], [GeneralName::DirectoryName(name)] if *name == tbs.issuer)
        })
    }
}

/// The certificates in the token, then those that are configured for this authority.
pub(super) fn known_certificates<'a>(
    token: &Token<'a>,
    authority: &'a Authority,
) -> impl Iterator<Item = &'a [u8]> {
    let anchors = authority.anchors().iter().map(|anchor| anchor.der.as_slice());
    let configured = authority.extra().iter().map(Vec::as_slice).chain(anchors);
    token.certificates.clone().into_iter().chain(configured)
}
