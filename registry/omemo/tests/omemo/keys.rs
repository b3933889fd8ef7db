//! Keys, agreements and signatures, as others prescribe them.

use omemo::{Identity, IdentityKey, Namespace, Pair, PublicKey, Secret, WeakKey};

use crate::support::{OFF_CURVE, SMALL};

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn pair(text: &str) -> Pair {
    Pair::from(Secret::new(bytes(text)))
}

/// RFC 7748 section 5.2: the highest bit of a key is not looked at when two agree.
#[test]
fn agreement_is_that_of_the_rfc() {
    for (secret, public, shared) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        let agreed = pair(secret).agree(&PublicKey(bytes(public))).unwrap();
        assert_eq!(*agreed.expose(), bytes(shared));
    }
}

/// RFC 7748 section 6.1.
#[test]
fn both_sides_agree_on_one_secret() {
    let alice = pair("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = pair("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(*alice.agree(&bob.public).unwrap().expose(), shared);
    assert_eq!(*bob.agree(&alice.public).unwrap().expose(), shared);
}

#[test]
fn weak_keys_lead_nowhere() {
    let own = Pair::random();
    for weak in SMALL {
        let weak = PublicKey(bytes(weak));
        assert_eq!(own.agree(&weak).map(drop), Err(WeakKey));
        assert_eq!(weak.check(), Err(WeakKey));
    }
    assert_eq!(PublicKey(bytes(OFF_CURVE)).check(), Err(WeakKey));
    let mut twice = own.public;
    assert_eq!(twice.check(), Ok(()));
    twice.0[31] |= 0x80;
    assert_eq!(twice.check(), Err(WeakKey), "the same key in another form");
}

#[test]
fn an_identity_is_the_same_in_both_forms() {
    let key = Identity::random().key();
    for sign in [0, 1] {
        let ed25519 = key.to_ed25519_signed(sign).unwrap();
        assert_eq!(ed25519[31] >> 7, sign);
        assert_eq!(IdentityKey::from_ed25519(&ed25519), Ok(key));
    }
}

/// `XEdDSA`, and what the older namespace makes of it: our signatures satisfy both.
#[test]
fn what_is_signed_is_verified() {
    for _ in 0..20 {
        let identity = Identity::random();
        let (key, message) = (identity.key(), b"a message");
        let signature = identity.sign(message);
        assert_ne!(signature, identity.sign(message), "each has a nonce of its own");
        assert_eq!(signature[63] & 0x80, 0);
        assert!(key.verify(message, &signature));
        assert!(!key.verify(b"another", &signature));
        assert!(!Identity::random().key().verify(message, &signature));
        for bit in (0..512).step_by(7) {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(message, &changed), "bit {bit}");
        }
    }
}

/// The same signature in another form: S is not below the order of the group.
#[test]
fn a_signature_has_one_form() {
    let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let identity = Identity::random();
    let mut signature = identity.sign(b"a message");
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert!(!identity.key().verify(b"a message", &signature));
}

#[test]
fn a_prekey_is_signed_in_the_form_of_its_namespace() {
    let (identity, prekey) = (Identity::random(), Pair::random().public);
    let [old, new] = Namespace::ALL.map(|namespace| identity.sign_prekey(namespace, &prekey));
    assert!(identity.key().verify(&[&[5][..], &prekey.0].concat(), &old));
    assert!(identity.key().verify(&prekey.0, &new));
}

#[test]
fn no_secret_is_shown() {
    let identity = Identity::random();
    let shown = format!("{identity:?}");
    assert!(shown.contains("Secret(…)"), "{shown}");
    assert!(!shown.contains(&hex::encode(identity.pair.secret.expose())), "{shown}");
}
