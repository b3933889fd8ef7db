//! Judges a token: one step after the other, and the first that fails is the answer.

mod algorithms;
mod attributes;
mod chain;
mod info;
mod profile;
mod signature;
mod signer;

use std::time::Duration;

use der::asn1::{Int, ObjectIdentifier};
use serde::Serialize;

use crate::digest::{Digest, HashAlgorithm, sha256};
use crate::gen_time::GenTime;
use crate::request::Request;
use crate::response::{self, MAX_RESPONSE};
use crate::token::{self, Token, TokenError};
use crate::trust::Authority;
use attributes::Attributes;
use signer::Signer;

/// What a token that was believed says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// When the authority saw the digest.
    pub gen_time: GenTime,
    /// How far off that can be, either way, in microseconds; nothing when the authority is silent.
    pub accuracy_us: Option<u64>,
    /// Whether tokens of this authority can be ordered by their times alone.
    pub ordering: bool,
    /// The token's serial number, hexadecimal.
    pub serial: String,
    /// Under which policy it was made, as an object identifier.
    pub policy: String,
    /// Whether the authority states that it is a qualified one (EN 319 422).
    pub qualified: bool,
    /// The hash function of what was stamped.
    pub hash: HashAlgorithm,
    /// Name of the signer, as its certificate has it.
    pub signer: String,
    /// SHA-256 of the signer's certificate, hexadecimal.
    pub signer_sha256: String,
    /// Name of the anchor to which the signer leads.
    pub anchor: String,
}

/// What a token must be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) hash: HashAlgorithm,
    pub(crate) imprint: &'a [u8],
    pub(crate) nonce: Option<&'a Int>,
    pub(crate) policy: Option<ObjectIdentifier>,
}

impl<'a> Expected<'a> {
    pub(crate) fn imprint(hash: HashAlgorithm, imprint: &'a [u8]) -> Self {
        Self { hash, imprint, nonce: None, policy: None }
    }
}

/// The token (DER) in an authority's answer to `request`, if it holds in every respect.
///
/// Beyond what [`verify`] does, the answer must be granted, repeat the nonce and the policy, and
/// its time must be within `skew` of `now_unix` (seconds since 1970).
pub fn accept(
    answer: &[u8],
    request: &Request,
    authority: &Authority,
    now_unix: u64,
    skew: Duration,
) -> Result<(Vec<u8>, Verified), TokenError> {
    if answer.len() > MAX_RESPONSE {
        return Err(TokenError::TooLarge { size: answer.len() });
    }
    let answer = response::in_der(answer);
    let (status, token) =
        response::split(&answer).map_err(TokenError::malformed("TimeStampResp"))?;
    response::check(&status)?;
    let token = token::in_der(token.ok_or(TokenError::NoToken)?);
    let expected = Expected {
        nonce: request.nonce(),
        policy: request.policy(),
        ..Expected::imprint(request.hash(), request.imprint())
    };
    let verified = judge(&Token::parse(&token)?, expected, authority)?;
    let off_by_s = verified.gen_time.unix_seconds().abs_diff(now_unix);
    if off_by_s > skew.as_secs() {
        return Err(TokenError::Time { gen_time: verified.gen_time.to_rfc3339(), off_by_s });
    }
    Ok((token.into_owned(), verified))
}

/// Checks offline that `token` is this authority's time stamp over `digest` (SHA-256).
///
/// Certificates are judged at the time in the token, so it holds after they have expired.
pub fn verify(
    token: &[u8],
    digest: &Digest,
    authority: &Authority,
) -> Result<Verified, TokenError> {
    let token = token::in_der(token);
    judge(&Token::parse(&token)?, Expected::imprint(HashAlgorithm::Sha256, digest), authority)
}

