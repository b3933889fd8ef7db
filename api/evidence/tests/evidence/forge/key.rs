//! Keys of every kind that authorities use.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use der::asn1::{BitString, Null, ObjectIdentifier};
use der::{Any, Decode};
use evidence::HashAlgorithm;
use evidence::wire::oid;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
    /// RSA-PSS, with NULL for the parameters of the hash function.
    RsaPss,
    /// RSA-PSS, with those parameters absent.
    RsaPssAbsent,
}

pub(crate) struct Key {
    pub(crate) kind: Kind,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

const PSS_NULL: &str = "3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108\
                        300d06096086480165030402010500a203020120";
const PSS_ABSENT: &str = "3030a00d300b0609608648016503040201a11a301806092a864886f70d010108\
                          300b0609608648016503040201a203020120";

impl Kind {
    pub(crate) fn hash(self) -> HashAlgorithm {
        match self {
            Self::P256 | Self::Rsa | Self::RsaPss | Self::RsaPssAbsent => HashAlgorithm::Sha256,
            Self::P384 => HashAlgorithm::Sha384,
            Self::Ed25519 => HashAlgorithm::Sha512,
        }
    }
}

impl Key {
    pub(crate) fn generate(kind: Kind) -> Self {
        let random = SystemRandom::new();
        let ec = |algorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Pair::Ec(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap())
        };
        let pair = match kind {
            Kind::P256 => ec(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Kind::P384 => ec(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Kind::Ed25519 => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            Kind::Rsa | Kind::RsaPss | Kind::RsaPssAbsent => {
                let key = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
                let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
                Pair::Rsa(RsaKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
            }
        };
        Self { kind, pair }
    }

    pub(crate) fn algorithm(&self) -> AlgorithmIdentifierOwned {
        let pss = |parameters: &str| Any::from_der(&hex::decode(parameters).unwrap()).unwrap();
        let (oid, parameters) = match self.kind {
            Kind::P256 => ("1.2.840.10045.4.3.2", None),
            Kind::P384 => ("1.2.840.10045.4.3.3", None),
            Kind::Ed25519 => ("1.3.101.112", None),
            Kind::Rsa => ("1.2.840.113549.1.1.11", Some(Any::from(Null))),
            Kind::RsaPss => ("1.2.840.113549.1.1.10", Some(pss(PSS_NULL))),
            Kind::RsaPssAbsent => ("1.2.840.113549.1.1.10", Some(pss(PSS_ABSENT))),
        };
        AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(oid), parameters }
    }

    pub(crate) fn public(&self) -> SubjectPublicKeyInfoOwned {
        let curve = if self.kind == Kind::P256 {
            oid::P256
        } else {
            ObjectIdentifier::new_unwrap("1.3.132.0.34")
        };
        let (oid, parameters, bits) = match &self.pair {
            Pair::Ec(key) => {
                (oid::EC_PUBLIC_KEY, Some(Any::from(curve)), key.public_key().as_ref())
            }
            Pair::Ed(key) => {
                (ObjectIdentifier::new_unwrap("1.3.101.112"), None, key.public_key().as_ref())
            }
            Pair::Rsa(key) => (oid::RSA, Some(Any::from(Null)), key.public_key().as_ref()),
        };
        SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned { oid, parameters },
            subject_public_key: BitString::from_bytes(bits).unwrap(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(key) => key.sign(message).as_ref().to_vec(),
            Pair::Rsa(key) => {
                let padding: &'static dyn RsaEncoding =
                    if self.kind == Kind::Rsa { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}
