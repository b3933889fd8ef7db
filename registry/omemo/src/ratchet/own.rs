//! Our own engine, for both namespaces: X3DH and the Double Ratchet as Signal describes them.
//!
//! A message is opened first and what it changes is kept after, so that one that fails changes
//! nothing. What a counter says is looked at before anything is derived for it.

mod saved;
mod schedule;
mod skipped;

use std::fmt;

use zeroize::Zeroizing;

use self::skipped::Skipped;
use super::{
    Exchange, MAX_SKIP, Ratchet, RatchetError, Sealed,
    exchange::Letter,
    message::{self, Header, Message},
};
use crate::{Bundle, Identity, IdentityKey, Namespace, Pair, PublicKey, Secret};

/// A session of our own engine.
#[derive(Clone)]
pub struct Own {
    namespace: Namespace,
    /// Both identities as the namespace writes them in messages.
    ours: [u8; 32],
    theirs: [u8; 32],
    peer: IdentityKey,
    /// Whether we began it.
    initiator: bool,
    base: PublicKey,
    /// What goes with each message until the other side answers.
    pending: Option<Pending>,
    root: Secret,
    /// Our ratchet key, of which the other side knows or will know the public half.
    pair: Pair,
    /// Empty from when the other side's ratchet key changes until we seal again.
    sending: Option<Sending>,
    /// How many messages our chain before this one had.
    previous: u32,
    receiving: Option<Receiving>,
    skipped: Skipped,
}

/// Which keys of the other side we used to begin.
#[derive(Clone, Copy, Debug)]
struct Pending {
    prekey: u32,
    signed_prekey: u32,
    registration: u32,
}

/// The chain of what we send.
#[derive(Clone)]
struct Sending {
    key: Secret,
    number: u32,
}

/// The chain of what we receive.
#[derive(Clone)]
struct Receiving {
    ratchet: PublicKey,
    key: Secret,
    number: u32,
}

/// Where a chain gets to with a message that is next, or ahead.
struct Ahead {
    message: Secret,
    skipped: Vec<(u32, Secret)>,
    chain: Receiving,
}

impl Receiving {
    /// How many messages are missing before that one, unless they are too many.
    fn gap(&self, number: u32) -> Result<u32, RatchetError> {
        within(number.saturating_sub(self.number))
    }

    /// The keys of the messages from here to before that one, and the chain's key there.
    fn skip(&self, number: u32) -> (Vec<(u32, Secret)>, Secret) {
        let missing = self.number..number;
        let mut key = self.key.clone();
        let mut skipped = Vec::with_capacity(missing.len());
        for number in missing {
            let (next, message) = schedule::step(&key);
            skipped.push((number, message));
            key = next;
        }
        (skipped, key)
    }

    fn ahead(&self, number: u32) -> Result<Ahead, RatchetError> {
        self.gap(number)?;
        let next = number.checked_add(1).ok_or(RatchetError::Malformed)?;
        let (skipped, key) = self.skip(number);
        let (key, message) = schedule::step(&key);
        Ok(Ahead { message, skipped, chain: Self { ratchet: self.ratchet, key, number: next } })
    }
}

fn within(gap: u32) -> Result<u32, RatchetError> {
    if gap > MAX_SKIP { Err(RatchetError::TooFarAhead(gap)) } else { Ok(gap) }
}

impl Ratchet for Own {
    fn initiate(
        namespace: Namespace,
        own: &Identity,
        theirs: &Bundle,
        prekey: u32,
    ) -> Result<Self, RatchetError> {
        let number = prekey;
        let prekey =
            theirs.checked(namespace, number)?.ok_or(RatchetError::UnknownPrekey(number))?.key;
        let signed_prekey = theirs.signed_prekey.key;
        let (base, pair) = (Pair::random(), Pair::random());
        let agreements = [
            own.pair.agree(&signed_prekey)?,
            base.agree(&theirs.identity.0)?,
            base.agree(&signed_prekey)?,
            base.agree(&prekey)?,
        ];
        let root = schedule::first_root(namespace, &agreements);
        let (root, key) = schedule::turn(namespace, &root, &pair.agree(&signed_prekey)?);
        Ok(Self {
            namespace,
            ours: form(namespace, own.key(), 0)?,
            theirs: form(namespace, theirs.identity, theirs.sign.unwrap_or(0))?,
            peer: theirs.identity,
            initiator: true,
            base: base.public,
            pending: Some(Pending {
                prekey: number,
                signed_prekey: theirs.signed_prekey.id,
                registration: own.registration,
            }),
            root,
            pair,
            sending: Some(Sending { key, number: 0 }),
            previous: 0,
            receiving: None,
            skipped: Skipped::default(),
        })
    }

