//! The authority of one installation and the certificate of its server.

use std::{fs, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use runtime::Clock;
use time::OffsetDateTime;

use super::{Folder, ProsodyError};

const YEAR: Duration = Duration::from_hours(365 * 24);

/// A server's certificate is made anew at a start when it is older than this; it is good for
/// twice as long.
const RENEW: Duration = YEAR;

/// Makes the authority once, and the server's certificate when there is none, or an old one.
pub(super) fn renew(folder: &Folder, domain: &str) -> Result<(), ProsodyError> {
    if is_fresh(folder, domain) {
        return Ok(());
    }
    let failed = ProsodyError::Certificate;
    let has_authority = folder.file("ca.pem").exists();
    let key = match fs::read_to_string(folder.file("ca.key")) {
        Ok(key) if has_authority => KeyPair::from_pem(&key).map_err(failed)?,
        _ => make_authority(folder)?,
    };
    let issuer = Issuer::new(authority(), key);
    let (certificate, key) = make_leaf(domain, &issuer).map_err(failed)?;
    folder.write("server.key", &key)?;
    // The authority's own stands in it too: who joins finds it by its fingerprint.
    let authority = folder.file("ca.pem");
    let authority = fs::read_to_string(&authority)
        .map_err(|source| ProsodyError::Folder { path: authority, source })?;
    folder.write("server.pem", &format!("{certificate}{authority}"))?;
    folder.write("server.domain", domain)?;
    Ok(())
}

fn is_fresh(folder: &Folder, domain: &str) -> bool {
    let same = fs::read_to_string(folder.file("server.domain")).is_ok_and(|it| it == domain);
    let made = fs::metadata(folder.file("server.pem")).and_then(|it| it.modified());
    let age = made.ok().and_then(|made| Clock::system().now().duration_since(made).ok());
    let chain = fs::read_to_string(folder.file("server.pem")).unwrap_or_default();
    let is_whole = chain.matches("BEGIN CERTIFICATE").count() > 1;
    same && is_whole && age.is_some_and(|age| age < RENEW)
}

/// What the authority says of itself; always the same, so that its certificates can be issued
/// with nothing but its key.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Vedette, authority of this installation");
    (params.not_before, params.not_after) = validity(10 * YEAR);
    params
}

fn make_authority(folder: &Folder) -> Result<KeyPair, ProsodyError> {
    let key = KeyPair::generate().map_err(ProsodyError::Certificate)?;
    let certificate = authority().self_signed(&key).map_err(ProsodyError::Certificate)?;
    folder.write("ca.key", &key.serialize_pem())?;
    folder.write("ca.pem", &certificate.pem())?;
    Ok(key)
}

fn make_leaf(domain: &str, issuer: &Issuer<'_, KeyPair>) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![domain.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, domain);
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = validity(2 * YEAR);
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}

/// From yesterday, since clocks differ, for so long.
fn validity(length: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(Clock::system().now());
    (now - Duration::from_hours(24), now + length)
}
