//! A P-256 key that signs with SHA-256.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING as P256_SHA256, EcdsaKeyPair, KeyPair as _,
};
use der::Any;
use der::asn1::BitString;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::OwnAuthorityError;
use crate::wire::oid;

/// The key, and the PKCS #8 form in which it is kept.
pub(super) struct Key {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl Key {
    pub(super) fn generate() -> Result<Self, OwnAuthorityError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&P256_SHA256, &SystemRandom::new())
            .map_err(OwnAuthorityError::Crypto)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, OwnAuthorityError> {
        let pair = EcdsaKeyPair::from_pkcs8(&P256_SHA256, pkcs8)
            .map_err(|_| OwnAuthorityError::Part("P-256 key"))?;
        Ok(Self { pair, pkcs8: pkcs8.to_vec() })
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, OwnAuthorityError> {
        let signature =
            self.pair.sign(&SystemRandom::new(), message).map_err(OwnAuthorityError::Crypto)?;
        Ok(signature.as_ref().to_vec())
    }

    /// How its signatures are made: `ecdsa-with-SHA256` (RFC 5758 section 3.2).
    pub(super) fn signature_algorithm() -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned { oid: oid::ECDSA_SHA256, parameters: None }
    }

    /// The public part (RFC 5480 section 2).
    pub(super) fn public(&self) -> der::Result<SubjectPublicKeyInfoOwned> {
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: oid::EC_PUBLIC_KEY,
                parameters: Some(Any::from(oid::P256)),
            },
            subject_public_key: BitString::from_bytes(self.pair.public_key().as_ref())?,
        })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(P-256)")
    }
}