    fn respond(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        bytes: &[u8],
    ) -> Result<(Self, Vec<u8>), RatchetError> {
        let letter = Letter::read(namespace, bytes)?;
        let mut session = Self::answer(namespace, own, signed_prekey, prekey, &letter)?;
        let plain = session.open(letter.message, false)?;
        Ok((session, plain))
    }

    fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError> {
        let sending = match &self.sending {
            Some(sending) => sending.clone(),
            None => self.turn()?,
        };
        let next = sending.number.checked_add(1).ok_or(RatchetError::Exhausted)?;
        let (key, secret) = schedule::step(&sending.key);
        let keys = schedule::keys(self.namespace, &secret);
        let header =
            Header { ratchet: self.pair.public, number: sending.number, previous: self.previous };
        let message = message::seal(self.namespace, header, &keys, self.known(true), plain);
        self.sending = Some(Sending { key, number: next });
        let Some(pending) = self.pending else {
            return Ok(Sealed { bytes: message, exchange: false });
        };
        let letter = Letter {
            prekey: pending.prekey,
            signed_prekey: pending.signed_prekey,
            identity: self.ours,
            base: self.base,
            message: &message,
        };
        Ok(Sealed { bytes: letter.write(self.namespace, pending.registration), exchange: true })
    }

    fn open(&mut self, bytes: &[u8], exchange: bool) -> Result<Vec<u8>, RatchetError> {
        let message = if exchange { self.unpack(bytes)? } else { bytes };
        let message = Message::read(self.namespace, message)?;
        let Header { ratchet, number, .. } = message.header;
        let plain = match &self.receiving {
            Some(chain) if chain.ratchet == ratchet && number >= chain.number => {
                self.open_ahead(&message, chain.ahead(number)?)?
            }
            _ if self.skipped.knows(&ratchet) => self.open_skipped(&message)?,
            _ => self.open_turned(&message)?,
        };
        self.pending = None;
        Ok(plain)
    }

    fn base(&self) -> PublicKey {
        self.base
    }

    fn peer(&self) -> IdentityKey {
        self.peer
    }

