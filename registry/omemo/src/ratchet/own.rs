//! Our own engine for both namespaces: X3DH and the Double Ratchet from their specifications.

use std::collections::VecDeque;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Exchange, MAX_SKIP, Ratchet, RatchetError, Sealed, saved};
use crate::{
    Bundle, Identity, IdentityKey, Namespace, Pair, PublicKey, Secret, WeakKey,
    kdf::{MessageKeys, hkdf, hmac},
    protobuf::{Fields, Writer},
    signature::encoded,
};

/// Keys of skipped messages that one session keeps; of more the oldest is let go.
pub(super) const KEPT: usize = 2000;

/// Ratchet keys of the other side that are remembered, so that a replay is known for what it is.
const PAST: usize = 8;

/// The version of the older namespace's messages: 3, twice.
const VERSION: u8 = 0x33;

impl From<WeakKey> for RatchetError {
    fn from(_: WeakKey) -> Self {
        Self::WeakKey
    }
}

/// What the namespaces call their derived keys.
struct Labels {
    agreement: &'static [u8],
    root: &'static [u8],
    message: &'static [u8],
    /// Bytes of the authenticator that are sent.
    mac: usize,
}

fn labels(namespace: Namespace) -> &'static Labels {
    match namespace {
        Namespace::Axolotl => &Labels {
            agreement: b"WhisperText",
            root: b"WhisperRatchet",
            message: b"WhisperMessageKeys",
            mac: 8,
        },
        Namespace::Omemo2 => &Labels {
            agreement: b"OMEMO X3DH",
            root: b"OMEMO Root Chain",
            message: b"OMEMO Message Key Material",
            mac: 16,
        },
    }
}

/// A session of our own engine.
#[derive(Clone, Debug)]
pub struct Own {
    pub(super) namespace: Namespace,
    pub(super) us: [u8; 32],
    pub(super) them: IdentityKey,
    /// The same as the namespace writes it.
    pub(super) them_written: [u8; 32],
    pub(super) initiator: bool,
    pub(super) base: PublicKey,
    /// What is sent along until the other side has answered.
    pub(super) pending: Option<Pending>,
    pub(super) root: Secret,
    /// Our ratchet key, and the other side's.
    pub(super) ours: Pair,
    pub(super) theirs: Option<PublicKey>,
    /// Those that the other side used before, the newest first.
    pub(super) past: VecDeque<PublicKey>,
    pub(super) sending: Option<Chain>,
    pub(super) receiving: Option<Chain>,
    /// Messages of our chain before this one.
    pub(super) previous: u32,
    pub(super) skipped: VecDeque<Skipped>,
}

/// A chain of message keys.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) key: Secret,
    /// The number of the next message.
    pub(super) next: u32,
}

impl Chain {
    /// The key of the next message; the chain goes one further.
    fn step(&mut self) -> Secret {
        let message = Secret::new(hmac(self.key.expose(), &[&[1]]));
        self.key = Secret::new(hmac(self.key.expose(), &[&[2]]));
        self.next = self.next.saturating_add(1);
        message
    }
}

/// The key of a message that has not come yet.
#[derive(Clone, Debug)]
pub(super) struct Skipped {
    pub(super) ratchet: PublicKey,
    pub(super) number: u32,
    pub(super) key: Secret,
}

/// The open part of our exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) prekey: u32,
    pub(super) signed_prekey: u32,
    pub(super) registration: u32,
}

/// An exchange with the message that came along.
pub(super) struct ExchangeMessage<'a> {
    pub(super) open: Exchange,
    written: [u8; 32],
    message: &'a [u8],
}

impl<'a> ExchangeMessage<'a> {
    pub(super) fn read(namespace: Namespace, bytes: &'a [u8]) -> Result<Self, RatchetError> {
        let malformed = RatchetError::Malformed;
        let (body, [prekey, signed, identity, base, message]) = match namespace {
            Namespace::Axolotl => {
                (bytes.strip_prefix(&[VERSION]).ok_or(malformed)?, [1, 6, 3, 2, 4])
            }
            Namespace::Omemo2 => (bytes, [1, 2, 3, 4, 5]),
        };
        let fields = Fields::read(body).ok_or(malformed)?;
        let key = |field| decoded(namespace, fields.bytes(field)?);
        let base = PublicKey(key(base).ok_or(malformed)?);
        let written = key(identity).ok_or(malformed)?;
        // Agreement does not look at that bit: one exchange would look like two.
        let [.., last] = base.0;
        if last & 0x80 != 0 {
            return Err(malformed);
        }
        let identity = match namespace {
            Namespace::Axolotl => IdentityKey(PublicKey(written)),
            Namespace::Omemo2 => IdentityKey::from_ed25519(&written)?,
        };
        let open = Exchange {
            prekey: fields.number(prekey).ok_or(malformed)?,
            signed_prekey: fields.number(signed).ok_or(malformed)?,
            identity,
            base,
        };
        Ok(Self { open, written, message: fields.bytes(message).ok_or(malformed)? })
    }
}

