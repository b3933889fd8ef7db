//! Two devices and a server that may be hostile. The sections are those of XEP-0384.

use omemo::{
    Distrust, Namespace,
    machine::{GRACE, HEARTBEAT, MENDING, Notice, Refusal},
    ratchet::RatchetError,
    store::{MemoryStore, Store},
    wire,
};

use crate::network::{NAMES, Pair, believing, is, settings, text};

fn ratchet(result: Result<String, Refusal>) -> RatchetError {
    match result {
        Err(Refusal::Ratchet { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn notices(pair: &mut Pair, which: usize) -> Vec<Notice> {
    let machine = if which == 0 { &mut pair.a } else { &mut pair.b };
    std::iter::from_fn(|| machine.notice()).collect()
}

/// Section 5.5: both ways, in both namespaces.
#[test]
fn what_is_sealed_is_opened() {
    for (mut pair, namespace) in
        [(Pair::ours(), Namespace::Omemo2), (Pair::peoples(), Namespace::Axolotl)]
    {
        for turn in 0..3 {
            for from in [0, 1] {
                let sent = pair.seal(from, &format!("message {turn} of {from}"));
                assert!(is(&sent, namespace));
                assert_eq!(
                    pair.open(1 - from, &sent).unwrap(),
                    format!("message {turn} of {from}")
                );
                pair.deliver_empty();
            }
        }
        assert_eq!(notices(&mut pair, 0), []);
    }
}

/// Section 4.3: further messages before an answer carry the same exchange, in any order, and use
/// one prekey.
#[test]
fn an_exchange_may_come_often_and_late() {
    let mut pair = Pair::ours();
    let sent: Vec<_> = (0..3).map(|it| pair.seal(0, &it.to_string())).collect();
    for index in [1, 0, 2] {
        assert_eq!(pair.open(1, &sent[index]).unwrap(), index.to_string());
    }
    for message in &sent {
        assert_eq!(ratchet(pair.open(1, message)), RatchetError::Duplicate);
    }
    pair.deliver_empty();
    pair.tick();
    let key = pair.server.nodes[&(NAMES[1].to_owned(), "urn:xmpp:omemo:2:bundles".to_owned())]["2"]
        .clone();
    let (_, bundle) = wire::read_bundle(&key).unwrap();
    assert_eq!(bundle.prekeys.len(), 100);
    assert_eq!(bundle.prekeys.iter().map(|it| it.id).max(), Some(101));
}

/// Section 6: what was opened is not opened again, not even after a restart or once the prekey is
/// forgotten.
#[test]
fn a_replay_is_refused() {
    let mut pair = Pair::ours();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    pair.deliver_empty();
    let second = pair.seal(0, "second");
    pair.open(1, &second).unwrap();
    pair.restart(1);
    for message in [&first, &second] {
        assert_eq!(ratchet(pair.open(1, message)), RatchetError::Duplicate);
    }
    pair.server.now += GRACE;
    pair.b.tick(pair.server.now);
    assert!(pair.open(1, &first).is_err());
}

/// Section 4.3: messages that are late, across turns of the ratchet and a restart.
#[test]
fn what_comes_late_is_opened_once() {
    let mut pair = Pair::ours();
    let mut late = Vec::new();
    for turn in 0..5 {
        for part in 0..3 {
            late.push((format!("{turn}.{part}"), pair.seal(0, &format!("{turn}.{part}"))));
        }
        let (_, newest) = late.pop().unwrap();
        pair.open(1, &newest).unwrap();
        let answer = pair.seal(1, "yes");
        pair.open(0, &answer).unwrap();
    }
    pair.restart(1);
    late.reverse();
    for (said, message) in &late {
        assert_eq!(pair.open(1, message).unwrap(), *said);
        assert!(pair.open(1, message).is_err());
    }
}

/// Section 6: a side that is only talked to shows a new ratchet key now and then; an empty message
/// is not answered by another for ever.
#[test]
fn a_long_run_of_one_side_is_answered_by_a_heartbeat() {
    let mut pair = Pair::ours();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    assert_eq!(pair.deliver_empty(), 1);
    for _ in 0..HEARTBEAT * 2 + 10 {
        let sent = pair.seal(0, "more");
        pair.open(1, &sent).unwrap();
    }
    let beats = pair.deliver_empty();
    assert_eq!(beats, 1, "one for each ratchet key");
    let sent = pair.seal(0, "on");
    pair.open(1, &sent).unwrap();
    assert_eq!(pair.deliver_empty(), 0);
}

/// Section 6: both begin at once; everything is opened and both end in one session.
#[test]
fn both_may_begin_at_once() {
    for mut pair in [Pair::ours(), Pair::peoples()] {
        let sent: Vec<_> = (0..5)
            .map(|it| (pair.seal(0, &format!("a{it}")), pair.seal(1, &format!("b{it}"))))
            .collect();
        for (index, (from_a, from_b)) in sent.iter().enumerate() {
            assert_eq!(pair.open(1, from_a).unwrap(), format!("a{index}"));
            assert_eq!(pair.open(0, from_b).unwrap(), format!("b{index}"));
        }
        pair.deliver_empty();
        for turn in 0..10 {
            let from = turn % 2;
            let sent = pair.seal(from, "on");
            assert_eq!(pair.open(1 - from, &sent).unwrap(), "on");
        }
        assert_eq!(notices(&mut pair, 0), []);
    }
}

/// Section 8: a device that the server adds is never sealed for.
#[test]
fn a_device_that_the_server_adds_gets_nothing() {
    let mut pair = Pair::peoples();
    let mut rogue =
        omemo::Machine::open(MemoryStore::default(), settings(NAMES[1], 666), pair.server.now)
            .unwrap();
    rogue.reconnected();
    pair.server.serve(NAMES[1], &mut rogue);
    let sent = pair.seal(0, "for b alone");
    assert_eq!(pair.open(1, &sent).unwrap(), "for b alone");
    let refusal = rogue.unseal(NAMES[0], &sent, pair.server.now, pair.server.now).unwrap_err();
    assert_eq!(refusal, Refusal::NotForUs);
    let [Notice::Distrusted { device: 666, why: Distrust::Device, .. }] = notices(&mut pair, 0)[..]
    else {
        panic!("it is not noticed")
    };
}

/// Section 8: another key for a device that is known, and a bundle that was swapped.
#[test]
fn a_key_that_the_server_swaps_is_refused() {
    let mut pair = Pair::ours();
    let mut mallory =
        omemo::Machine::open(MemoryStore::default(), settings(NAMES[1], 2), pair.server.now)
            .unwrap();
    mallory.reconnected();
    pair.server.serve(NAMES[1], &mut mallory);
    pair.server
        .nodes
        .retain(|(account, node), _| account != NAMES[1] || !node.ends_with("bundles"));
    mallory.tick(pair.server.now + omemo::machine::ROTATION);
    pair.server.serve(NAMES[1], &mut mallory);
    assert_eq!(pair.try_seal(0, "secret").unwrap_err(), "no device of `b@test` can be reached");
    assert!(matches!(
        notices(&mut pair, 0)[..],
        [Notice::Distrusted { device: 2, why: Distrust::Key, .. }]
    ));
    // And what mallory seals is not opened.
    mallory.set_trust(believing(NAMES[0], Some(1), pair.a.identity()));
    let honest = std::mem::replace(&mut pair.b, mallory);
    let forged = pair.seal(1, "believe me");
    pair.b = honest;
    assert_eq!(pair.open(0, &forged), Err(Refusal::Distrusted { device: 2, why: Distrust::Key }));
}

/// Section 8: whoever is not believed any more is neither sealed for nor opened.
#[test]
fn a_revoked_device_is_cut_off() {
    let mut pair = Pair::ours();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    pair.deliver_empty();
    let late = pair.seal(0, "late");
    pair.b.set_trust(omemo::Trust::default());
    assert!(matches!(pair.open(1, &late), Err(Refusal::Distrusted { why: Distrust::Account, .. })));
    assert!(pair.try_seal(1, "x").unwrap_err().contains("nobody vouches"));
    // Nor after a restart.
    pair.restart(1);
    assert!(pair.open(1, &late).is_err());
}

/// Section 6: what was lost is made anew, at most once an hour, and noticed.
#[test]
fn a_session_that_was_lost_is_mended() {
    for (which, mut pair) in [(0, Pair::ours()), (1, Pair::ours()), (1, Pair::peoples())] {
        let first = pair.seal(0, "first");
        pair.open(1, &first).unwrap();
        pair.deliver_empty();
        pair.lose(which);
        let other = 1 - which;
        let lost = pair.seal(other, "lost");
        if let Ok(said) = pair.open(which, &lost) {
            panic!("{said}");
        }
        pair.deliver_empty();
        for turn in 0..4 {
            let from = turn % 2;
            let sent = pair.seal(from, "again");
            assert_eq!(pair.open(1 - from, &sent).unwrap(), "again");
            pair.deliver_empty();
        }
        let mended = notices(&mut pair, which);
        assert!(
            mended.iter().any(|it| matches!(it, Notice::Mended { .. } | Notice::RolledBack))
                || which == 1,
            "{mended:?}"
        );
    }
}

/// Section 8: messages that the server makes up cause one new session an hour, not more.
#[test]
fn the_server_cannot_make_us_mend_for_ever() {
    let mut pair = Pair::ours();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    pair.deliver_empty();
    let mut count = 0;
    for _ in 0..10 {
        let sent = String::from(&pair.seal(0, "x"));
        let broken = sent.replacen("rid='2'>C", "rid='2'>D", 1);
        let broken: minidom::Element = broken.parse().unwrap();
        assert!(pair.open(1, &broken).is_err());
        count += pair.deliver_empty();
    }
    assert!(count <= 2, "{count}");
    pair.server.now += MENDING;
}

/// Section 6: a backup that was restored is known by the bundle that is published; nothing is
/// sealed with keys that were used before, and what was replayed is not opened again.
#[test]
fn a_restored_backup_is_noticed() {
    let mut pair = Pair::ours();
    let backup = pair.stores[1].clone().load().unwrap();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    pair.deliver_empty();
    pair.tick();
    let old = MemoryStore::default();
    let changes: Vec<_> =
        backup.into_iter().map(|(name, value)| omemo::store::Change::Put(name, value)).collect();
    old.clone().commit(&changes).unwrap();
    pair.stores[1] = old;
    pair.restart(1);
    assert!(notices(&mut pair, 1).contains(&Notice::RolledBack));
    assert!(pair.open(1, &first).is_err(), "it was opened before the backup was restored");
    pair.deliver_empty();
    let sent = pair.seal(1, "here again");
    assert_eq!(pair.open(0, &sent).unwrap(), "here again");
    let sent = pair.seal(0, "welcome");
    assert_eq!(pair.open(1, &sent).unwrap(), "welcome");
}

/// Records that do not open are lost, which is noticed, and nothing else is.
#[test]
fn a_damaged_store_loses_what_is_damaged() {
    let mut pair = Pair::ours();
    let first = pair.seal(0, "first");
    pair.open(1, &first).unwrap();
    pair.deliver_empty();
    let records = pair.stores[1].clone().load().unwrap();
    for (name, mut value) in records {
        if name.starts_with("session") || name == "prekey/7" {
            let middle = value.len() / 2;
            value[middle] ^= 1;
            pair.stores[1].commit(&[omemo::store::Change::Put(name, value)]).unwrap();
        }
    }
    pair.restart(1);
    let seen = notices(&mut pair, 1);
    let is_damaged = |it: &Notice| matches!(it, Notice::Damaged(_));
    assert_eq!(seen.iter().filter(|it| is_damaged(it)).count(), 2, "{seen:?}");
    let sent = pair.seal(1, "still here");
    assert_eq!(pair.open(0, &sent).unwrap(), "still here");
}

/// Many may have fetched the same bundle; a prekey serves them all for a while.
#[test]
fn two_may_use_one_prekey_at_the_same_time() {
    let mut pair = Pair::ours();
    for _ in 0..300 {
        let first = pair.seal(0, "x");
        assert_eq!(pair.open(1, &first).unwrap(), "x");
        let trust = pair.a.trust().clone();
        // The session is given up, and another begins with the same old bundle.
        pair.a.set_trust(omemo::Trust::default());
        pair.a.set_trust(trust);
    }
}

/// XEP-0420: what the server says of sender and receiver must be what was sealed.
#[test]
fn the_server_cannot_say_that_another_wrote_it() {
    let mut pair = Pair::ours();
    let sent = pair.seal(0, "pay mallory");
    let key = pair.a.identity();
    let mut trust = pair.b.trust().clone();
    trust.believe("mallory@test", omemo::Believed { device: Some(1), key });
    pair.b.set_trust(trust);
    let now = pair.server.now;
    let refusal = pair.b.unseal("mallory@test", &sent, now, now).unwrap_err();
    assert!(refusal.to_string().contains("a@test"), "{refusal}");
    let mut pair = Pair::ours();
    let sent = pair.seal(0, "x");
    let kept = pair.b.unseal(NAMES[0], &sent, now + 100_000, now);
    assert!(kept.unwrap_err().to_string().contains("more than a day off"));
}

/// What is not written yet is handed to nobody.
#[test]
fn nothing_is_released_before_it_is_written() {
    let mut pair = Pair::ours();
    let early = pair.b.commit().unwrap();
    let sent = pair.seal(0, "x");
    let now = pair.server.now;
    let kept = pair.b.unseal(NAMES[0], &sent, now, now).unwrap();
    assert!(kept.release(early).is_none());
    let sent = pair.seal(0, "y");
    let kept = pair.b.unseal(NAMES[0], &sent, now, now).unwrap();
    let commit = pair.b.commit().unwrap();
    assert_eq!(text(kept.release(commit).unwrap()), "y");
}

/// A device of 64 that are there, and a device that appears later.
#[test]
fn several_devices_of_one_account_get_it() {
    let mut pair = Pair::peoples();
    let mut others = Vec::new();
    let mut trust = pair.a.trust().clone();
    for id in 10..20 {
        let mut other =
            omemo::Machine::open(MemoryStore::default(), settings(NAMES[1], id), pair.server.now)
                .unwrap();
        other.set_trust(believing(NAMES[0], None, pair.a.identity()));
        other.reconnected();
        pair.server.serve(NAMES[1], &mut other);
        trust.believe(NAMES[1], omemo::Believed { device: None, key: other.identity() });
        others.push(other);
    }
    pair.a.set_trust(trust);
    let sent = pair.seal(0, "to all");
    assert_eq!(pair.open(1, &sent).unwrap(), "to all");
    let now = pair.server.now;
    for other in &mut others {
        let kept = other.unseal(NAMES[0], &sent, now, now).unwrap();
        let commit = other.commit().unwrap();
        assert_eq!(text(kept.release(commit).unwrap()), "to all");
    }
}

/// Without anybody telling that the list is another: it is enough that its key is believed from now
/// on, or that it is heard.
#[test]
fn a_new_device_of_a_person_is_answered() {
    let mut pair = Pair::peoples();
    let sent = pair.seal(0, "to the only one");
    assert_eq!(pair.open(1, &sent).unwrap(), "to the only one");
    for (id, is_late) in [(11, false), (12, true)] {
        let store = MemoryStore::default();
        let other = omemo::Machine::open(store, settings(NAMES[1], id), pair.server.now).unwrap();
        let mut trust = pair.a.trust().clone();
        trust.believe(NAMES[1], omemo::Believed { device: None, key: other.identity() });
        pair.b = other;
        pair.b.set_trust(believing(NAMES[0], None, pair.a.identity()));
        if is_late {
            pair.a.set_trust(trust);
            pair.seal(0, "while it is on no list");
            pair.b.reconnected();
            let sent = pair.seal(1, "from a device on no list");
            assert_eq!(pair.open(0, &sent).unwrap(), "from a device on no list");
        } else {
            pair.b.reconnected();
            pair.serve();
            pair.a.set_trust(trust);
        }
        let sent = pair.seal(0, "to all");
        assert_eq!(pair.open(1, &sent).unwrap(), "to all");
    }
}
