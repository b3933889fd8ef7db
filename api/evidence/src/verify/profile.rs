//! Checks that a certificate is one that may sign time stamps (RFC 3161 section 2.3).

use der::Decode;
use der::oid::AssociatedOid;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};

use crate::token::TokenError;
use crate::wire::oid;

pub(super) fn check(certificate: &Certificate) -> Result<(), TokenError> {
    let Some((is_critical, purposes)) = extension::<ExtendedKeyUsage>(certificate)? else {
        return Err(TokenError::Profile("it has no extended key usage"));
    };
    if purposes.0 != [oid::TIME_STAMPING] {
        return Err(TokenError::Profile("its extended key usage is not timeStamping alone"));
    }
    if !is_critical {
        return Err(TokenError::Profile("its extended key usage is not critical"));
    }
    if extension::<BasicConstraints>(certificate)?.is_some_and(|(_, basic)| basic.ca) {
        return Err(TokenError::Profile("it is that of a certification authority"));
    }
    let allowed = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
    match extension::<KeyUsage>(certificate)? {
        Some((_, usage)) if usage.0.is_empty() || !(usage.0 - allowed).is_empty() => {
            Err(TokenError::Profile("its key usage is more than signing"))
        }
        _ => Ok(()),
    }
}

/// An extension, and whether it is critical.
pub(super) fn extension<T: for<'a> Decode<'a> + AssociatedOid>(
    certificate: &Certificate,
) -> Result<Option<(bool, T)>, TokenError> {
    let mut all = certificate.tbs_certificate.extensions.iter().flatten();
    let Some(found) = all.find(|extension| extension.extn_id == T::OID) else {
        return Ok(None);
    };
    let value = T::from_der(found.extn_value.as_bytes())
        .map_err(TokenError::malformed("an extension of the signer's certificate"))?;
    Ok(Some((found.critical, value)))
}
