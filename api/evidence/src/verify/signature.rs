//! Checks the signature over the attributes as they were received (RFC 5652 section 5.4).

use cms::signed_data::SignerInfo;
use der::{Encode, Tag};
use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_cert::Certificate;

use super::algorithms;
use crate::digest::HashAlgorithm;
use crate::tlv::content;
use crate::token::{Token, TokenError};

pub(super) fn check(
    certificate: &Certificate,
    signer: &SignerInfo,
    digest: HashAlgorithm,
    token: &Token<'_>,
) -> Result<(), TokenError> {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    let unsupported =
        || TokenError::Algorithm { signature: signer.signature_algorithm.oid, digest };
    let key_identifier = inner(&key.algorithm)?;
    let signature_identifier = match algorithms::completed(signer.signature_algorithm.oid, digest) {
        Some(identifier) => identifier.to_vec(),
        None => inner(&signer.signature_algorithm)?,
    };
    let algorithm: &dyn SignatureVerificationAlgorithm =
        algorithms::find(&key_identifier, &signature_identifier).ok_or_else(unsupported)?;

    // The attributes are sent as `[0]` and signed as a SET (RFC 5652 section 5.4).
    let mut message = token.signed_attributes.to_vec();
    if let Some(tag) = message.first_mut() {
        *tag = Tag::Set.octet();
    }
    algorithm
        .verify_signature(key.subject_public_key.raw_bytes(), &message, signer.signature.as_bytes())
        .map_err(|_| TokenError::Signature)
}

/// An algorithm identifier without the header of its sequence, as webpki lists them.
fn inner(identifier: &impl Encode) -> Result<Vec<u8>, TokenError> {
    let malformed = || TokenError::malformed("an algorithm identifier");
    let der = identifier.to_der().map_err(malformed())?;
    content(&der, Tag::Sequence).map(<[u8]>::to_vec).map_err(malformed())
}
