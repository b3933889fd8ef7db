//! A session of our own engine as bytes: small, since it is written after every message.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::own::{Chain, Own, Pending, Skipped};
use crate::{IdentityKey, Namespace, Pair, PublicKey, Secret};

/// The first byte of what this engine saves, by namespace; another form gets another.
const AXOLOTL: u8 = 1;
const OMEMO2: u8 = 2;

pub(super) fn write(session: &Own) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(400 + 68 * session.skipped.len()));
    out.push(match session.namespace {
        Namespace::Axolotl => AXOLOTL,
        Namespace::Omemo2 => OMEMO2,
    });
    out.push(u8::from(session.initiator));
    for key in [&session.us, &session.them.0.0, &session.them_written, &session.base.0] {
        out.extend_from_slice(key);
    }
    out.extend_from_slice(session.root.expose());
    out.extend_from_slice(session.ours.secret.expose());
    number(&mut out, session.previous);
    out.push(u8::from(session.pending.is_some()));
    if let Some(Pending { prekey, signed_prekey, registration }) = session.pending {
        [prekey, signed_prekey, registration].into_iter().for_each(|it| number(&mut out, it));
    }
    out.push(u8::from(session.theirs.is_some()));
    if let Some(theirs) = session.theirs {
        out.extend_from_slice(&theirs.0);
    }
    out.push(u8::try_from(session.past.len()).unwrap_or_default());
    session.past.iter().for_each(|it| out.extend_from_slice(&it.0));
    for chain in [&session.sending, &session.receiving] {
        out.push(u8::from(chain.is_some()));
        if let Some(chain) = chain {
            out.extend_from_slice(chain.key.expose());
            number(&mut out, chain.next);
        }
    }
    for skipped in &session.skipped {
        out.extend_from_slice(&skipped.ratchet.0);
        number(&mut out, skipped.number);
        out.extend_from_slice(skipped.key.expose());
    }
    out
}

fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn read(bytes: &[u8]) -> Option<Own> {
    let mut rest = Rest(bytes);
    let namespace = match rest.byte()? {
        AXOLOTL => Namespace::Axolotl,
        OMEMO2 => Namespace::Omemo2,
        _ => return None,
    };
    let initiator = rest.truth()?;
    let us = rest.take()?;
    let them = IdentityKey(PublicKey(rest.take()?));
    let them_written = rest.take()?;
    let base = PublicKey(rest.take()?);
    let root = Secret::new(rest.take()?);
    let ours = Pair::from(Secret::new(rest.take()?));
    let previous = rest.number()?;
    let pending = match rest.truth()? {
        true => Some(Pending {
            prekey: rest.number()?,
            signed_prekey: rest.number()?,
            registration: rest.number()?,
        }),
        false => None,
    };
    let theirs = if rest.truth()? { Some(PublicKey(rest.take()?)) } else { None };
    let past = rest.byte()?;
    let past = (0..past).map(|_| rest.take().map(PublicKey)).collect::<Option<_>>()?;
    let sending = rest.chain()?;
    let receiving = rest.chain()?;
    let mut skipped = VecDeque::new();
    while !rest.0.is_empty() {
        let ratchet = PublicKey(rest.take()?);
        let number = rest.number()?;
        skipped.push_back(Skipped { ratchet, number, key: Secret::new(rest.take()?) });
    }
    Some(Own {
        namespace,
        us,
        them,
        them_written,
        initiator,
        base,
        pending,
        root,
        ours,
        theirs,
        past,
        sending,
        receiving,
        previous,
        skipped,
    })
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn truth(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    #[expect(clippy::option_option, reason = "cannot be read, or is not there")]
    fn chain(&mut self) -> Option<Option<Chain>> {
        if !self.truth()? {
            return Some(None);
        }
        Some(Some(Chain { key: Secret::new(self.take()?), next: self.number()? }))
    }
}
