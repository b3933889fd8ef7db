//! What the Python engines (oldmemo, twomemo) wrote is opened.

use base64::{Engine, engine::general_purpose::STANDARD};
#[cfg(feature = "signal")]
use omemo::ratchet::Signal;
use omemo::{
    Bundle, Identity, IdentityKey, Namespace, Pair, Prekey, Secret, SignedPrekey, payload,
    ratchet::{Exchange, Own, Ratchet, RatchetError},
};
use serde_json::Value;

/// A recipient, and what was sealed for it.
struct Vector {
    namespace: Namespace,
    identity: Identity,
    signed_prekey: Pair,
    prekeys: Vec<(u32, Pair)>,
    bundle: Bundle,
    messages: Vec<Message>,
}

struct Message {
    exchange: Vec<u8>,
    bytes: Vec<u8>,
    ciphertext: Vec<u8>,
    iv: Vec<u8>,
    key: Vec<u8>,
    plain: Vec<u8>,
}

fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn pair(value: &Value) -> Pair {
    let secret = hex::decode(value.as_str().unwrap()).unwrap();
    Pair::from(Secret::new(secret.try_into().unwrap()))
}

impl Vector {
    fn all() -> Vec<Self> {
        let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
        all.as_array().unwrap().iter().map(Self::read).collect()
    }

    fn read(value: &Value) -> Self {
        let namespace = match value["profile"].as_str().unwrap() {
            "legacy" => Namespace::Axolotl,
            _ => Namespace::Omemo2,
        };
        let (bob, bundle) = (&value["bob"], &value["bundle"]);
        let identity = Identity { pair: pair(&bob["ik_priv"]), registration: 1 };
        let signed_prekey = pair(&bob["spk_priv"]);
        let ed25519: [u8; 32] = base64(&bundle["ik_ed"]).try_into().unwrap();
        assert_eq!(IdentityKey::from_ed25519(&ed25519), Ok(identity.key()));
        let mut signature: [u8; 64] = base64(&bundle["sig"]).try_into().unwrap();
        if namespace == Namespace::Axolotl {
            // Where its stanzas carry the sign.
            signature[63] |= ed25519[31] & 0x80;
        }
        let numbered =
            |value: &Value| (u32::try_from(value[0].as_u64().unwrap()).unwrap(), pair(&value[1]));
        let prekeys: Vec<_> = bob["pks"].as_array().unwrap().iter().map(numbered).collect();
        let message = |value: &Value| Message {
            exchange: base64(&value["kex"]),
            bytes: base64(&value["msg"]),
            ciphertext: base64(&value["ct"]),
            iv: base64(&value["iv"]),
            key: base64(&value["km"]),
            plain: value["pt"].as_str().unwrap().as_bytes().to_vec(),
        };
        Self {
            namespace,
            bundle: Bundle {
                identity: identity.key(),
                sign: Some(ed25519[31] >> 7),
                signed_prekey: SignedPrekey { id: 1, key: signed_prekey.public, signature },
                prekeys: prekeys
                    .iter()
                    .map(|(id, it)| Prekey { id: *id, key: it.public })
                    .collect(),
            },
            identity,
            signed_prekey,
            prekeys,
            messages: value["messages"].as_array().unwrap().iter().map(message).collect(),
        }
    }

    /// Those that an engine of ours could have got: our own identity has the sign 0, which matters
    /// in the newer namespace only.
    fn ours() -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|it| it.namespace == Namespace::Axolotl || it.bundle.sign == Some(0));
        assert_eq!(all.len(), 3);
        all
    }

    #[cfg(feature = "signal")]
    fn older() -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|it| it.namespace == Namespace::Axolotl);
        assert_eq!(all.len(), 2);
        all
    }

    fn respond<R: Ratchet>(&self, first: usize) -> (R, Vec<u8>) {
        let bytes = &self.messages[first].exchange;
        let exchange = Exchange::read(self.namespace, bytes).unwrap();
        assert_eq!(exchange.signed_prekey, 1);
        let prekey = self.prekeys.iter().find(|(id, _)| *id == exchange.prekey);
        let (namespace, prekey) = (self.namespace, &prekey.unwrap().1);
        R::respond(namespace, &self.identity, &self.signed_prekey, prekey, bytes).unwrap()
    }

    fn check(&self, message: &Message, key: &[u8]) {
        assert_eq!(key, message.key);
        let plain = payload::open(self.namespace, &message.ciphertext, &message.iv, key);
        assert_eq!(plain, Ok(message.plain.clone()));
    }
}

