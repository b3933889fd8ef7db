//! What a device publishes so that others can begin to talk to it (XEP-0384 section 5.3.2).

use std::collections::BTreeSet;

use crate::{IdentityKey, Namespace, PublicKey};

/// The largest number of a prekey.
const LAST: u32 = 0x7fff_ffff;

/// A key that serves for one key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prekey {
    /// Its number, 1 to 2³¹-1.
    pub id: u32,
    /// The key.
    pub key: PublicKey,
}

/// The key that serves when no other is left, renewed from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedPrekey {
    /// Its number.
    pub id: u32,
    /// The key.
    pub key: PublicKey,
    /// The signature of the identity key over it (XEdDSA).
    pub signature: [u8; 64],
}

/// A device's public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Who it is.
    pub identity: IdentityKey,
    /// The sign bit of the identity key's Ed25519 form, where it was sent in that form.
    pub sign: Option<u8>,
    /// The key that is signed.
    pub signed_prekey: SignedPrekey,
    /// The keys that serve once each.
    pub prekeys: Vec<Prekey>,
}

/// Why a bundle is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The identity key did not sign the signed prekey.
    #[error("the signed prekey is not signed by the identity key")]
    Signature,
    /// A key in it is weak.
    #[error("a weak public key")]
    WeakKey,
    /// It holds no prekey, so no session can begin.
    #[error("no prekey is left")]
    NoPrekey,
    /// A number is not allowed.
    #[error("prekey number {0} is not within 1 to 2147483647, or comes twice")]
    Number(u32),
}

impl Bundle {
    /// Whether it may be used at all (XEP-0384 section 4.3). The keys themselves are tried when
    /// one is used: a weak one leads nowhere and is refused then.
    pub fn check(&self, namespace: Namespace) -> Result<(), BundleError> {
        let SignedPrekey { key, signature, .. } = &self.signed_prekey;
        if !self.identity.verify_prekey(namespace, key, self.sign, signature) {
            return Err(BundleError::Signature);
        }
        if self.prekeys.is_empty() {
            return Err(BundleError::NoPrekey);
        }
        let mut seen = BTreeSet::new();
        let is_wrong = |id: u32| id == 0 || id > LAST;
        match self.prekeys.iter().find(|it| is_wrong(it.id) || !seen.insert(it.id)) {
            Some(prekey) => Err(BundleError::Number(prekey.id)),
            None => Ok(()),
        }
    }
}
