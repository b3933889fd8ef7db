//! One message of the ratchet on the wire.

use super::{
    RatchetError,
    exchange::{VERSION, key},
};
use crate::{
    Namespace, PublicKey,
    cipher::Keys,
    protobuf::{Malformed, Value, pick, put_bytes, put_length, put_number},
};

/// How much of the HMAC each namespace sends.
const OLD_MAC: usize = 8;
const MAC: usize = 16;

/// What a message says openly: where in the ratchet it belongs.
#[derive(Clone, Copy)]
pub(super) struct Header {
    /// The sender's ratchet key.
    pub(super) ratchet: PublicKey,
    /// Its number in the chain of that key.
    pub(super) number: u32,
    /// How many messages the chain before had.
    pub(super) previous: u32,
}

/// A message that came.
pub(super) struct Message<'a> {
    /// What it says openly.
    pub(super) header: Header,
    sealed: &'a [u8],
    authenticated: &'a [u8],
    mac: Authentication,
}

/// The beginning of an HMAC, of the length that the namespace wants.
enum Authentication {
    Old([u8; OLD_MAC]),
    New([u8; MAC]),
}

impl<'a> Message<'a> {
    /// Takes it apart. Nothing of it is authenticated yet.
    pub(super) fn read(namespace: Namespace, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (authenticated, body, mac, numbers) = match namespace {
            Namespace::Axolotl => {
                let (rest, mac) = bytes.split_last_chunk().ok_or(Malformed)?;
                let body = rest.strip_prefix(&[VERSION]).ok_or(Malformed)?;
                (rest, body, Authentication::Old(*mac), [1, 2, 3, 4])
            }
            Namespace::Omemo2 => {
                let [mac, body] = pick(bytes, [1, 2])?;
                let body = body.ok_or(Malformed)?.bytes()?;
                let mac = mac.ok_or(Malformed)?.array()?;
                (body, body, Authentication::New(mac), [3, 1, 2, 4])
            }
        };
        let [ratchet, number, previous, sealed] = pick(body, numbers)?;
        let header = Header {
            ratchet: key(namespace, ratchet.ok_or(Malformed)?.bytes()?)?,
            number: number.ok_or(Malformed)?.number()?,
            previous: previous.map_or(Ok(0), Value::number)?,
        };
        Ok(Self { header, sealed: sealed.ok_or(Malformed)?.bytes()?, authenticated, mac })
    }

    /// Opens it when it authenticates, along with what is only known.
    pub(super) fn open(&self, keys: &Keys, known: [&[u8]; 4]) -> Result<Vec<u8>, RatchetError> {
        let [a, b, c, d] = known;
        let parts = [a, b, c, d, self.authenticated];
        let authentic = match &self.mac {
            Authentication::Old(mac) => keys.verify(&parts, mac),
            Authentication::New(mac) => keys.verify(&parts, mac),
        };
        if !authentic {
            return Err(RatchetError::Forged);
        }
        keys.decrypt(self.sealed).ok_or(RatchetError::Malformed)
    }
}

/// Seals a message.
pub(super) fn seal(
    namespace: Namespace,
    header: Header,
    keys: &Keys,
    known: [&[u8]; 4],
    plain: &[u8],
) -> Vec<u8> {
    let [a, b, c, d] = known;
    let length = Keys::sealed_length(plain.len());
    let mut message = Vec::with_capacity(length + 80);
    match namespace {
        Namespace::Axolotl => {
            message.push(VERSION);
            put_bytes(&mut message, 1, &header.ratchet.typed());
            put_number(&mut message, 2, header.number);
            put_number(&mut message, 3, header.previous);
            put_length(&mut message, 4, length);
            keys.encrypt(plain, &mut message);
            let mac = keys.mac::<OLD_MAC>(&[a, b, c, d, &message]);
            message.extend_from_slice(&mac);
            message
        }
        Namespace::Omemo2 => {
            put_number(&mut message, 1, header.number);
            put_number(&mut message, 2, header.previous);
            put_bytes(&mut message, 3, &header.ratchet.0);
            put_length(&mut message, 4, length);
            keys.encrypt(plain, &mut message);
            let mac = keys.mac::<MAC>(&[a, b, c, d, &message]);
            let mut whole = Vec::with_capacity(message.len() + MAC + 8);
            put_bytes(&mut whole, 1, &mac);
            put_bytes(&mut whole, 2, &message);
            whole
        }
    }
}