/// Until when a token can be verified without being renewed: the end of its signer's certificate,
/// or of the anchor that it leads to if that is earlier; in seconds since 1970.
pub fn valid_until(token: &[u8], authority: &Authority) -> Result<u64, TokenError> {
    let token = token::in_der(token);
    let token = Token::parse(&token)?;
    let attributes = Attributes::check(&token.signer, token.info_der)?;
    let signer = Signer::find(&token, &attributes, authority)?;
    let end = |it: &x509_cert::Certificate| {
        it.tbs_certificate.validity.not_after.to_unix_duration().as_secs()
    };
    let anchor = chain::check(&signer, &token, authority)?;
    let anchors = authority.anchors().iter().filter(|it| it.subject() == anchor);
    let anchor = anchors.map(|it| end(&it.certificate)).max().unwrap_or(u64::MAX);
    Ok(end(&signer.certificate).min(anchor))
}

/// Like [`verify`], against the first of several authorities that vouches for the token.
pub fn verify_any<'a>(
    token: &[u8],
    digest: &Digest,
    authorities: &'a [Authority],
) -> Result<(&'a Authority, Verified), TokenError> {
    verify_imprint(token, HashAlgorithm::Sha256, digest, authorities)
}

/// Checks offline that a token, or an authority's answer with one in it, is the time stamp of one
/// of these authorities over `data`, by whichever accepted hash function.
pub fn verify_data<'a>(
    stamp: &[u8],
    data: &[u8],
    authorities: &'a [Authority],
) -> Result<(&'a Authority, Verified), TokenError> {
    if stamp.len() > MAX_RESPONSE {
        return Err(TokenError::TooLarge { size: stamp.len() });
    }
    let answer = response::in_der(stamp);
    let token = match response::split(&answer) {
        Ok((status, token)) => {
            response::check(&status)?;
            token.ok_or(TokenError::NoToken)?
        }
        // Not an answer, so a token by itself, or nothing.
        Err(_) => stamp,
    };
    let token = token::in_der(token);
    let hash = Token::parse(&token)?.info.message_imprint.hash_algorithm.oid;
    let hash = HashAlgorithm::from_oid(hash).unwrap_or(HashAlgorithm::Sha256);
    verify_imprint(&token, hash, &hash.digest(data), authorities)
}

pub(crate) fn verify_imprint<'a>(
    token: &[u8],
    hash: HashAlgorithm,
    imprint: &[u8],
    authorities: &'a [Authority],
) -> Result<(&'a Authority, Verified), TokenError> {
    let token = token::in_der(token);
    let token = Token::parse(&token)?;
    let mut reason = TokenError::NoAuthority;
    for authority in authorities {
        match judge(&token, Expected::imprint(hash, imprint), authority) {
            Ok(verified) => return Ok((authority, verified)),
            Err(error) if error.is_about_the_authority() => {
                // That a token leads elsewhere says least of all.
                if matches!(reason, TokenError::NoAuthority | TokenError::Chain { .. }) {
                    reason = error;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(reason)
}

fn judge(
    token: &Token<'_>,
    expected: Expected<'_>,
    authority: &Authority,
) -> Result<Verified, TokenError> {
    let info = &token.info;
    info::check(info, expected, authority.policies())?;
    let attributes = Attributes::check(&token.signer, token.info_der)?;
    let signer = Signer::find(token, &attributes, authority)?;
    signature::check(&signer.certificate, &token.signer, attributes.digest, token)?;
    profile::check(&signer.certificate)?;
    let anchor = chain::check(&signer, token, authority)?;
    info::check_tsa_name(info, &signer.certificate.tbs_certificate.subject)?;
    Ok(Verified {
        gen_time: info.gen_time,
        accuracy_us: info.accuracy.map(|accuracy| accuracy.as_micros()),
        ordering: info.ordering,
        serial: hex::encode(info.serial_number.as_bytes()),
        policy: info.policy.to_string(),
        qualified: info::is_qualified(info),
        hash: expected.hash,
        signer: signer.certificate.tbs_certificate.subject.to_string(),
        signer_sha256: hex::encode(sha256(signer.der)),
        anchor,
    })
}
