//! The payload of a message: sealed once, for all devices that get its key.

use aes_gcm::{AesGcm, KeyInit, aead::AeadInOut, aead::array::typenum};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Namespace, kdf::MessageKeys, key::random};

const KEYS: &[u8] = b"OMEMO Payload";

type Gcm<N> = AesGcm<aes::Aes128, N>;

/// A payload that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload does not authenticate")]
pub struct PayloadError;

/// What is sent to all, and the key that each device gets sealed.
pub struct Payload {
    /// The sealed payload.
    pub cipher: Vec<u8>,
    /// The initialisation vector, in the older namespace.
    pub iv: Vec<u8>,
    /// What opens it.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.cipher.len()).finish_non_exhaustive()
    }
}

/// Seals a payload (XEP-0384 section 4.4; in the older namespace its section 4.2).
pub fn seal(namespace: Namespace, plain: &[u8]) -> Payload {
    match namespace {
        Namespace::Axolotl => seal_axolotl(plain),
        Namespace::Omemo2 => seal_omemo2(plain),
    }
}

/// What a message without payload carries instead of a key.
pub fn empty(namespace: Namespace) -> Zeroizing<Vec<u8>> {
    match namespace {
        // A key like any other, with nothing that it opens.
        Namespace::Axolotl => Zeroizing::new(random::<32>().to_vec()),
        Namespace::Omemo2 => Zeroizing::new(vec![0; 32]),
    }
}

/// A new initialisation vector for a message without payload.
pub fn empty_iv(namespace: Namespace) -> Vec<u8> {
    match namespace {
        Namespace::Axolotl => random::<12>().to_vec(),
        Namespace::Omemo2 => Vec::new(),
    }
}

/// Opens a payload.
pub fn open(
    namespace: Namespace,
    cipher: &[u8],
    iv: &[u8],
    key: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    match namespace {
        Namespace::Axolotl => open_axolotl(cipher, iv, key),
        Namespace::Omemo2 => open_omemo2(cipher, key),
    }
}

fn seal_axolotl(plain: &[u8]) -> Payload {
    let (key, iv) = (Zeroizing::new(random::<16>()), random::<12>());
    let mut cipher = plain.to_vec();
    let gcm = Gcm::<typenum::U12>::new((&*key).into());
    let tag = gcm.encrypt_inout_detached(&iv.into(), b"", cipher.as_mut_slice().into());
    debug_assert!(tag.is_ok(), "no stanza is too long for GCM");
    let tag: [u8; 16] = tag.map(Into::into).unwrap_or_default();
    let key = Zeroizing::new([&key[..], &tag].concat());
    Payload { cipher, iv: iv.to_vec(), key }
}

/// Also the oldest form, whose tag is at the end of the payload, and vectors of 16 bytes.
fn open_axolotl(cipher: &[u8], iv: &[u8], key: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let (key, tag) = key.split_first_chunk::<16>().ok_or(PayloadError)?;
    let (cipher, tag) = if tag.is_empty() {
        cipher.split_last_chunk::<16>().ok_or(PayloadError)?
    } else {
        (cipher, tag.try_into().map_err(|_| PayloadError)?)
    };
    let mut plain = cipher.to_vec();
    let (buffer, tag) = (plain.as_mut_slice().into(), (*tag).into());
    let opened = if let Ok(iv) = <[u8; 12]>::try_from(iv) {
        Gcm::<typenum::U12>::new(key.into()).decrypt_inout_detached(&iv.into(), b"", buffer, &tag)
    } else {
        let iv = <[u8; 16]>::try_from(iv).map_err(|_| PayloadError)?;
        Gcm::<typenum::U16>::new(key.into()).decrypt_inout_detached(&iv.into(), b"", buffer, &tag)
    };
    opened.map(|()| plain).map_err(|_| PayloadError)
}

fn seal_omemo2(plain: &[u8]) -> Payload {
    let key = Zeroizing::new(random::<32>());
    let keys = MessageKeys::derive(&key, KEYS);
    let cipher = keys.encrypt(plain);
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = keys.authenticate(&[&cipher]);
    let key = Zeroizing::new([&key[..], &tag].concat());
    Payload { cipher, iv: Vec::new(), key }
}

fn open_omemo2(cipher: &[u8], key: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let (key, tag) = key.split_first_chunk::<32>().ok_or(PayloadError)?;
    let keys = MessageKeys::derive(key, KEYS);
    let expected = keys.authenticate(&[cipher]);
    let expected = expected.get(..16).unwrap_or_default();
    if !bool::from(expected.ct_eq(tag)) {
        return Err(PayloadError);
    }
    keys.decrypt(cipher).ok_or(PayloadError)
}
