//! What a device publishes so that others can begin to talk to it (XEP-0384 section 5.3.2).

use crate::{IdentityKey, Namespace, PublicKey, WeakKey, signature::verify_ed25519};

/// The highest number that a prekey may have.
const MAX_ID: u32 = i32::MAX.unsigned_abs();

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
    /// The signature of the identity key over it (`XEdDSA`).
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
    /// Whether it may be used at all (XEP-0384 section 4.2), with each of its keys.
    ///
    /// The signed prekey may have the number 0: some clients begin there.
    pub fn check(&self, namespace: Namespace) -> Result<(), BundleError> {
        self.check_numbers()?;
        self.check_signed(namespace)?;
        Ok(self.prekeys.iter().try_for_each(|prekey| prekey.key.check())?)
    }

    /// The prekey with a number. All is checked but the keys that are not needed for it.
    pub(crate) fn checked(
        &self,
        namespace: Namespace,
        prekey: u32,
    ) -> Result<Option<&Prekey>, BundleError> {
        self.check_numbers()?;
        self.check_signed(namespace)?;
        let Some(prekey) = self.prekeys.iter().find(|it| it.id == prekey) else { return Ok(None) };
        prekey.key.check()?;
        Ok(Some(prekey))
    }

    fn check_numbers(&self) -> Result<(), BundleError> {
        if self.prekeys.is_empty() {
            return Err(BundleError::NoPrekey);
        }
        if self.signed_prekey.id > MAX_ID {
            return Err(BundleError::Number(self.signed_prekey.id));
        }
        let mut numbers: Vec<u32> = self.prekeys.iter().map(|prekey| prekey.id).collect();
        numbers.sort_unstable();
        if let Some(number) = numbers.iter().find(|number| !(1..=MAX_ID).contains(*number)) {
            return Err(BundleError::Number(*number));
        }
        match numbers.array_windows().find(|[one, other]| one == other) {
            Some([twice, _]) => Err(BundleError::Number(*twice)),
            None => Ok(()),
        }
    }

    fn check_signed(&self, namespace: Namespace) -> Result<(), BundleError> {
        let SignedPrekey { key, signature, .. } = &self.signed_prekey;
        self.identity.0.check()?;
        key.check()?;
        let signed = match namespace {
            Namespace::Axolotl => self.identity.verify(&key.typed(), signature),
            Namespace::Omemo2 => {
                let identity = self.identity.to_ed25519_signed(self.sign.unwrap_or(0))?;
                verify_ed25519(&identity, &key.0, signature)
            }
        };
        if signed { Ok(()) } else { Err(BundleError::Signature) }
    }
}

impl From<WeakKey> for BundleError {
    fn from(WeakKey: WeakKey) -> Self {
        Self::WeakKey
    }
}
