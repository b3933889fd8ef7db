//! A session as it is kept between two messages: written often, so short and without ceremony.
//!
//! The kind of engine and the flags, a byte each; the fields in their order here, numbers
//! little-endian; no more and no less.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{
    Own, Pending, Receiving, Sending,
    skipped::{Chain, Skipped},
};
use crate::{IdentityKey, Namespace, Pair, PublicKey, Secret, ratchet::KIND_OWN};

const OMEMO2: u8 = 1;
const INITIATOR: u8 = 1 << 1;
const PENDING: u8 = 1 << 2;
const SENDING: u8 = 1 << 3;
const RECEIVING: u8 = 1 << 4;
const ALL: u8 = OMEMO2 | INITIATOR | PENDING | SENDING | RECEIVING;

/// Writes it into memory that is big enough from the start, so that no part is left behind.
pub(super) fn write(session: &Own) -> Zeroizing<Vec<u8>> {
    let chains = &session.skipped.chains;
    let length: usize = chains.iter().map(|chain| 35 + 36 * chain.keys.len()).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(352 + length));
    let flags = [
        (OMEMO2, session.namespace == Namespace::Omemo2),
        (INITIATOR, session.initiator),
        (PENDING, session.pending.is_some()),
        (SENDING, session.sending.is_some()),
        (RECEIVING, session.receiving.is_some()),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).fold(0, |all, (flag, _)| all | flag);
    out.extend_from_slice(&[KIND_OWN, flags]);
    out.extend_from_slice(&session.ours);
    out.extend_from_slice(&session.theirs);
    if session.namespace == Namespace::Omemo2 {
        out.extend_from_slice(&session.peer.0.0);
    }
    out.extend_from_slice(&session.base.0);
    out.extend_from_slice(session.root.expose());
    out.extend_from_slice(session.pair.secret.expose());
    out.extend_from_slice(&session.pair.public.0);
    if let Some(Pending { prekey, signed_prekey, registration }) = session.pending {
        for number in [prekey, signed_prekey, registration] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    if let Some(Sending { key, number }) = &session.sending {
        out.extend_from_slice(key.expose());
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&session.previous.to_le_bytes());
    if let Some(Receiving { key, number, .. }) = &session.receiving {
        out.extend_from_slice(key.expose());
        out.extend_from_slice(&number.to_le_bytes());
    }
    put_count(&mut out, chains.len());
    for Chain { ratchet, keys, spare } in chains {
        out.extend_from_slice(&ratchet.0);
        out.push(u8::from(*spare));
        put_count(&mut out, keys.len());
        for (number, key) in keys {
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(key.expose());
        }
    }
    out
}

/// There are never as many as would not fit.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Option<Own> {
    let mut input = Input(bytes);
    let [KIND_OWN, flags] = input.take()? else { return None };
    if flags & !ALL != 0 {
        return None;
    }
    let set = |flag| flags & flag != 0;
    let namespace = if set(OMEMO2) { Namespace::Omemo2 } else { Namespace::Axolotl };
    let (ours, theirs) = (input.take()?, input.take()?);
    let peer = if set(OMEMO2) { input.take()? } else { theirs };
    let base = PublicKey(input.take()?);
    let root = input.secret()?;
    let pair = Pair { secret: input.secret()?, public: PublicKey(input.take()?) };
    let pending = if set(PENDING) {
        let (prekey, signed_prekey) = (input.number()?, input.number()?);
        Some(Pending { prekey, signed_prekey, registration: input.number()? })
    } else {
        None
    };
    let sending = if set(SENDING) { Some(input.chain()?) } else { None };
    let previous = input.number()?;
    let receiving = if set(RECEIVING) { Some(input.chain()?) } else { None };
    let mut chains = VecDeque::new();
    for _ in 0..input.count()? {
        chains.push_back(input.skipped()?);
    }
    if !input.0.is_empty() {
        return None;
    }
    // The chain in use is the last of all.
    let receiving = match (receiving, chains.back()) {
        (Some((key, number)), Some(Chain { ratchet, .. })) => {
            Some(Receiving { ratchet: *ratchet, key, number })
        }
        (None, None) => None,
        _ => return None,
    };
    if sending.is_none() && receiving.is_none() {
        return None;
    }
    Some(Own {
        namespace,
        ours,
        theirs,
        peer: IdentityKey(PublicKey(peer)),
        initiator: set(INITIATOR),
        base,
        pending,
        root,
        pair,
        sending: sending.map(|(key, number)| Sending { key, number }),
        previous,
        receiving,
        skipped: Skipped::of(chains)?,
    })
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn secret(&mut self) -> Option<Secret> {
        self.take().map(Secret::new)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn count(&mut self) -> Option<usize> {
        self.take().map(|bytes| u16::from_le_bytes(bytes).into())
    }

    fn chain(&mut self) -> Option<(Secret, u32)> {
        Some((self.secret()?, self.number()?))
    }

    fn skipped(&mut self) -> Option<Chain> {
        let ratchet = PublicKey(self.take()?);
        let spare = match self.take()? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let count = self.count()?;
        // Not more than there can be, whatever it says.
        let mut keys = VecDeque::with_capacity(count.min(self.0.len() / 36));
        for _ in 0..count {
            keys.push_back((self.number()?, self.secret()?));
        }
        Some(Chain { ratchet, keys, spare })
    }
}