    fn received(&self) -> u32 {
        self.receiving.as_ref().map_or(0, |chain| chain.number)
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

impl Own {
    /// The session of an exchange that came, before any message of it was opened.
    fn answer(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        letter: &Letter<'_>,
    ) -> Result<Self, RatchetError> {
        let Exchange { identity, base, .. } = letter.exchange(namespace)?;
        let agreements = [
            signed_prekey.agree(&identity.0)?,
            own.pair.agree(&base)?,
            signed_prekey.agree(&base)?,
            prekey.agree(&base)?,
        ];
        Ok(Self {
            namespace,
            ours: form(namespace, own.key(), 0)?,
            theirs: letter.identity,
            peer: identity,
            initiator: false,
            base,
            pending: None,
            root: schedule::first_root(namespace, &agreements),
            pair: signed_prekey.clone(),
            sending: None,
            previous: 0,
            receiving: None,
            skipped: Skipped::default(),
        })
    }

    /// The message within an exchange, which must be the one that this session began with.
    fn unpack<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], RatchetError> {
        let letter = Letter::read(self.namespace, bytes)?;
        let same = letter.base == self.base && letter.identity == self.theirs;
        if self.initiator || !same { Err(RatchetError::Forged) } else { Ok(letter.message) }
    }

    /// What both sides know and each message is authenticated with: the sender before the receiver
    /// in the older namespace, who began before the other in the newer.
    fn known(&self, we_send: bool) -> [&[u8]; 4] {
        let (we_first, kind): (bool, &[u8]) = match self.namespace {
            Namespace::Axolotl => (we_send, &[5]),
            Namespace::Omemo2 => (self.initiator, &[]),
        };
        if we_first {
            [kind, &self.ours, kind, &self.theirs]
        } else {
            [kind, &self.theirs, kind, &self.ours]
        }
    }

    /// Begins our next chain, with a fresh ratchet key.
    fn turn(&mut self) -> Result<Sending, RatchetError> {
        let theirs = self.receiving.as_ref().ok_or(RatchetError::Damaged)?.ratchet;
        let pair = Pair::random();
        let (root, key) = schedule::turn(self.namespace, &self.root, &pair.agree(&theirs)?);
        (self.root, self.pair) = (root, pair);
        Ok(Sending { key, number: 0 })
    }

    /// Opens one that was passed over, or tells that it came before.
    fn open_skipped(&mut self, message: &Message<'_>) -> Result<Vec<u8>, RatchetError> {
        let Header { ratchet, number, .. } = message.header;
        let (place, secret) = self.skipped.find(&ratchet, number).ok_or(RatchetError::Duplicate)?;
        let keys = schedule::keys(self.namespace, secret);
        let plain = message.open(&keys, self.known(false))?;
        self.skipped.remove(place);
        Ok(plain)
    }

    /// Opens one of the chain in use.
    fn open_ahead(&mut self, message: &Message<'_>, ahead: Ahead) -> Result<Vec<u8>, RatchetError> {
        let keys = schedule::keys(self.namespace, &ahead.message);
        let plain = message.open(&keys, self.known(false))?;
        self.skipped.keep(ahead.skipped);
        self.receiving = Some(ahead.chain);
        Ok(plain)
    }

    /// Opens one of the chain that it begins. Ours ends with it: the next that we seal turns the
    /// ratchet, no earlier, since the other side may send long before we do.
    fn open_turned(&mut self, message: &Message<'_>) -> Result<Vec<u8>, RatchetError> {
        let Header { ratchet, number, previous } = message.header;
        let ended = self.receiving.as_ref();
        ended.map(|chain| chain.gap(previous)).transpose()?;
        within(number)?;

        let agreement = self.pair.agree(&ratchet)?;
        let (root, key) = schedule::turn(self.namespace, &self.root, &agreement);
        let ahead = Receiving { ratchet, key, number: 0 }.ahead(number)?;
        let keys = schedule::keys(self.namespace, &ahead.message);
        let plain = message.open(&keys, self.known(false))?;

        if let Some(ended) = ended {
            // libsignal's engines say one less than there were, others do not.
            let spare = self.namespace == Namespace::Axolotl && previous >= ended.number;
            let (missed, _) = ended.skip(previous.saturating_add(spare.into()));
            self.skipped.keep(missed);
            if spare {
                self.skipped.spare();
            }
        }
        self.skipped.begin(ratchet);
        self.skipped.keep(ahead.skipped);
        self.root = root;
        self.receiving = Some(ahead.chain);
        if let Some(sending) = self.sending.take() {
            self.previous = sending.number;
        }
        Ok(plain)
    }
}

/// An identity as the namespace writes it in messages.
fn form(namespace: Namespace, key: IdentityKey, sign: u8) -> Result<[u8; 32], RatchetError> {
    match namespace {
        Namespace::Axolotl => Ok(key.0.0),
        Namespace::Omemo2 => Ok(key.to_ed25519_signed(sign)?),
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own")
            .field("namespace", &self.namespace)
            .field("peer", &self.peer)
            .field("base", &self.base)
            .field("confirmed", &self.confirmed())
            .field("received", &self.received())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::Value;

    use super::*;

    fn base64(value: &Value) -> Vec<u8> {
        STANDARD.decode(value.as_str().unwrap()).unwrap()
    }

    fn pair(value: &Value) -> Pair {
        let secret = hex::decode(value.as_str().unwrap()).unwrap();
        Pair::from(Secret::new(secret.try_into().unwrap()))
    }

    /// A recipient whose identity has the sign 1, as ours never has: so the session is told.
    #[test]
    fn the_sign_of_the_recipient_is_authenticated() {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/omemo/vectors.json")).unwrap();
        let is_it = |it: &&Value| {
            it["profile"] == "omemo2" && base64(&it["bundle"]["ik_ed"])[31] & 0x80 != 0
        };
        let vector = all.as_array().unwrap().iter().find(is_it).unwrap();
        let (bob, messages) = (&vector["bob"], vector["messages"].as_array().unwrap());
        let own = Identity { pair: pair(&bob["ik_priv"]), registration: 1 };
        let first = base64(&messages[0]["kex"]);
        let letter = Letter::read(Namespace::Omemo2, &first).unwrap();
        let mut prekeys = bob["pks"].as_array().unwrap().iter();
        let prekey = pair(&prekeys.find(|it| it[0] == letter.prekey).unwrap()[1]);
        let signed = pair(&bob["spk_priv"]);
        let mut session = Own::answer(Namespace::Omemo2, &own, &signed, &prekey, &letter).unwrap();
        assert_eq!(session.open(&first, true), Err(RatchetError::Forged));
        session.ours[31] |= 0x80;
        for message in messages {
            assert_eq!(session.open(&base64(&message["msg"]), false), Ok(base64(&message["km"])));
        }
    }

    #[test]
    fn a_chain_has_an_end() {
        let (own, other, prekey) = (Identity::random(), Identity::random(), Pair::random());
        let key = prekey.public;
        let bundle = Bundle {
            identity: other.key(),
            sign: Some(0),
            signed_prekey: crate::SignedPrekey {
                id: 1,
                key,
                signature: other.sign_prekey(Namespace::Omemo2, &key),
            },
            prekeys: vec![crate::Prekey { id: 1, key }],
        };
        let mut session = Own::initiate(Namespace::Omemo2, &own, &bundle, 1).unwrap();
        if let Some(sending) = &mut session.sending {
            sending.number = u32::MAX;
        }
        let before = session.save();
        assert_eq!(session.seal(b"text"), Err(RatchetError::Exhausted));
        assert_eq!(session.save(), before);
    }
}
