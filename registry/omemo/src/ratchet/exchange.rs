//! The open part of a key exchange: how it is read and written.

use super::RatchetError;
use crate::{
    IdentityKey, Namespace, PublicKey,
    protobuf::{Malformed, Value, pick, put_bytes, put_number},
};

/// The version byte of the older namespace: 3, and at most 3.
pub(super) const VERSION: u8 = 0x33;

/// The open part of a key exchange, as it came. Nothing of it is authenticated yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Which of our prekeys it uses; 0 when none, and no prekey has that number.
    pub prekey: u32,
    /// Which of our signed prekeys it uses.
    pub signed_prekey: u32,
    /// Who says to be the sender.
    pub identity: IdentityKey,
    /// The sender's fresh key; it names the exchange.
    pub base: PublicKey,
}

impl Exchange {
    /// Reads it from the bytes of a `<key/>` that says to carry one.
    pub fn read(namespace: Namespace, bytes: &[u8]) -> Result<Self, RatchetError> {
        Letter::read(namespace, bytes)?.exchange(namespace)
    }
}

/// A key exchange as it travels, with the message that it carries.
pub(super) struct Letter<'a> {
    /// Which of the receiver's prekeys it uses, or 0.
    pub(super) prekey: u32,
    /// Which of the receiver's signed prekeys it uses.
    pub(super) signed_prekey: u32,
    /// The sender, as the namespace writes it: the Curve25519 form or the Ed25519 form.
    pub(super) identity: [u8; 32],
    /// The sender's fresh key.
    pub(super) base: PublicKey,
    /// The message of the ratchet.
    pub(super) message: &'a [u8],
}

impl<'a> Letter<'a> {
    /// Reads it. A base key that is not written in the one proper way is refused: it would make
    /// one exchange look like two (section 4.3).
    pub(super) fn read(namespace: Namespace, bytes: &'a [u8]) -> Result<Self, RatchetError> {
        let (body, numbers) = match namespace {
            Namespace::Axolotl => {
                (bytes.strip_prefix(&[VERSION]).ok_or(Malformed)?, [1, 6, 3, 2, 4])
            }
            Namespace::Omemo2 => (bytes, [1, 2, 3, 4, 5]),
        };
        let [prekey, signed_prekey, identity, base, message] = pick(body, numbers)?;
        let base = key(namespace, base.ok_or(Malformed)?.bytes()?)?;
        if !base.is_canonical() {
            return Err(RatchetError::WeakKey);
        }
        Ok(Self {
            prekey: prekey.map_or(Ok(0), Value::number)?,
            signed_prekey: signed_prekey.ok_or(Malformed)?.number()?,
            identity: key(namespace, identity.ok_or(Malformed)?.bytes()?)?.0,
            base,
            message: message.ok_or(Malformed)?.bytes()?,
        })
    }

    /// Who it says to come from.
    pub(super) fn exchange(&self, namespace: Namespace) -> Result<Exchange, RatchetError> {
        let identity = match namespace {
            Namespace::Axolotl => IdentityKey(PublicKey(self.identity)),
            Namespace::Omemo2 => IdentityKey::from_ed25519(&self.identity)?,
        };
        identity.0.check()?;
        let Self { prekey, signed_prekey, base, .. } = *self;
        Ok(Exchange { prekey, signed_prekey, identity, base })
    }

    /// Writes it. The older namespace wants a "registration id" besides.
    pub(super) fn write(&self, namespace: Namespace, registration: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message.len() + 100);
        match namespace {
            Namespace::Axolotl => {
                out.push(VERSION);
                put_number(&mut out, 1, self.prekey);
                put_bytes(&mut out, 2, &self.base.typed());
                put_bytes(&mut out, 3, &PublicKey(self.identity).typed());
                put_bytes(&mut out, 4, self.message);
                put_number(&mut out, 5, registration);
                put_number(&mut out, 6, self.signed_prekey);
            }
            Namespace::Omemo2 => {
                put_number(&mut out, 1, self.prekey);
                put_number(&mut out, 2, self.signed_prekey);
                put_bytes(&mut out, 3, &self.identity);
                put_bytes(&mut out, 4, &self.base.0);
                put_bytes(&mut out, 5, self.message);
            }
        }
        out
    }
}

/// A public key as the namespace writes it within messages.
pub(super) fn key(namespace: Namespace, bytes: &[u8]) -> Result<PublicKey, Malformed> {
    let bytes = match namespace {
        Namespace::Axolotl => bytes.strip_prefix(&[5]).ok_or(Malformed)?,
        Namespace::Omemo2 => bytes,
    };
    Ok(PublicKey(bytes.try_into().map_err(|_| Malformed)?))
}
