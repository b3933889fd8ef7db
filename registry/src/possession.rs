//! Signatures by identity keys (XEdDSA).

use aws_lc_rs::digest::{Context, SHA512};
use curve25519_dalek::{EdwardsPoint, Scalar};
use omemo::{Identity, IdentityKey};

use crate::VerifyingKey;

pub(crate) fn sign(identity: &Identity, message: &[u8]) -> [u8; 64] {
    let secret = Scalar::from_bytes_mod_order(clamp(*identity.pair.secret.expose()));
    let point = EdwardsPoint::mul_base(&secret).compress().to_bytes();
    let secret = if point[31] & 0x80 == 0 { secret } else { -secret };
    let public = EdwardsPoint::mul_base(&secret).compress().to_bytes();
    let mut first = [0xff; 32];
    first[0] = 0xfe;
    let chance: [u8; 64] = crate::chance::bytes();
    let r = hash(&[&first, secret.as_bytes(), message, &chance]);
    let commitment = EdwardsPoint::mul_base(&r).compress().to_bytes();
    let s = r + hash(&[&commitment, &public, message]) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

pub(crate) fn verify(key: &IdentityKey, message: &[u8], signature: &[u8; 64]) -> bool {
    key.to_ed25519().is_ok_and(|it| VerifyingKey(it).verify(message, signature))
}

fn clamp(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[0] &= 248;
    bytes[31] &= 127;
    bytes[31] |= 64;
    bytes
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let mut context = Context::new(&SHA512);
    parts.iter().for_each(|it| context.update(it));
    let mut bytes = [0; 64];
    bytes.copy_from_slice(context.finish().as_ref());
    Scalar::from_bytes_mod_order_wide(&bytes)
}
