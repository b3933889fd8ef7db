//! What a hostile server may try, and who else.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use types::EnrolmentToken;

use super::*;
use crate::{Validity, token};

struct World {
    folder: tempfile::TempDir,
    registry: SigningKey,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = SigningKey::open_or_make(&SigningKey::registry_file(folder.path())).unwrap();
        Self { folder, registry }
    }

    fn token(&self, secret: u8) -> Token {
        let text = token::write(&EnrolmentToken {
            jid: "edge1@test".to_owned(),
            registrar: "registry@test".to_owned(),
            server: None,
            authority: None,
            registry: BASE64_URL_SAFE_NO_PAD.encode(self.registry.public().0),
            secret: BASE64_URL_SAFE_NO_PAD.encode([secret; 32]),
            role: "probe".to_owned(),
            until: 0,
        });
        Token::read(&text).unwrap()
    }

    fn keys(&self, name: &str) -> Keys {
        let evidence = SigningKey::open_or_make(&self.folder.path().join(name)).unwrap();
        Keys { device: DeviceIdentity::random().unwrap(), evidence }
    }

    fn judge(&self, request: &EnrolmentRequest) -> Result<(), ProofError> {
        judge(request, self.registry.public(), &self.token(3).proof_key())
    }

    fn member(keys: &Keys) -> Member {
        Member {
            jid: "edge1@test".to_owned(),
            role: "probe".to_owned(),
            labels: std::collections::BTreeMap::new(),
            devices: vec![Device {
                device: keys.device.device,
                identity: hex::encode(keys.device.identity.key().0.0),
            }],
            evidence_key: keys.evidence.public().to_string(),
            serial: 4,
        }
    }

    fn answer(key: &SigningKey, nonce: &str, member: Member) -> EnrolmentAnswer {
        let validity = Validity { serial: 4, issued_ms: 1, until_ms: 100 };
        let list = Members::none(key.public()).sign(key, vec![member.clone()], &[], validity);
        answer(key, nonce, member, list.unwrap().head().unwrap().clone()).unwrap()
    }
}

#[test]
fn who_has_the_token_and_the_keys_is_believed() {
    let world = World::new();
    let request = request(&world.token(3), &world.keys("a")).unwrap();
    assert_eq!(world.judge(&request), Ok(()));
}

#[test]
fn nothing_of_a_request_can_be_changed_on_the_way() {
    let world = World::new();
    let (right, keys, mallory) = (world.token(3), world.keys("a"), world.keys("m"));
    let honest = request(&right, &keys).unwrap();
    let theirs = request(&world.token(9), &mallory).unwrap();
    let changes: [fn(&mut EnrolmentRequest, &EnrolmentRequest); 5] = [
        |it, _| it.jid = "edge2@test".to_owned(),
        |it, by| it.device = by.device,
        |it, by| it.identity.clone_from(&by.identity),
        |it, by| it.evidence_key.clone_from(&by.evidence_key),
        |it, by| it.nonce.clone_from(&by.nonce),
    ];
    for change in changes {
        let mut forged = honest.clone();
        change(&mut forged, &theirs);
        assert_eq!(world.judge(&forged), Err(ProofError::Secret));
    }
    // The server has keys of its own and signs with them, but not the secret.
    assert_eq!(world.judge(&theirs), Err(ProofError::Secret));
    let elsewhere = EnrolmentRequest { registry: "ab".repeat(32), ..honest };
    assert!(matches!(world.judge(&elsewhere), Err(ProofError::Registry(_))));
}

#[test]
fn who_does_not_have_a_key_cannot_claim_it() {
    let world = World::new();
    let (mut keys, other) = (world.keys("a"), world.keys("b"));
    let honest = request(&world.token(3), &keys).unwrap();
    let flip = |proof: &str| {
        let first = if proof.starts_with('0') { "1" } else { "0" };
        format!("{first}{}", &proof[1..])
    };
    let spoilt =
        EnrolmentRequest { identity_proof: flip(&honest.identity_proof), ..honest.clone() };
    assert_eq!(world.judge(&spoilt), Err(ProofError::Signature("identity key")));
    let spoilt = EnrolmentRequest { evidence_proof: flip(&honest.evidence_proof), ..honest };
    assert_eq!(world.judge(&spoilt), Err(ProofError::Signature("evidence key")));
    // The holder of the token names the public key of somebody else.
    keys.device.identity.pair.public = other.device.identity.pair.public;
    let claimed = request(&world.token(3), &keys).unwrap();
    assert_eq!(world.judge(&claimed), Err(ProofError::Signature("identity key")));
}

#[test]
fn only_the_registry_answers_and_only_for_the_keys_that_were_shown() {
    let (world, mallory) = (World::new(), World::new());
    let (keys, other) = (world.keys("a"), world.keys("b"));
    let nonce = request(&world.token(3), &keys).unwrap().nonce;
    let registry = world.registry.public();
    let take = |it: &EnrolmentAnswer, nonce: &str, now_ms| {
        accept(it, registry, "edge1@test", nonce, &keys, now_ms)
    };
    let right = World::answer(&world.registry, &nonce, World::member(&keys));
    assert_eq!(take(&right, &nonce, 2), Ok(()));
    assert_eq!(take(&right, &"00".repeat(32), 2), Err(ProofError::Signature("registry")));
    assert_eq!(take(&right, &nonce, 100), Err(ProofError::Signature("registry's list")));
    let forged = World::answer(&mallory.registry, &nonce, World::member(&keys));
    assert_eq!(take(&forged, &nonce, 2), Err(ProofError::Signature("registry")));
    let swapped = World::answer(&world.registry, &nonce, World::member(&other));
    assert_eq!(take(&swapped, &nonce, 2), Err(ProofError::OtherKeys));
    let changed = EnrolmentAnswer { member: World::member(&other), ..right };
    assert_eq!(take(&changed, &nonce, 2), Err(ProofError::Signature("registry")));
}

#[test]
fn a_place_is_handed_over_by_both_keys_and_once() {
    let world = World::new();
    let (old, new, mallory) = (world.keys("a"), world.keys("b"), world.keys("m"));
    let (member, registry) = (World::member(&old), world.registry.public());
    let right = hand_over(&member, registry, &old.device, &new).unwrap();
    assert_eq!(judge_handover(&right, registry, &member), Ok(()));
    let stale = Err(ProofError::Stale("edge1@test".to_owned()));
    let later = Member { serial: 5, ..member.clone() };
    assert_eq!(judge_handover(&right, registry, &later), stale);
    assert_eq!(judge_handover(&right, registry, &World::member(&new)), stale);
    // Who has not the old key hands over nothing.
    let stolen = hand_over(&member, registry, &mallory.device, &mallory).unwrap();
    assert_eq!(judge_handover(&stolen, registry, &member), stale);
    let stolen = Handover { old: right.old.clone(), ..stolen };
    let refusal = judge_handover(&stolen, registry, &member).unwrap_err();
    assert_eq!(refusal, ProofError::Signature("old identity key"));
    let swapped = Handover { identity: hex::encode(mallory.device.identity.key().0.0), ..right };
    assert!(judge_handover(&swapped, registry, &member).is_err());
}
