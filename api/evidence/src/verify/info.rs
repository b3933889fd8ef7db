//! Checks what the token says: `TSTInfo` (RFC 3161 section 2.4.2).

use der::asn1::ObjectIdentifier;
use der::{Decode, Tag};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use super::Expected;
use crate::digest::HashAlgorithm;
use crate::tlv::{content, elements};
use crate::token::TokenError;
use crate::wire::{MessageImprint, TstInfo, oid};

/// Longest serial number: 160 bits, and one byte for the sign.
const MAX_SERIAL_BYTES: usize = 21;

pub(super) fn check(
    info: &TstInfo,
    expected: Expected<'_>,
    policies: &[ObjectIdentifier],
) -> Result<(), TokenError> {
    if info.version != 1 {
        return Err(TokenError::Version("TSTInfo"));
    }
    check_imprint(&info.message_imprint, expected)?;
    if expected.nonce.is_some() && info.nonce.as_ref() != expected.nonce {
        return Err(TokenError::Nonce);
    }
    let is_listed = policies.is_empty() || policies.contains(&info.policy);
    if !is_listed || expected.policy.is_some_and(|policy| policy != info.policy) {
        return Err(TokenError::Policy(info.policy));
    }
    let mut extensions = info.extensions.iter().flatten();
    if let Some(unknown) = extensions.find(|e| e.critical && e.extn_id != oid::QC_STATEMENTS) {
        return Err(TokenError::Extension(unknown.extn_id));
    }
    if info.accuracy.is_some_and(|accuracy| !accuracy.is_in_range()) {
        return Err(TokenError::Accuracy);
    }
    if info.serial_number.as_bytes().len() > MAX_SERIAL_BYTES {
        return Err(TokenError::Serial);
    }
    Ok(())
}

fn check_imprint(imprint: &MessageImprint, expected: Expected<'_>) -> Result<(), TokenError> {
    let algorithm = &imprint.hash_algorithm;
    let hash = HashAlgorithm::from_oid(algorithm.oid).ok_or(TokenError::Hash(algorithm.oid))?;
    let has_parameters = algorithm.parameters.as_ref().is_some_and(|any| !any.is_null());
    let digest = imprint.hashed_message.as_bytes();
    if hash != expected.hash || has_parameters || digest != expected.imprint {
        return Err(TokenError::Imprint);
    }
    Ok(())
}

/// Where the token names its authority by a directory name, it must be the signer.
pub(super) fn check_tsa_name(info: &TstInfo, signer: &Name) -> Result<(), TokenError> {
    match &info.tsa {
        Some(GeneralName::DirectoryName(name)) if name != signer => Err(TokenError::TsaName),
        _ => Ok(()),
    }
}

/// Whether the token states that it is a qualified time stamp (EN 319 422 section 9.1).
pub(super) fn is_qualified(info: &TstInfo) -> bool {
    let mut extensions = info.extensions.iter().flatten();
    let Some(statements) = extensions.find(|e| e.extn_id == oid::QC_STATEMENTS) else {
        return false;
    };
    let statements = content(statements.extn_value.as_bytes(), Tag::Sequence).and_then(elements);
    statements.unwrap_or_default().into_iter().any(|statement| {
        let parts = content(statement, Tag::Sequence).and_then(elements).unwrap_or_default();
        let id = parts.first().and_then(|id| ObjectIdentifier::from_der(id).ok());
        id == Some(oid::QUALIFIED_TIME_STAMP)
    })
}
