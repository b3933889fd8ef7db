//! Seals records before they are kept: a copy of the file is worth nothing without the identity.

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Secret, key::random};

const NONCE: usize = 12;

/// Seals and opens records. A record opens only under the name that it was sealed for.
pub(crate) struct Vault(Aes256Gcm);

impl Vault {
    /// The vault that belongs to an identity.
    pub(crate) fn of(identity: &Secret) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let derived =
            Hkdf::<Sha256>::new(None, identity.expose()).expand(b"vedette store", &mut *key);
        debug_assert!(derived.is_ok(), "32 bytes are never too many");
        Self(Aes256Gcm::new(&(*key).into()))
    }

    pub(crate) fn seal(&self, name: &str, record: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE>();
        let payload = Payload { msg: record, aad: name.as_bytes() };
        let sealed = self.0.encrypt(&nonce.into(), payload).unwrap_or_default();
        [&nonce[..], &sealed].concat()
    }

    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: name.as_bytes() };
        self.0.decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
    }
}
