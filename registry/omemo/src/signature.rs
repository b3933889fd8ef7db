//! Signatures of Curve25519 keys: `XEdDSA` as Signal describes it, and what others made of it.
//!
//! An Ed25519 key has a sign that its Curve25519 form lacks. `XEdDSA` says that it is 0; libsignal
//! and clients of the older namespace keep it in the highest bit of the signature, which is free.
//! What we sign has sign 0 and that bit 0, so that it satisfies both.

use curve25519_dalek::{
    EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_TABLE, edwards::CompressedEdwardsY,
    scalar::clamp_integer,
};
use sha2::{Digest, Sha512};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::{Identity, IdentityKey, Namespace, PublicKey, key::random};

/// What `XEdDSA` puts before the material of its nonces: 2²⁵⁶-2, little-endian.
const NONCE: [u8; 32] = {
    let mut prefix = [0xff; 32];
    prefix[0] = 0xfe;
    prefix
};

impl Identity {
    /// Signs (`XEdDSA`, sections 2.3 and 2.5).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let secret = Zeroizing::new(clamp_integer(*self.pair.secret.expose()));
        let scalar = Zeroizing::new(Scalar::from_bytes_mod_order(*secret));
        let mut public = (ED25519_BASEPOINT_TABLE * &*scalar).compress().to_bytes();
        let negative = Choice::from(public[31] >> 7);
        let scalar = Zeroizing::new(Scalar::conditional_select(&scalar, &-*scalar, negative));
        public[31] &= 0x7f;

        let (bytes, salt) = (Zeroizing::new(scalar.to_bytes()), random::<64>());
        let nonce = Zeroizing::new(hash(&[&NONCE, &*bytes, message, &salt]));
        let commitment = (ED25519_BASEPOINT_TABLE * &*nonce).compress().to_bytes();
        let answer = *nonce + hash(&[&commitment, &public, message]) * *scalar;
        join(commitment, answer.to_bytes())
    }

    /// Signs a prekey for a bundle: its 33 bytes in the older namespace, its 32 in the newer.
    pub fn sign_prekey(&self, namespace: Namespace, key: &PublicKey) -> [u8; 64] {
        match namespace {
            Namespace::Axolotl => self.sign(&key.typed()),
            Namespace::Omemo2 => self.sign(&key.0),
        }
    }
}

impl IdentityKey {
    /// Whether it signed this, with its sign in the highest bit of the signature (0 by `XEdDSA`).
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let mut signature = *signature;
        let sign = signature[63] >> 7;
        signature[63] &= 0x7f;
        self.to_ed25519_signed(sign).is_ok_and(|key| verify_ed25519(&key, message, &signature))
    }
}

/// Whether an Ed25519 key signed this (RFC 8032 section 5.1.7, without the cofactor). Keys of small
/// order and an S that is not reduced are refused.
pub(crate) fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let (commitment, answer) = split(signature);
    let Some(point) = CompressedEdwardsY(*key).decompress() else { return false };
    let Some(answer) = Option::<Scalar>::from(Scalar::from_canonical_bytes(answer)) else {
        return false;
    };
    let challenge = hash(&[&commitment, key, message]);
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &-point, &answer);
    !point.is_small_order() && expected.compress().to_bytes() == commitment
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn join(first: [u8; 32], second: [u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&first);
    both[32..].copy_from_slice(&second);
    both
}

fn split(both: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    first.copy_from_slice(&both[..32]);
    second.copy_from_slice(&both[32..]);
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8032 section 7.1, tests 2 and 3.
    #[test]
    fn ed25519_is_that_of_the_rfc() {
        for (key, message, signature) in [
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                &[0x72][..],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                &[0xaf, 0x82],
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let (key, mut signature) = (bytes(key), bytes(signature));
            assert!(verify_ed25519(&key, message, &signature));
            signature[0] ^= 1;
            assert!(!verify_ed25519(&key, message, &signature));
        }
    }

    /// With the key that adds nothing, anybody's commitment is a signature of anything.
    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify_ed25519(&neutral, b"anything", &signature));
    }
}
