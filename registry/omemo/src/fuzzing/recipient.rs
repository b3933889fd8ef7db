//! What the targets begin with: somebody for whom the Python engines sealed.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{flag, write_bundle};
use crate::{
    Bundle, Identity, Namespace, Pair, Prekey, Secret, SignedPrekey,
    ratchet::{Exchange, Own, Ratchet},
    wire,
};

/// Somebody for whom the Python engines sealed.
pub(super) struct Recipient {
    pub(super) identity: Identity,
    signed_prekey: Pair,
    prekey: Pair,
    bundle: Bundle,
    exchanges: Vec<Vec<u8>>,
    pub(super) messages: Vec<Vec<u8>>,
    payload: Vec<u8>,
    /// A session that opened the first message.
    pub(super) saved: Vec<u8>,
}

static RECIPIENTS: LazyLock<[Recipient; 2]> = LazyLock::new(|| Namespace::ALL.map(Recipient::read));

#[cfg(feature = "signal")]
pub(super) static LIBSIGNALS: LazyLock<Vec<u8>> =
    LazyLock::new(|| unhex(include_str!("../../tests/omemo/signal.hex").trim()));

impl Recipient {
    pub(super) fn of(namespace: Namespace) -> &'static Self {
        let [old, new] = &*RECIPIENTS;
        match namespace {
            Namespace::Axolotl => old,
            Namespace::Omemo2 => new,
        }
    }

    /// From the vectors, the first whose identity has the sign 0 as ours has.
    fn read(namespace: Namespace) -> Self {
        let profile = match namespace {
            Namespace::Axolotl => "legacy",
            Namespace::Omemo2 => "omemo2",
        };
        let all: Value =
            serde_json::from_str(include_str!("../../tests/omemo/vectors.json")).expect("JSON");
        let is_it = |it: &&Value| {
            let ed25519 = it.pointer("/bundle/ik_ed").map(unbase64).unwrap_or_default();
            it.get("profile").is_some_and(|it| it == profile)
                && ed25519.last().is_some_and(|it| *it < 0x80)
        };
        let vector = all.as_array().into_iter().flatten().find(is_it).expect("one of each");
        let (bob, bundle) = (&vector["bob"], &vector["bundle"]);
        let identity = Identity { pair: pair(&bob["ik_priv"]), registration: 1 };
        let signed_prekey = pair(&bob["spk_priv"]);
        let list = |name: &str| -> Vec<Vec<u8>> {
            let messages = vector["messages"].as_array().into_iter().flatten();
            messages.map(|it| unbase64(&it[name])).collect()
        };
        let exchanges = list("kex");
        let first = exchanges.first().expect("some messages");
        let number = Exchange::read(namespace, first).expect("it is one").prekey;
        let mut prekeys = bob["pks"].as_array().into_iter().flatten();
        let prekey =
            prekeys.find(|it| it[0] == number).map(|it| pair(&it[1])).expect("it is known");
        let [iv, key, cipher] =
            ["iv", "km", "ct"].map(|it| list(it).into_iter().next().unwrap_or_default());
        let lengths = [&iv, &key].map(|it| u8::try_from(it.len()).unwrap_or_default());
        let payload = [&[flag(namespace)], &lengths[..], &iv, &key, &cipher].concat();
        let bundle = Bundle {
            identity: identity.key(),
            sign: Some(0),
            signed_prekey: SignedPrekey {
                id: 1,
                key: signed_prekey.public,
                signature: unbase64(&bundle["sig"]).try_into().expect("64 bytes"),
            },
            prekeys: vec![Prekey { id: number, key: prekey.public }],
        };
        let (session, _) = Own::respond(namespace, &identity, &signed_prekey, &prekey, first)
            .expect("it was sealed for them");
        let (saved, messages) = (session.save().to_vec(), list("msg"));
        Self { identity, signed_prekey, prekey, bundle, exchanges, messages, payload, saved }
    }

    pub(super) fn answer<R: Ratchet>(
        &self,
        namespace: Namespace,
        bytes: &[u8],
    ) -> Option<(R, Vec<u8>)> {
        R::respond(namespace, &self.identity, &self.signed_prekey, &self.prekey, bytes).ok()
    }
}

fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).expect("base64")
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal digits")
}

fn pair(value: &Value) -> Pair {
    let secret = unhex(value.as_str().unwrap_or_default());
    Pair::from(Secret::new(secret.try_into().expect("32 bytes")))
}

fn of_both<T>(seeds: impl Fn(Namespace, &Recipient) -> Vec<T>) -> Vec<T> {
    Namespace::ALL.into_iter().flat_map(|it| seeds(it, Recipient::of(it))).collect()
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    of_both(|namespace, recipient| {
        let flagged =
            |flags: u8, bytes: &Vec<u8>| [&[flag(namespace) | flags], &bytes[..]].concat();
        let exchanges = recipient.exchanges.iter().map(|it| flagged(2, it));
        exchanges.chain(recipient.messages.iter().map(|it| flagged(0, it))).collect()
    })
}

pub(super) fn sessions() -> Vec<Vec<u8>> {
    let ours = of_both(|_, recipient| vec![recipient.saved.clone()]);
    #[cfg(feature = "signal")]
    let ours = [ours, vec![LIBSIGNALS.clone()]].concat();
    ours
}

pub(super) fn bundles() -> Vec<Vec<u8>> {
    of_both(|namespace, recipient| vec![write_bundle(namespace, &recipient.bundle)])
}

pub(super) fn payloads() -> Vec<Vec<u8>> {
    of_both(|_, recipient| vec![recipient.payload.clone()])
}

pub(super) fn elements() -> Vec<Vec<u8>> {
    let mut all = of_both(|namespace, recipient| {
        let written = [
            wire::write_devices(namespace, &[1, 7]),
            wire::write_bundle(namespace, &recipient.bundle),
        ];
        written.iter().map(|it| String::from(it).into_bytes()).collect()
    });
    all.extend([ENCRYPTED_OLD, ENCRYPTED_NEW].map(|it| it.as_bytes().to_vec()));
    all
}

const ENCRYPTED_OLD: &str = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='7' prekey='true'>MwgB</key><iv>AAAAAAAAAAAAAAAA</iv></header><payload>AAAA</payload></encrypted>";
const ENCRYPTED_NEW: &str = "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys jid='a@test'><key rid='7' kex='true'>CAE=</key></keys></header><payload>AAAA</payload></encrypted>";