/// A public key as a namespace writes it.
fn decoded(namespace: Namespace, bytes: &[u8]) -> Option<[u8; 32]> {
    match namespace {
        Namespace::Axolotl => bytes.strip_prefix(&[5])?.try_into().ok(),
        Namespace::Omemo2 => bytes.try_into().ok(),
    }
}

fn written(namespace: Namespace, identity: &IdentityKey) -> Result<[u8; 32], WeakKey> {
    match namespace {
        Namespace::Axolotl => Ok(identity.0.0),
        Namespace::Omemo2 => identity.to_ed25519(),
    }
}

/// The root key that both sides agree on (X3DH section 3.3).
fn agree(namespace: Namespace, shared: [Secret; 4]) -> Secret {
    let mut material = Zeroizing::new(vec![0xff; 32]);
    material.reserve_exact(4 * 32);
    for secret in &shared {
        material.extend_from_slice(secret.expose());
    }
    Secret::new(*hkdf(&[0; 32], &material, labels(namespace).agreement))
}

/// A message of the ratchet, taken apart.
struct Parts<'a> {
    /// What is authenticated.
    authenticated: &'a [u8],
    mac: &'a [u8],
    ratchet: PublicKey,
    number: u32,
    previous: u32,
    cipher: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(namespace: Namespace, bytes: &'a [u8]) -> Option<Self> {
        let mac_length = labels(namespace).mac;
        let (authenticated, mac, body, [ratchet, number, previous]) = match namespace {
            Namespace::Axolotl => {
                let (message, mac) =
                    bytes.split_at_checked(bytes.len().checked_sub(mac_length)?)?;
                (message, mac, message.strip_prefix(&[VERSION])?, [1, 2, 3])
            }
            Namespace::Omemo2 => {
                let outer = Fields::read(bytes)?;
                let message = outer.bytes(2)?;
                (message, outer.bytes(1)?, message, [3, 1, 2])
            }
        };
        let fields = Fields::read(body)?;
        (mac.len() == mac_length).then_some(())?;
        Some(Self {
            authenticated,
            mac,
            ratchet: PublicKey(decoded(namespace, fields.bytes(ratchet)?)?),
            number: fields.number(number)?,
            previous: fields.number(previous).unwrap_or(0),
            cipher: fields.bytes(4)?,
        })
    }
}

/// What a message will have changed, once it is known to be genuine.
struct Advance {
    root: Option<Secret>,
    receiving: Chain,
    skipped: Vec<Skipped>,
}

impl Own {
    /// The identities that a message is bound to. The older namespace names the sender first, the
    /// newer one who initiated.
    fn binding(&self, sending: bool) -> [[u8; 32]; 2] {
        let ours_first = match self.namespace {
            Namespace::Axolotl => sending,
            Namespace::Omemo2 => self.initiator,
        };
        if ours_first { [self.us, self.them_written] } else { [self.them_written, self.us] }
    }

    fn mac(&self, keys: &MessageKeys, sending: bool, message: &[u8]) -> [u8; 32] {
        let [first, second] = self.binding(sending);
        match self.namespace {
            Namespace::Axolotl => keys.authenticate(&[&[5], &first, &[5], &second, message]),
            Namespace::Omemo2 => keys.authenticate(&[&first, &second, message]),
        }
    }

    /// A root key from the last one (Double Ratchet section 5.2), and the key of a new chain.
    fn turn(
        &self,
        root: &Secret,
        ours: &Pair,
        theirs: &PublicKey,
    ) -> Result<(Secret, Chain), RatchetError> {
        let shared = ours.agree(theirs)?;
        let derived = hkdf::<64>(root.expose(), shared.expose(), labels(self.namespace).root);
        let (root, chain) = derived.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
        let chain = chain.first_chunk().unwrap_or(&[0; 32]);
        Ok((Secret::new(*root), Chain { key: Secret::new(*chain), next: 0 }))
    }

