//! Keys from keys: HMAC (RFC 2104) and HKDF (RFC 5869) with SHA-256.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Derives `N` bytes; `N` is at most 255 * 32.
pub(crate) fn hkdf<const N: usize>(salt: &[u8], key: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut derived = Zeroizing::new([0; N]);
    let done = Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut *derived);
    debug_assert!(done.is_ok(), "so much can be derived");
    derived
}

pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|it| mac.update(it));
    mac.finalize().into_bytes().into()
}

/// What a message is sealed with: the cipher's key and vector, and the key that authenticates.
pub(crate) struct MessageKeys(Zeroizing<[u8; 80]>);

impl MessageKeys {
    pub(crate) fn derive(key: &[u8; 32], info: &[u8]) -> Self {
        Self(hkdf(&[0; 32], key, info))
    }

    pub(crate) fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        use aes::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
        let (key, _, iv) = self.parts();
        cbc::Encryptor::<aes::Aes256>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plain)
    }

    pub(crate) fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
        let (key, _, iv) = self.parts();
        let decryptor = cbc::Decryptor::<aes::Aes256>::new(key.into(), iv.into());
        decryptor.decrypt_padded_vec::<Pkcs7>(cipher).ok()
    }

    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac(self.parts().1, parts)
    }

    fn parts(&self) -> (&[u8; 32], &[u8; 32], &[u8; 16]) {
        let (key, rest) = self.0.split_first_chunk().unwrap_or((&[0; 32], &[]));
        let (mac, rest) = rest.split_first_chunk().unwrap_or((&[0; 32], &[]));
        (key, mac, rest.first_chunk().unwrap_or(&[0; 16]))
    }
}
