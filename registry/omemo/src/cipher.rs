//! The derivation of keys and the cipher that the ratchet and the payload share.

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The size of a block, and of what comes after the last whole one of a text.
const BLOCK: usize = 16;

/// N pieces of W bytes each, derived from a secret (RFC 5869 with SHA-256).
#[expect(clippy::expect_used, reason = "nobody asks for more than 255 times 32 bytes")]
pub(crate) fn derive<const W: usize, const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
) -> Zeroizing<[[u8; W]; N]> {
    let mut pieces = Zeroizing::new([[0; W]; N]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, pieces.as_flattened_mut())
        .expect("a short output");
    pieces
}

/// HMAC-SHA-256 with a key, to be fed.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

/// What seals one text: AES-256-CBC, and HMAC-SHA-256 over what came of it.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Keys {
    cipher: [[u8; BLOCK]; 2],
    mac: [[u8; BLOCK]; 2],
    iv: [u8; BLOCK],
}

impl Keys {
    /// The keys that come of one secret.
    pub(crate) fn derive(secret: &[u8; 32], info: &[u8]) -> Self {
        let pieces = derive(&[0; 32], secret, info);
        let [a, b, c, d, iv] = *pieces;
        Self { cipher: [a, b], mac: [c, d], iv }
    }

    /// The length of a sealed text.
    pub(crate) fn sealed_length(plain: usize) -> usize {
        (plain / BLOCK + 1) * BLOCK
    }

    /// Encrypts to the end of `out`.
    #[expect(clippy::expect_used, reason = "the room is made just before")]
    pub(crate) fn encrypt(&self, plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(plain);
        out.resize(start + Self::sealed_length(plain.len()), 0);
        let (_, text) = out.split_at_mut(start);
        self.cipher::<cbc::Encryptor<Aes256>>()
            .encrypt_padded::<Pkcs7>(text, plain.len())
            .expect("room for the padding");
    }

    /// Decrypts what is known to be authentic. `None` when it was not padded as it must be.
    pub(crate) fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut text = sealed.to_vec();
        let length =
            self.cipher::<cbc::Decryptor<Aes256>>().decrypt_padded::<Pkcs7>(&mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// The first bytes of the HMAC over all parts.
    pub(crate) fn mac<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut mac = hmac(self.mac.as_flattened());
        for part in parts {
            mac.update(part);
        }
        let mut short = [0; N];
        let whole = mac.finalize().into_bytes();
        short.iter_mut().zip(whole).for_each(|(short, whole)| *short = whole);
        short
    }

    /// Whether `mac` is the beginning of the HMAC over all parts, in a time that tells nothing.
    pub(crate) fn verify<const N: usize>(&self, parts: &[&[u8]], mac: &[u8; N]) -> bool {
        self.mac::<N>(parts).ct_eq(mac).into()
    }

    #[expect(clippy::expect_used, reason = "the key and the IV have their sizes")]
    fn cipher<C: KeyIvInit>(&self) -> C {
        C::new_from_slices(self.cipher.as_flattened(), &self.iv).expect("AES-256")
    }
}