    fn write(&self, key: &Secret, number: u32, plain: &[u8]) -> Vec<u8> {
        let labels = labels(self.namespace);
        let keys = MessageKeys::derive(key.expose(), labels.message);
        let cipher = keys.encrypt(plain);
        let ratchet = encoded(self.namespace, &self.ours.public);
        let message = Writer::with_capacity(cipher.len() + 64);
        match self.namespace {
            Namespace::Axolotl => {
                let message = message.byte(VERSION).bytes(1, &ratchet).number(2, number);
                let mut message = message.number(3, self.previous).bytes(4, &cipher).done();
                let mac = self.mac(&keys, true, &message);
                message.extend(mac.iter().take(labels.mac));
                message
            }
            Namespace::Omemo2 => {
                let message = message.number(1, number).number(2, self.previous);
                let message = message.bytes(3, &ratchet).bytes(4, &cipher).done();
                let mac = self.mac(&keys, true, &message);
                let mac = mac.get(..labels.mac).unwrap_or_default();
                Writer::with_capacity(message.len() + 24).bytes(1, mac).bytes(2, &message).done()
            }
        }
    }

    fn read(&self, key: &Secret, parts: &Parts<'_>) -> Result<Vec<u8>, RatchetError> {
        let labels = labels(self.namespace);
        let keys = MessageKeys::derive(key.expose(), labels.message);
        let mac = self.mac(&keys, false, parts.authenticated);
        let mac = mac.get(..labels.mac).unwrap_or_default();
        if !bool::from(mac.ct_eq(parts.mac)) {
            return Err(RatchetError::Forged);
        }
        keys.decrypt(parts.cipher).ok_or(RatchetError::Malformed)
    }

    /// Goes on to a message of some chain. Nothing changes yet; a number that is too far ahead
    /// costs nothing.
    fn advance(&self, parts: &Parts<'_>) -> Result<(Advance, Secret), RatchetError> {
        let mut skipped = Vec::new();
        let current = self.receiving.as_ref().filter(|_| self.theirs == Some(parts.ratchet));
        let (root, mut receiving) = match current {
            Some(chain) => (None, chain.clone()),
            None if self.past.contains(&parts.ratchet) => return Err(RatchetError::Duplicate),
            None => {
                if let (Some(chain), Some(theirs)) = (&self.receiving, self.theirs) {
                    skip(&mut chain.clone(), parts.previous, theirs, &mut skipped)?;
                }
                let (root, chain) = self.turn(&self.root, &self.ours, &parts.ratchet)?;
                (Some(root), chain)
            }
        };
        if parts.number < receiving.next {
            return Err(RatchetError::Duplicate);
        }
        skip(&mut receiving, parts.number, parts.ratchet, &mut skipped)?;
        let key = receiving.step();
        Ok((Advance { root, receiving, skipped }, key))
    }

    fn open_inner(&mut self, bytes: &[u8]) -> Result<Vec<u8>, RatchetError> {
        let parts = Parts::read(self.namespace, bytes).ok_or(RatchetError::Malformed)?;
        let is_it = |it: &Skipped| it.ratchet == parts.ratchet && it.number == parts.number;
        if let Some(index) = self.skipped.iter().position(is_it) {
            let Some(skipped) = self.skipped.get(index) else { return Err(RatchetError::Forged) };
            let plain = self.read(&skipped.key, &parts)?;
            self.skipped.remove(index);
            self.pending = None;
            return Ok(plain);
        }
        let (advance, key) = self.advance(&parts)?;
        let plain = self.read(&key, &parts)?;
        let Advance { root, receiving, skipped } = advance;
        if let Some(root) = root {
            self.root = root;
            if let Some(theirs) = self.theirs.replace(parts.ratchet) {
                self.past.push_front(theirs);
            }
            self.past.truncate(PAST);
            // The sending half of the step is made when something is sent.
            if let Some(chain) = self.sending.take() {
                self.previous = chain.next;
            }
        }
        self.receiving = Some(receiving);
        self.skipped.extend(skipped);
        let surplus = self.skipped.len().saturating_sub(KEPT);
        self.skipped.drain(..surplus);
        self.pending = None;
        Ok(plain)
    }
}

/// Keeps the keys of the messages before `until`.
fn skip(
    chain: &mut Chain,
    until: u32,
    ratchet: PublicKey,
    skipped: &mut Vec<Skipped>,
) -> Result<(), RatchetError> {
    let missing = until.saturating_sub(chain.next);
    if missing > MAX_SKIP {
        return Err(RatchetError::TooFarAhead(missing));
    }
    for number in chain.next..until {
        skipped.push(Skipped { ratchet, number, key: chain.step() });
    }
    Ok(())
}

