//! Issues the anchor and the one certificate that signs time stamps (RFC 5280, RFC 3161 2.3).

use std::str::FromStr;
use std::time::Duration;

use der::asn1::{BitString, GeneralizedTime, OctetString, UtcTime};
use der::oid::AssociatedOid;
use der::{DateTime, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

use super::OwnAuthorityError;
use super::key::Key;
use crate::digest::sha256;
use crate::random;
use crate::wire::oid;

/// How long the certificates are valid. Neither can be renewed, as the anchor's key is gone.
const LIFETIME: Duration = Duration::from_hours(24 * 3650);
/// Clocks of other machines may be behind.
const BACKDATED: Duration = Duration::from_hours(1);

/// What an own authority consists of.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) key: Key,
    pub(super) certificate: Certificate,
    pub(super) anchor: Certificate,
}

/// A new key with its certificate, under a new anchor whose key is dropped here.
pub(super) fn issue(now: Duration) -> Result<Issued, OwnAuthorityError> {
    let (anchor_key, key) = (Key::generate()?, Key::generate()?);
    let number = hex::encode(random::positive::<4>());
    let anchor_name = name(&format!("Vedette own anchor {number}"))?;
    let validity = Validity {
        not_before: time(now.saturating_sub(BACKDATED))?,
        not_after: time(now.saturating_add(LIFETIME))?,
    };
    let anchor = Draft {
        subject: anchor_name.clone(),
        key: &anchor_key,
        extensions: vec![
            extension(true, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?,
            extension(true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?,
        ],
    };
    let leaf = Draft {
        subject: name(&format!("Vedette own time stamps {number}"))?,
        key: &key,
        extensions: vec![
            extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?,
            extension(true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
            extension(true, &ExtendedKeyUsage(vec![oid::TIME_STAMPING]))?,
        ],
    };
    Ok(Issued {
        anchor: anchor.sign(&anchor_name, &anchor_key, validity)?,
        certificate: leaf.sign(&anchor_name, &anchor_key, validity)?,
        key,
    })
}

/// What is particular to one of the two certificates.
struct Draft<'a> {
    subject: Name,
    key: &'a Key,
    extensions: Vec<Extension>,
}

impl Draft<'_> {
    fn sign(
        mut self,
        issuer: &Name,
        issuer_key: &Key,
        validity: Validity,
    ) -> Result<Certificate, OwnAuthorityError> {
        let issuer_id =
            AuthorityKeyIdentifier { key_identifier: Some(key_id(issuer_key)?), ..<_>::default() };
        self.extensions.push(extension(false, &SubjectKeyIdentifier(key_id(self.key)?))?);
        self.extensions.push(extension(false, &issuer_id)?);
        let tbs_certificate = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&random::positive::<16>())?,
            signature: Key::signature_algorithm(),
            issuer: issuer.clone(),
            validity,
            subject: self.subject,
            subject_public_key_info: self.key.public()?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions),
        };
        let signature = issuer_key.sign(&tbs_certificate.to_der()?)?;
        Ok(Certificate {
            tbs_certificate,
            signature_algorithm: Key::signature_algorithm(),
            signature: BitString::from_bytes(&signature)?,
        })
    }
}

fn name(common_name: &str) -> der::Result<Name> {
    Name::from_str(&format!("CN={common_name},O=self-signed"))
}

fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// The first 160 bits of the key's SHA-256 (RFC 7093 section 2).
fn key_id(key: &Key) -> der::Result<OctetString> {
    let digest = sha256(key.public()?.subject_public_key.raw_bytes());
    OctetString::new(digest.get(..20).unwrap_or_default())
}

/// `UTCTime` until 2049, `GeneralizedTime` from then on (RFC 5280 section 4.1.2.5).
fn time(since_1970: Duration) -> der::Result<Time> {
    let whole = DateTime::from_unix_duration(Duration::from_secs(since_1970.as_secs()))?;
    if whole.year() <= UtcTime::MAX_YEAR {
        return Ok(Time::UtcTime(UtcTime::from_date_time(whole)?));
    }
    Ok(Time::GeneralTime(GeneralizedTime::from_date_time(whole)))
}
