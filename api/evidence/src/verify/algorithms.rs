//! The one list of signature algorithms, for tokens and for certificates alike: webpki's.

use std::sync::LazyLock;

use der::asn1::ObjectIdentifier;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs::{
    RSA_PSS_2048_8192_SHA256_LEGACY_KEY, RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
};

use crate::digest::HashAlgorithm;
use crate::wire::oid;

/// What is accepted: RSA of 2048 bits and more, ECDSA on the NIST curves, Ed25519; with SHA-2.
pub(super) static ALL: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> =
    LazyLock::new(|| {
        let spellings = PSS_SPELLINGS.iter().map(|s| -> &dyn SignatureVerificationAlgorithm { s });
        webpki::ALL_VERIFICATION_ALGS.iter().copied().chain(spellings).collect()
    });

/// The algorithm for this kind of key and signature, each an algorithm identifier without header.
pub(super) fn find(
    key: &[u8],
    signature: &[u8],
) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    ALL.iter().copied().find(|algorithm| {
        algorithm.public_key_alg_id().as_ref() == key
            && algorithm.signature_alg_id().as_ref() == signature
    })
}

/// Many authorities name only the kind of key where the signature algorithm belongs; the digest
/// completes it (RFC 3370 section 3.2, RFC 5753 section 2.1.1).
pub(super) fn completed(
    signature: ObjectIdentifier,
    digest: HashAlgorithm,
) -> Option<AlgorithmIdentifier> {
    use rustls_pki_types::alg_id;
    match (signature, digest) {
        (oid::RSA, HashAlgorithm::Sha256) => Some(alg_id::RSA_PKCS1_SHA256),
        (oid::RSA, HashAlgorithm::Sha384) => Some(alg_id::RSA_PKCS1_SHA384),
        (oid::RSA, HashAlgorithm::Sha512) => Some(alg_id::RSA_PKCS1_SHA512),
        (oid::EC_PUBLIC_KEY, HashAlgorithm::Sha256) => Some(alg_id::ECDSA_SHA256),
        (oid::EC_PUBLIC_KEY, HashAlgorithm::Sha384) => Some(alg_id::ECDSA_SHA384),
        (oid::EC_PUBLIC_KEY, HashAlgorithm::Sha512) => Some(alg_id::ECDSA_SHA512),
        _ => None,
    }
}

/// Another way to write RSA-PSS (RFC 4055 section 3.1): with the parameters of the hash function
/// absent instead of NULL, or with a key that is for PSS alone. webpki compares identifiers byte
/// for byte and knows one way.
#[derive(Debug)]
struct Spelling {
    key: Option<&'static [u8]>,
    signature: &'static [u8],
    meaning: &'static dyn SignatureVerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for Spelling {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.meaning.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.key {
            Some(key) => AlgorithmIdentifier::from_slice(key),
            None => self.meaning.public_key_alg_id(),
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(self.signature)
    }
}

/// `id-RSASSA-PSS` as the algorithm of a key, without parameters.
const PSS_KEY: &[u8] = &[6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 10];

/// `RSASSA-PSS-params` whose hash identifiers have no parameters; the hash's last arc, salt length.
macro_rules! hash_parameters_absent {
    ($hash:literal, $salt:literal) => {
        &[
            6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 10, 48, 48, 160, 13, 48, 11, 6, 9, 96, 134, 72,
            1, 101, 3, 4, 2, $hash, 161, 26, 48, 24, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 8, 48,
            11, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, $hash, 162, 3, 2, 1, $salt,
        ]
    };
}

/// The same with NULL for parameters.
macro_rules! hash_parameters_null {
    ($hash:literal, $salt:literal) => {
        &[
            6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 10, 48, 52, 160, 15, 48, 13, 6, 9, 96, 134, 72,
            1, 101, 3, 4, 2, $hash, 5, 0, 161, 28, 48, 26, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1,
            8, 48, 13, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, $hash, 5, 0, 162, 3, 2, 1, $salt,
        ]
    };
}

const fn spelling(
    key: Option<&'static [u8]>,
    signature: &'static [u8],
    meaning: &'static dyn SignatureVerificationAlgorithm,
) -> Spelling {
    Spelling { key, signature, meaning }
}

static PSS_SPELLINGS: [Spelling; 9] = [
    spelling(None, hash_parameters_absent!(1, 32), RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    spelling(None, hash_parameters_absent!(2, 48), RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    spelling(None, hash_parameters_absent!(3, 64), RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_absent!(1, 32), RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_absent!(2, 48), RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_absent!(3, 64), RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_null!(1, 32), RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_null!(2, 48), RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    spelling(Some(PSS_KEY), hash_parameters_null!(3, 64), RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
];