/// Section 4.2, with identities of both signs.
#[test]
fn bundles_are_sound() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        assert_eq!(vector.bundle.check(vector.namespace), Ok(()));
        let mut forged = vector.bundle;
        forged.signed_prekey.signature[5] ^= 1;
        assert_eq!(forged.check(vector.namespace), Err(omemo::BundleError::Signature));
    }
}

/// Section 4.3, and 4.4 for the payload: in any order, each as a message or as an exchange.
fn opened_in_any_order<R: Ratchet>(vector: &Vector) {
    for order in [[0, 1, 2, 3, 4, 5], [5, 0, 4, 1, 3, 2], [2, 5, 1, 0, 3, 4]] {
        let [first, rest @ ..] = order;
        let (mut session, key) = vector.respond::<R>(first);
        vector.check(&vector.messages[first], &key);
        for (count, next) in rest.into_iter().enumerate() {
            let message = &vector.messages[next];
            let exchange = count % 2 == 0;
            let bytes = if exchange { &message.exchange } else { &message.bytes };
            vector.check(message, &session.open(bytes, exchange).unwrap());
            let again = session.open(bytes, exchange);
            assert_eq!(again, Err(RatchetError::Duplicate));
            session = R::load(&session.save()).unwrap();
        }
        for message in &vector.messages {
            let again = session.open(&message.exchange, true);
            assert_eq!(again, Err(RatchetError::Duplicate));
        }
    }
}

/// Section 4.3: whatever bit of a message is changed, it is refused and the session stays.
fn no_bit_can_be_changed<R: Ratchet>(vector: &Vector) {
    let (mut session, _) = vector.respond::<R>(0);
    for next in [3, 1] {
        let message = &vector.messages[next].bytes;
        let before = session.save();
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(session.open(&changed, false).is_err(), "bit {bit}");
            assert_eq!(session.save(), before, "bit {bit}");
        }
        for length in 0..message.len() {
            assert!(session.open(&message[..length], false).is_err(), "{length} bytes");
        }
        assert!(session.open(&[message.as_slice(), &[0]].concat(), false).is_err());
        assert_eq!(session.save(), before);
        vector.check(&vector.messages[next], &session.open(message, false).unwrap());
    }
}

#[test]
fn messages_open_in_any_order_and_once() {
    Vector::ours().iter().for_each(opened_in_any_order::<Own>);
    #[cfg(feature = "signal")]
    Vector::older().iter().for_each(opened_in_any_order::<Signal>);
}

#[test]
fn changed_messages_are_refused() {
    Vector::ours().iter().for_each(no_bit_can_be_changed::<Own>);
    #[cfg(feature = "signal")]
    Vector::older().iter().for_each(no_bit_can_be_changed::<Signal>);
}

/// What was saved once is loaded, and opens what comes then: another form needs another first
/// byte.
#[test]
fn the_form_of_saved_sessions_is_kept() {
    for vector in Vector::ours().iter().skip(1) {
        let (mut session, _) = vector.respond::<Own>(0);
        session.open(&vector.messages[2].bytes, false).unwrap();
        let saved = session.save();
        insta::assert_snapshot!(format!("{:?}", vector.namespace), hex::encode(&*saved));
        let mut session = Own::load(&saved).unwrap();
        for next in [1, 3] {
            let message = &vector.messages[next];
            vector.check(message, &session.open(&message.bytes, false).unwrap());
        }
    }
}

/// libsignal's engine begins our next chain at once, with a random key: here is one of its
/// sessions, which opens what comes then.
#[cfg(feature = "signal")]
#[test]
fn a_session_that_libsignals_engine_saved_is_loaded() {
    let vector = &Vector::ours()[0];
    let saved = hex::decode(include_str!("signal.hex").trim()).unwrap();
    let mut session = Signal::load(&saved).unwrap();
    for next in [1, 3] {
        let message = &vector.messages[next];
        vector.check(message, &session.open(&message.bytes, false).unwrap());
    }
}
