//! The signed attributes that bind a signature to one certificate (RFC 2634, RFC 5035).

use der::asn1::OctetString;
use der::{Any, Sequence};
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// Issuer and serial number of a certificate (RFC 5035 section 4).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct IssuerSerial {
    /// Who issued it.
    pub issuer: GeneralNames,
    /// Its number.
    pub serial_number: SerialNumber,
}

/// A certificate by its SHA-1 digest (RFC 2634 section 5.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EssCertId {
    /// SHA-1 of the certificate.
    pub cert_hash: OctetString,
    /// Its issuer and number.
    #[asn1(optional = "true")]
    pub issuer_serial: Option<IssuerSerial>,
}

/// The attribute signing-certificate (RFC 2634 section 5.4).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SigningCertificate {
    /// The signer's certificate first.
    pub certs: Vec<EssCertId>,
    /// Policies of the certificates; not looked at.
    #[asn1(optional = "true")]
    pub policies: Option<Any>,
}

/// A certificate by its digest (RFC 5035 section 4).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EssCertIdV2 {
    /// The hash function; SHA-256 when absent.
    // An `Option` because der 0.7 derives no default for a type that is not `Copy`.
    #[asn1(optional = "true")]
    pub hash_algorithm: Option<AlgorithmIdentifierOwned>,
    /// Digest of the certificate.
    pub cert_hash: OctetString,
    /// Its issuer and number.
    #[asn1(optional = "true")]
    pub issuer_serial: Option<IssuerSerial>,
}

/// The attribute signing-certificate-v2 (RFC 5035 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SigningCertificateV2 {
    /// The signer's certificate first.
    pub certs: Vec<EssCertIdV2>,
    /// Policies of the certificates; not looked at.
    #[asn1(optional = "true")]
    pub policies: Option<Any>,
}
