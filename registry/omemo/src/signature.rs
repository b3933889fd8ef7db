//! Signatures by Curve25519 keys: XEdDSA, as Signal's specification has it.
//!
//! The sign bit of our own Ed25519 form is always 0, which satisfies both families of verifiers:
//! those that expect it so, and those that look for it in the last bit of the signature.

use curve25519_dalek::{
    constants::ED25519_BASEPOINT_TABLE,
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::{Scalar, clamp_integer},
};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::{Identity, IdentityKey, Namespace, PublicKey, key::random};

impl Identity {
    /// Signs a message; whoever has the identity key can check it.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let secret = Scalar::from_bytes_mod_order(clamp_integer(*self.pair.secret.expose()));
        let point = (ED25519_BASEPOINT_TABLE * &secret).compress().to_bytes();
        let [.., last] = point;
        let secret = if last >> 7 == 1 { -secret } else { secret };
        let mut public = point;
        clear_sign(&mut public);
        let mut prefix = [0xff; 32];
        prefix[0] = 0xfe;
        let scalar = Zeroizing::new(secret.to_bytes());
        let nonce = hash(&[&prefix, &*scalar, message, &random::<64>()]);
        let commitment = (ED25519_BASEPOINT_TABLE * &nonce).compress().to_bytes();
        let answer = nonce + hash(&[&commitment, &public, message]) * secret;
        let mut signature = [0; 64];
        let (first, second) = signature.split_at_mut(32);
        first.copy_from_slice(&commitment);
        second.copy_from_slice(answer.as_bytes());
        signature
    }

    /// Signs a prekey in the form that a namespace gives it.
    pub fn sign_prekey(&self, namespace: Namespace, key: &PublicKey) -> [u8; 64] {
        self.sign(&encoded(namespace, key))
    }
}

impl IdentityKey {
    /// Whether this key signed a message.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.to_ed25519().is_ok_and(|key| verify(&key, message, signature))
    }

    /// Whether this key signed a prekey. `sign` is the sign bit of its Ed25519 form where that
    /// form was sent; else the signature says it.
    pub(crate) fn verify_prekey(
        &self,
        namespace: Namespace,
        key: &PublicKey,
        sign: Option<u8>,
        signature: &[u8; 64],
    ) -> bool {
        let mut signature = *signature;
        let sign = match namespace {
            Namespace::Omemo2 => sign.unwrap_or(0),
            Namespace::Axolotl => {
                let [.., last] = &mut signature;
                let sign = *last >> 7;
                *last &= 0x7f;
                sign
            }
        };
        self.to_ed25519_signed(sign)
            .is_ok_and(|it| verify(&it, &encoded(namespace, key), &signature))
    }
}

/// A public key as a namespace writes it.
pub(crate) fn encoded(namespace: Namespace, key: &PublicKey) -> Vec<u8> {
    match namespace {
        Namespace::Axolotl => [&[5][..], &key.0].concat(),
        Namespace::Omemo2 => key.0.to_vec(),
    }
}

fn clear_sign(point: &mut [u8; 32]) {
    let [.., last] = point;
    *last &= 0x7f;
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    parts.iter().for_each(|it| hash.update(it));
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// Ed25519 (RFC 8032 section 5.1.7), without its leniency for numbers that are not reduced.
fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Some(point) = CompressedEdwardsY(*key).decompress() else { return false };
    let Some((commitment, answer)) = signature.split_first_chunk::<32>() else { return false };
    let Ok(answer) = answer.try_into() else { return false };
    let Some(answer) = Option::<Scalar>::from(Scalar::from_canonical_bytes(answer)) else {
        return false;
    };
    if point.is_small_order() {
        return false;
    }
    let challenge = hash(&[commitment, key, message]);
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &-point, &answer);
    expected.compress().to_bytes() == *commitment
}
