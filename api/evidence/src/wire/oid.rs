//! Object identifiers that requests, tokens and certificates use.

use der::asn1::ObjectIdentifier;

/// CMS `id-signedData` (RFC 5652 section 5.1).
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-ct-TSTInfo`, the content of a token (RFC 3161 section 2.4.2).
pub const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// Signed attribute content-type (RFC 5652 section 11.1).
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// Signed attribute message-digest (RFC 5652 section 11.2).
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// Signed attribute signing-certificate (RFC 2634 section 5.4).
pub const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// Signed attribute signing-certificate-v2 (RFC 5035 section 3).
pub const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// Extended key usage `id-kp-timeStamping` (RFC 3161 section 2.3).
pub const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// Extension `qcStatements` (RFC 3739 section 3.2.6), in a token as of EN 319 422 section 9.1.
pub const QC_STATEMENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.3");
/// The statement that a token is a qualified one (EN 319 422 section 9.1).
pub const QUALIFIED_TIME_STAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.19422.1.1");
/// `rsaEncryption` (RFC 8017 appendix A.1).
pub const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `ecdsa-with-SHA256` (RFC 5758 section 3.2).
pub const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// The curve P-256 (RFC 5480 section 2.1.1.1).
pub const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
