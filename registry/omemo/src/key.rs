//! Keys on Curve25519, and their form as Ed25519.

use std::fmt;

use curve25519_dalek::{edwards::CompressedEdwardsY, montgomery::MontgomeryPoint};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A public key that leads nowhere: of small order, or no point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a weak public key")]
pub struct WeakKey;

/// 32 secret bytes: forgotten when dropped, shown to nobody.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes what somebody else made.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes a new one from the system's source of randomness.
    pub fn random() -> Self {
        Self(random())
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A public key in its Curve25519 form (the u coordinate).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl PublicKey {
    /// Whether it may be used: written in the one proper way, on the curve, not of small order.
    pub fn check(&self) -> Result<(), WeakKey> {
        if !self.is_canonical() {
            return Err(WeakKey);
        }
        let point = MontgomeryPoint(self.0).to_edwards(0).ok_or(WeakKey)?;
        if point.is_small_order() { Err(WeakKey) } else { Ok(()) }
    }

    /// As the older namespace writes it: the kind (5) before the key.
    pub(crate) fn typed(&self) -> [u8; 33] {
        let mut typed = [5; 33];
        typed[1..].copy_from_slice(&self.0);
        typed
    }

    /// Whether it is below 2²⁵⁵-19. RFC 7748 reads others too, so that one key could look like two.
    pub(crate) fn is_canonical(&self) -> bool {
        let [low, middle @ .., high] = &self.0;
        *high < 0x7f || *high == 0x7f && (*low < 0xed || middle.iter().any(|byte| *byte != 0xff))
    }
}

/// A secret key with its public one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The secret half.
    pub secret: Secret,
    /// The public half.
    pub public: PublicKey,
}

impl Pair {
    /// Makes a new pair.
    pub fn random() -> Self {
        Self::from(Secret::random())
    }

    /// What both sides get from each other's public key (RFC 7748), or that it is weak.
    pub fn agree(&self, theirs: &PublicKey) -> Result<Secret, WeakKey> {
        let shared = MontgomeryPoint(theirs.0).mul_clamped(*self.secret.expose()).to_bytes();
        if bool::from(shared.ct_eq(&[0; 32])) { Err(WeakKey) } else { Ok(Secret(shared)) }
    }
}

impl From<Secret> for Pair {
    fn from(secret: Secret) -> Self {
        let public = PublicKey(MontgomeryPoint::mul_base_clamped(*secret.expose()).to_bytes());
        Self { secret, public }
    }
}

/// Who a device is: the public key that is compared, pinned and shown, in its Curve25519 form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentityKey(pub PublicKey);

impl IdentityKey {
    /// Its Ed25519 form with the sign bit 0, as `urn:xmpp:omemo:2` carries it from us.
    pub fn to_ed25519(&self) -> Result<[u8; 32], WeakKey> {
        self.to_ed25519_signed(0)
    }

    /// Its Ed25519 form with a given sign bit.
    pub fn to_ed25519_signed(&self, sign: u8) -> Result<[u8; 32], WeakKey> {
        Ok(MontgomeryPoint(self.0.0).to_edwards(sign).ok_or(WeakKey)?.compress().to_bytes())
    }

    /// The same key from its Ed25519 form, whatever its sign bit.
    pub fn from_ed25519(bytes: &[u8; 32]) -> Result<Self, WeakKey> {
        let point = CompressedEdwardsY(*bytes).decompress().ok_or(WeakKey)?;
        if point.is_small_order() {
            Err(WeakKey)
        } else {
            Ok(Self(PublicKey(point.to_montgomery().to_bytes())))
        }
    }

    /// As a person compares it: 64 hexadecimal digits in eight groups (XEP-0384 section 8).
    pub fn fingerprint(&self) -> String {
        let digits = format!("{:?}", self.0);
        digits.as_bytes().chunks(8).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Our own identity: the pair, and the number that libsignal's engines send along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The long-lived key pair.
    pub pair: Pair,
    /// The "registration id" of the older namespace, 1 to 16380; it means nothing to us.
    pub registration: u32,
}

impl Identity {
    /// Makes a new one.
    pub fn random() -> Self {
        let registration = u32::from(u16::from_le_bytes(random())) % 16_380 + 1;
        Self { pair: Pair::random(), registration }
    }

    /// Its public half.
    pub fn key(&self) -> IdentityKey {
        IdentityKey(self.pair.public)
    }
}

/// Fresh random bytes.
#[expect(clippy::expect_used, reason = "without randomness there is nothing to go on with")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}
