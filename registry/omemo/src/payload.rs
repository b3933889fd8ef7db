//! The payload of a message: sealed once, for all devices that get its key.

use std::fmt;

use aes_gcm::{
    Aes128Gcm, AesGcm,
    aead::{AeadInOut, KeyInit, Nonce, Tag, consts::U16},
    aes::Aes128,
};
use zeroize::Zeroizing;

use crate::{Namespace, cipher::Keys, key::random};

/// The key of the older namespace: AES-128.
const OLD_KEY: usize = 16;
/// What the older namespace sends beside the ciphertext.
const IV: usize = 12;
/// What GCM adds, and how much of HMAC-SHA-256 is sent.
const TAG: usize = 16;
/// What the keys of the newer namespace are derived for.
const INFO: &[u8] = b"OMEMO Payload";

/// A sealed payload, and what each device must get to open it.
pub struct Payload {
    /// What goes into `<payload/>`.
    pub cipher: Vec<u8>,
    /// What goes into the `iv` of the older namespace; empty in the newer.
    pub iv: Vec<u8>,
    /// What the ratchet carries: the key, and what authenticates the cipher.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.cipher.len()).finish_non_exhaustive()
    }
}

/// A payload that does not open: changed, of another key, or of no form that the namespace knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload does not authenticate")]
pub struct PayloadError;

/// Seals with a fresh key: AES-128-GCM in the older namespace (XEP-0384 0.3, section 4.5),
/// AES-256-CBC and HMAC-SHA-256 in the newer (section 4.4).
pub fn seal(namespace: Namespace, plain: &[u8]) -> Payload {
    match namespace {
        Namespace::Axolotl => seal_gcm(plain),
        Namespace::Omemo2 => seal_cbc(plain),
    }
}

/// Opens what [`seal`] or another client sealed.
///
/// In the older namespace the IV may have 12 bytes or 16, as clients of its first years sent, and
/// the tag may stand at the end of the cipher, as in XEP-0384 before 0.3.
pub fn open(
    namespace: Namespace,
    cipher: &[u8],
    iv: &[u8],
    key: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    match namespace {
        Namespace::Axolotl => open_gcm(cipher, iv, key),
        Namespace::Omemo2 => open_cbc(cipher, iv, key),
    }
}

/// What the ratchet carries where there is no payload: a key that nothing is sealed with (XEP-0384
/// 0.3, section 4.6), or 32 zero bytes (section 5.5.3).
pub fn empty(namespace: Namespace) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match namespace {
        Namespace::Axolotl => random::<OLD_KEY>().to_vec(),
        Namespace::Omemo2 => vec![0; 32],
    })
}

/// What stands in the `iv` where there is no payload.
pub fn empty_iv(namespace: Namespace) -> Vec<u8> {
    match namespace {
        Namespace::Axolotl => random::<IV>().to_vec(),
        Namespace::Omemo2 => Vec::new(),
    }
}

#[expect(clippy::expect_used, reason = "all sizes are right, and nobody seals 64 GB")]
fn seal_gcm(plain: &[u8]) -> Payload {
    // Asked for at once: randomness costs more than sealing a short text.
    let random = Zeroizing::new(random::<{ OLD_KEY + IV }>());
    let (secret, iv) = random.split_at(OLD_KEY);
    let gcm = Aes128Gcm::new_from_slice(secret).expect("AES-128");
    let nonce = iv.try_into().expect("an IV of 12 bytes");
    let mut cipher = plain.to_vec();
    let tag =
        gcm.encrypt_inout_detached(nonce, &[], cipher.as_mut_slice().into()).expect("a short text");
    let mut key = Zeroizing::new(Vec::with_capacity(OLD_KEY + TAG));
    key.extend_from_slice(secret);
    key.extend_from_slice(&tag);
    Payload { cipher, iv: iv.to_vec(), key }
}

fn open_gcm(cipher: &[u8], iv: &[u8], key: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let (key, mut tag) = key.split_at_checked(OLD_KEY).ok_or(PayloadError)?;
    let mut text = cipher;
    if tag.is_empty() {
        let end = text.len().checked_sub(TAG).ok_or(PayloadError)?;
        (text, tag) = text.split_at(end);
    }
    match iv.len() {
        16 => decrypt::<AesGcm<Aes128, U16>>(text, iv, key, tag),
        _ => decrypt::<Aes128Gcm>(text, iv, key, tag),
    }
}

fn decrypt<C: AeadInOut + KeyInit>(
    text: &[u8],
    iv: &[u8],
    key: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    let gcm = C::new_from_slice(key).map_err(|_| PayloadError)?;
    let iv = <&Nonce<C>>::try_from(iv).map_err(|_| PayloadError)?;
    let tag = <&Tag<C>>::try_from(tag).map_err(|_| PayloadError)?;
    let mut plain = text.to_vec();
    gcm.decrypt_inout_detached(iv, &[], plain.as_mut_slice().into(), tag)
        .map_err(|_| PayloadError)?;
    Ok(plain)
}

fn seal_cbc(plain: &[u8]) -> Payload {
    let secret = Zeroizing::new(random::<32>());
    let keys = Keys::derive(&secret, INFO);
    let mut cipher = Vec::with_capacity(Keys::sealed_length(plain.len()));
    keys.encrypt(plain, &mut cipher);
    let mut key = Zeroizing::new(Vec::with_capacity(32 + TAG));
    key.extend_from_slice(&*secret);
    key.extend_from_slice(&keys.mac::<TAG>(&[&cipher]));
    Payload { cipher, iv: Vec::new(), key }
}

fn open_cbc(cipher: &[u8], iv: &[u8], key: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let (secret, mac) = key.split_first_chunk().ok_or(PayloadError)?;
    let mac: &[u8; TAG] = mac.try_into().map_err(|_| PayloadError)?;
    if !iv.is_empty() {
        return Err(PayloadError);
    }
    let keys = Keys::derive(secret, INFO);
    if !keys.verify(&[cipher], mac) {
        return Err(PayloadError);
    }
    keys.decrypt(cipher).ok_or(PayloadError)
}
