//! An agent that gathers what others found, with sessions and keys, and what may reach it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use omemo::{Identity, Pair, Secret};
use runtime::{AgentId, Clock};
use tokio::sync::watch;
use tokio_xmpp::Stanza;
use types::{Content as _, EnrolmentRequest, Handover, ListUpdate, Member, OPERATOR};
use xmpp_parsers::{
    iq::{Iq, IqHeader, IqPayload},
    message,
};

use super::element;
use crate::{
    DeviceIdentity, Members, Policies, Sealing, SigningKey, Validity, codec,
    sealing::{Came, Sealer},
};

const ME: &str = "me@test";
const MEMBER: &str = "member@test";
const PERSON: &str = "person@test";
const STRANGER: &str = "stranger@test";

/// One for all that comes, since to make keys takes long. A target leaves nothing behind that the
/// next would stumble over, or that is what it is to find.
static SEALER: LazyLock<Mutex<Sealer>> = LazyLock::new(|| Mutex::new(make()));

fn make() -> Sealer {
    let key = SigningKey::of_seed([1; 32]);
    let members = [(MEMBER, "probe"), (PERSON, OPERATOR)].map(|(jid, role)| Member {
        jid: jid.to_owned(),
        role: role.to_owned(),
        labels: BTreeMap::new(),
        devices: vec![types::Device {
            device: 7,
            identity: hex::encode(identity(7).identity.key().0.0),
        }],
        evidence_key: "11".repeat(32),
        serial: 1,
    });
    let validity = Validity { serial: 1, issued_ms: 0, until_ms: i64::MAX };
    let members = Members::none(key.public()).sign(&key, members.into(), &[], validity);
    let (_, members) = watch::channel(Arc::new(members.expect("a list")));
    let sealing = Sealing {
        device: identity(2),
        store: ":memory:".into(),
        members,
        policies: Policies::of_agent(ME, true),
    };
    let mut sealer = Sealer::open(ME, sealing, Clock::system()).expect("memory");
    sealer.reconnected();
    sealer
}

fn identity(number: u8) -> DeviceIdentity {
    let pair = Pair::from(Secret::new([number; 32]));
    DeviceIdentity { device: u32::from(number), identity: Identity { pair, registration: 1 } }
}

/// What of a message that nobody sealed may be believed: what proves itself, and what people say
/// of whom nobody has a key.
pub fn heard(bytes: &[u8]) {
    let Some(stanza) = element(bytes).and_then(|it| message::Message::try_from(it).ok()) else {
        return;
    };
    let mut sealer = SEALER.lock().unwrap_or_else(PoisonError::into_inner);
    for who in [MEMBER, PERSON, STRANGER, ME] {
        let from = AgentId::from(who);
        if sealer.on_news(&from, &stanza) {
            continue;
        }
        let came = sealer.unseal(&from, &stanza);
        assert!(!matches!(came, Came::Sealed(_)), "nobody sealed it");
        if matches!(came, Came::Plain) {
            check_plain(who, &stanza);
        }
    }
    settle(&mut sealer);
}

fn check_plain(who: &str, stanza: &message::Message) {
    let Some(read) = codec::read(stanza.clone(), &AgentId::from(ME)) else { return };
    let proofs = [EnrolmentRequest::ONTOLOGY, Handover::ONTOLOGY, ListUpdate::ONTOLOGY];
    let proves_itself = read.performative.is_some()
        && read.ontology().is_some_and(|it| proofs.contains(&it))
        && read.body.starts_with(['{', '[', ' ', '\n', '\t', '\r']);
    let has_key = who == MEMBER || who == PERSON;
    assert!(proves_itself || !has_key && codec::is_chat(&read), "{who}: {read:?}");
}

