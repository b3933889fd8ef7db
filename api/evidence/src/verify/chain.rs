//! Checks that the signer leads to an anchor of the authority, at the time in the token.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::algorithms;
use super::signer::{Signer, known_certificates};
use crate::token::{Token, TokenError};
use crate::trust::{Anchor, Authority};
use crate::wire::oid;

/// The name of the anchor (RFC 5280 section 6.1).
pub(super) fn check(
    signer: &Signer<'_>,
    token: &Token<'_>,
    authority: &Authority,
) -> Result<String, TokenError> {
    let broken = |source| TokenError::Chain { authority: authority.name().to_owned(), source };
    let gen_time = token.info.gen_time;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(gen_time.unix_seconds()));

    let leaf = CertificateDer::from(signer.der);
    let leaf = EndEntityCert::try_from(&leaf).map_err(broken)?;
    let anchors: Vec<TrustAnchor<'_>> =
        authority.anchors().iter().map(|anchor| anchor.trusted.clone()).collect();
    let others = known_certificates(token, authority).filter(|der| *der != signer.der);
    let intermediates: Vec<_> = others.map(CertificateDer::from).collect();
    // `required` would ask for the key usage on every intermediate too, where few have it; on the
    // signer itself its presence has been checked.
    let usage = KeyUsage::required_if_present(oid::TIME_STAMPING.as_bytes());
    let path = leaf
        .verify_for_usage(&algorithms::ALL, &anchors, &intermediates, at, usage, None, None)
        .map_err(broken)?;

    let reached: Vec<&Anchor> =
        authority.anchors().iter().filter(|anchor| anchor.is(path.anchor())).collect();
    let is_valid = |anchor: &&&Anchor| anchor.is_valid_at(gen_time.unix_seconds());
    match (reached.iter().find(is_valid), reached.first()) {
        (Some(anchor), _) => Ok(anchor.subject()),
        (None, invalid) => Err(TokenError::AnchorValidity {
            anchor: invalid.map(|anchor| anchor.subject()).unwrap_or_default(),
            gen_time: gen_time.to_rfc3339(),
        }),
    }
}