impl Ratchet for Own {
    fn initiate(
        namespace: Namespace,
        own: &Identity,
        theirs: &Bundle,
        prekey: u32,
    ) -> Result<Self, RatchetError> {
        theirs.check(namespace)?;
        let chosen = theirs.prekeys.iter().find(|it| it.id == prekey);
        let one_time = chosen.ok_or(RatchetError::UnknownPrekey(prekey))?.key;
        let signed = theirs.signed_prekey.key;
        let ephemeral = Pair::random();
        let shared = [
            own.pair.agree(&signed)?,
            ephemeral.agree(&theirs.identity.0)?,
            ephemeral.agree(&signed)?,
            ephemeral.agree(&one_time)?,
        ];
        let them_written = match (namespace, theirs.sign) {
            (Namespace::Omemo2, Some(sign)) => theirs.identity.to_ed25519_signed(sign)?,
            _ => written(namespace, &theirs.identity)?,
        };
        let mut session = Self {
            namespace,
            us: written(namespace, &own.key())?,
            them: theirs.identity,
            them_written,
            initiator: true,
            base: ephemeral.public,
            pending: Some(Pending {
                prekey,
                signed_prekey: theirs.signed_prekey.id,
                registration: own.registration,
            }),
            root: agree(namespace, shared),
            ours: Pair::random(),
            theirs: Some(signed),
            past: VecDeque::new(),
            sending: None,
            receiving: None,
            previous: 0,
            skipped: VecDeque::new(),
        };
        let (root, chain) = session.turn(&session.root, &session.ours, &signed)?;
        session.root = root;
        session.sending = Some(chain);
        Ok(session)
    }

    fn respond(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        bytes: &[u8],
    ) -> Result<(Self, Vec<u8>), RatchetError> {
        let exchange = ExchangeMessage::read(namespace, bytes)?;
        let Exchange { identity, base, .. } = exchange.open;
        let shared = [
            signed_prekey.agree(&identity.0)?,
            own.pair.agree(&base)?,
            signed_prekey.agree(&base)?,
            prekey.agree(&base)?,
        ];
        let mut session = Self {
            namespace,
            us: written(namespace, &own.key())?,
            them: identity,
            them_written: exchange.written,
            initiator: false,
            base,
            pending: None,
            root: agree(namespace, shared),
            ours: signed_prekey.clone(),
            theirs: None,
            past: VecDeque::new(),
            sending: None,
            receiving: None,
            previous: 0,
            skipped: VecDeque::new(),
        };
        let plain = session.open_inner(exchange.message)?;
        Ok((session, plain))
    }

    fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError> {
        if self.sending.is_none() {
            let theirs = self.theirs.ok_or(RatchetError::Damaged)?;
            let ours = Pair::random();
            let (root, chain) = self.turn(&self.root, &ours, &theirs)?;
            self.root = root;
            self.ours = ours;
            self.sending = Some(chain);
        }
        let Some(chain) = &mut self.sending else { return Err(RatchetError::Damaged) };
        let number = chain.next;
        let key = chain.step();
        let message = self.write(&key, number, plain);
        let Some(pending) = self.pending else {
            return Ok(Sealed { bytes: message, exchange: false });
        };
        let Pending { prekey, signed_prekey, registration } = pending;
        let (base, us) = (self.base, PublicKey(self.us));
        let base = encoded(self.namespace, &base);
        let us = encoded(self.namespace, &us);
        let writer = Writer::with_capacity(message.len() + 96);
        let bytes = match self.namespace {
            Namespace::Axolotl => {
                let writer = writer.byte(VERSION).number(1, prekey).bytes(2, &base).bytes(3, &us);
                writer.bytes(4, &message).number(5, registration).number(6, signed_prekey)
            }
            Namespace::Omemo2 => {
                let writer = writer.number(1, prekey).number(2, signed_prekey);
                writer.bytes(3, &us).bytes(4, &base).bytes(5, &message)
            }
        };
        Ok(Sealed { bytes: bytes.done(), exchange: true })
    }

    fn open(&mut self, bytes: &[u8], exchange: bool) -> Result<Vec<u8>, RatchetError> {
        if !exchange {
            return self.open_inner(bytes);
        }
        let exchange = ExchangeMessage::read(self.namespace, bytes)?;
        if exchange.open.base != self.base || exchange.written != self.them_written {
            return Err(RatchetError::Forged);
        }
        self.open_inner(exchange.message)
    }

    fn base(&self) -> PublicKey {
        self.base
    }

    fn peer(&self) -> IdentityKey {
        self.them
    }

    fn received(&self) -> u32 {
        self.receiving.as_ref().map_or(0, |it| it.next)
    }

    fn confirmed(&self) -> bool {
        self.pending.is_none()
    }

    fn save(&self) -> Zeroizing<Vec<u8>> {
        saved::write(self)
    }

    fn load(bytes: &[u8]) -> Result<Self, RatchetError> {
        saved::read(bytes).ok_or(RatchetError::Damaged)
    }
}