/// An answer to whatever we asked the server for.
pub fn answered(bytes: &[u8]) {
    let Some(payload) = element(bytes) else { return };
    let mut sealer = SEALER.lock().unwrap_or_else(PoisonError::into_inner);
    sealer.reconnected();
    // Whom we write to, we ask for keys.
    let to: tokio_xmpp::jid::Jid = "person@test".parse().expect("an address");
    let mut stanza = message::Message::chat(to);
    stanza.bodies.insert(message::Lang::default(), "x".to_owned());
    for _ in 0..3 {
        drop(sealer.seal(&AgentId::from(PERSON), &stanza));
        for asked in settle(&mut sealer) {
            let Stanza::Iq(Iq::Get { to, id, .. } | Iq::Set { to, id, .. }) = asked else {
                continue;
            };
            let header = IqHeader { from: to, to: None, id };
            let answer = IqPayload::Result(Some(payload.clone()));
            assert!(sealer.answer(&header, answer).is_ok(), "it was asked");
        }
    }
}

fn settle(sealer: &mut Sealer) -> Vec<Stanza> {
    sealer.commit().expect("memory");
    sealer.refusals();
    sealer.pull()
}

const PLAIN: &str = "<message xmlns='jabber:client' type='chat'><body>{\"serial\":1}</body><x xmlns='jabber:x:data' type='form'><title>spade:x:metadata</title><field var='performative'><value>query-ref</value></field><field var='ontology'><value>vedette:members</value></field></x></message>";
const REPORT: &str = "<message xmlns='jabber:client' type='chat'><body>stop</body><x xmlns='jabber:x:data' type='form'><title>x</title><field var='ontology'><value>vedette:members</value></field></x><x xmlns='jabber:x:data' type='form'><title>spade:x:metadata</title><field var='ontology'><value>vedette:report</value></field></x></message>";
const SEALED: &str = "<message xmlns='jabber:client' type='chat'><body>x</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-24T10:00:00Z'/><encrypted xmlns='urn:xmpp:omemo:2'><header sid='7'><keys jid='me@test'><key rid='2' kex='true'>CAE=</key><key rid='2'>CAE=</key></keys></header><payload>AAAA</payload></encrypted></message>";
const NEWS: &str = "<message xmlns='jabber:client' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'><device id='7'/><device id='2'/></devices></item></items></event></message>";

/// What comes in when all is well, or nearly.
pub(super) const STANZAS: &[&str] = &[PLAIN, REPORT, SEALED, NEWS];

/// Lists and bundles as a server gives them.
pub(super) const ANSWERS: &[&str] = &[
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'><device id='7'/><device id='8' label='x'/></devices></item></items></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.devicelist'><item id='current'><list xmlns='eu.siacs.conversations.axolotl'><device id='7'/></list></item></items></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.bundles:7'><item id='current'><bundle xmlns='eu.siacs.conversations.axolotl'><signedPreKeyPublic signedPreKeyId='1'>BTHUq2rO7JYRN5FwN5NuYHFvrFc6/pTZ2oSoAgRI38ES</signedPreKeyPublic><signedPreKeySignature>BDdsmWSHOB1pMC9HQUGwVWrf33XEq0iPnzfDvxgpAhThp8r/BzjwR8VHbntg0SgLyrRndxuvccj96FLRvqO8Cg==</signedPreKeySignature><identityKey>BRO+T+rq8gTH/TNY/JwAchiB0XQngSgifsZ0839/6Xtt</identityKey><prekeys><preKeyPublic preKeyId='5'>BVfbSzWfI65eFG5OJRIFZwRyJQY0jBUMFHU9DJM9BNQh</preKeyPublic></prekeys></bundle></item></items></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:bundles'><item id='7'><bundle xmlns='urn:xmpp:omemo:2'><spk id='1'>MdSras7slhE3kXA3k25gcW+sVzr+lNnahKgCBEjfwRI=</spk><spks>Ietr9dXYK3827PEiSKgjBpIr1DOLdQMevARQw6dKTNVe/i7KMCgRoRvF2kDXM5mU6UNfwsOXOHUe3HnTFiMkBw==</spks><ik>yIU980Xs4zNyhD/zNsy2ep2NTeivbzZFhIowvG/kjys=</ik><prekeys><pk id='5'>V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CE=</pk></prekeys></bundle></item></items></pubsub>",
];
