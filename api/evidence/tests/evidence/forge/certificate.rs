//! Certificates of whatever profile a test wants.

use std::str::FromStr;
use std::time::Duration;

use der::Encode;
use der::asn1::{BitString, ObjectIdentifier, OctetString, UtcTime};
use der::oid::AssociatedOid;
use evidence::sha256;
use evidence::wire::oid;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

use super::key::Key;
use super::{DAY, NOW};

#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) purposes: Vec<ObjectIdentifier>,
    pub(crate) purposes_critical: bool,
    pub(crate) ca: bool,
    pub(crate) usage: KeyUsage,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

impl Profile {
    pub(crate) fn signer() -> Self {
        Self {
            purposes: vec![oid::TIME_STAMPING],
            purposes_critical: true,
            ca: false,
            usage: KeyUsage(KeyUsages::DigitalSignature.into()),
            not_before: NOW - DAY,
            not_after: NOW + 700 * DAY,
        }
    }

    pub(crate) fn anchor() -> Self {
        Self {
            purposes: Vec::new(),
            purposes_critical: false,
            ca: true,
            usage: KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
            not_before: NOW - 3000 * DAY,
            not_after: NOW + 3000 * DAY,
        }
    }
}

pub(crate) fn issue(
    subject: &str,
    key: &Key,
    issuer: &str,
    issuer_key: &Key,
    profile: &Profile,
) -> Certificate {
    let basic = BasicConstraints { ca: profile.ca, path_len_constraint: None };
    let key_id = sha256(key.public().subject_public_key.raw_bytes());
    let key_id = SubjectKeyIdentifier(OctetString::new(&key_id[..20]).unwrap());
    let mut extensions =
        vec![extension(true, &basic), extension(true, &profile.usage), extension(false, &key_id)];
    if !profile.purposes.is_empty() {
        let purposes = ExtendedKeyUsage(profile.purposes.clone());
        extensions.push(extension(profile.purposes_critical, &purposes));
    }
    let mut serial: [u8; 16] = sha256(&key_id.to_der().unwrap())[..16].try_into().unwrap();
    serial[0] = serial[0] & 0x7f | 0x40;
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial).unwrap(),
        signature: issuer_key.algorithm(),
        issuer: Name::from_str(issuer).unwrap(),
        validity: Validity {
            not_before: time(profile.not_before),
            not_after: time(profile.not_after),
        },
        subject: Name::from_str(subject).unwrap(),
        subject_public_key_info: key.public(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signature = issuer_key.sign(&tbs_certificate.to_der().unwrap());
    Certificate {
        tbs_certificate,
        signature_algorithm: issuer_key.algorithm(),
        signature: BitString::from_bytes(&signature).unwrap(),
    }
}

fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> Extension {
    let extn_value = OctetString::new(value.to_der().unwrap()).unwrap();
    Extension { extn_id: T::OID, critical, extn_value }
}

fn time(unix_seconds: u64) -> Time {
    Time::UtcTime(UtcTime::from_unix_duration(Duration::from_secs(unix_seconds)).unwrap())
}
