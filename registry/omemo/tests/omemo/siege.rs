//! What a server may do to two devices, by what it changes, keeps back and leaves out. The sections
//! are those of XEP-0384.

use base64::{Engine, prelude::BASE64_STANDARD};
use minidom::Element;
use omemo::{
    Namespace,
    machine::{GRACE, Notice, Refusal, SHARED},
    ratchet::RatchetError,
    wire::{bundle_node, devices_node, read_bundle, read_devices, write_bundle, write_devices},
};

use crate::network::{NAMES, Pair, is};

/// Changes what the server has of a device's keys.
fn change_bundle(pair: &mut Pair, change: impl Fn(&mut omemo::Bundle)) {
    let (node, item) = bundle_node(Namespace::Omemo2, 2);
    let items = pair.server.nodes.get_mut(&(NAMES[1].to_owned(), node)).unwrap();
    let (namespace, mut bundle) = read_bundle(&items[&item]).unwrap();
    change(&mut bundle);
    items.insert(item, write_bundle(namespace, &bundle));
}

fn change_list(pair: &mut Pair, namespace: Namespace, devices: &[u32]) {
    let node = (NAMES[1].to_owned(), devices_node(namespace).to_owned());
    let list = write_devices(namespace, devices);
    pair.server.nodes.get_mut(&node).unwrap().insert("current".to_owned(), list);
}

fn ratchet(result: Result<String, Refusal>) -> RatchetError {
    match result {
        Err(Refusal::Ratchet { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// Section 5.3.2: a bundle has prekeys. One without is not used, which is noticed.
#[test]
fn a_bundle_without_prekeys_is_not_used() {
    let mut pair = Pair::ours();
    change_bundle(&mut pair, |it| it.prekeys.clear());
    assert_eq!(pair.try_seal(0, "x").unwrap_err(), "no device of `b@test` can be reached");
    assert!(matches!(pair.a.notice(), Some(Notice::Unusable { device: 2, .. })));
}

/// Section 4.3: the server hands out one prekey again and again. It serves so many that fetched it
/// a moment before; then it is used up, and no other is.
#[test]
fn a_prekey_that_is_used_up_serves_nobody() {
    let mut pair = Pair::ours();
    change_bundle(&mut pair, |it| it.prekeys.truncate(1));
    let again = |pair: &mut Pair| {
        let trust = pair.a.trust().clone();
        pair.a.set_trust(omemo::Trust::default());
        pair.a.set_trust(trust);
        pair.seal(0, "x")
    };
    for _ in 0..SHARED {
        let sent = again(&mut pair);
        assert_eq!(pair.open(1, &sent).unwrap(), "x");
        // The answers are for sessions that were given up.
        pair.serve();
        pair.server.empty.clear();
    }
    let late = again(&mut pair);
    assert!(matches!(ratchet(pair.open(1, &late)), RatchetError::UnknownPrekey(_)));
    // What was refused is mended by who refused it, and both go on.
    pair.deliver_empty();
    let sent = pair.seal(0, "on");
    assert_eq!(pair.open(1, &sent).unwrap(), "on");
}

/// Section 4.3: a prekey that was used is forgotten after a while, and what used it is refused.
#[test]
fn a_prekey_that_was_used_is_forgotten() {
    let mut pair = Pair::ours();
    change_bundle(&mut pair, |it| it.prekeys.truncate(1));
    let sent = pair.seal(0, "x");
    pair.open(1, &sent).unwrap();
    let trust = pair.a.trust().clone();
    pair.a.set_trust(omemo::Trust::default());
    pair.a.set_trust(trust);
    let late = pair.seal(0, "late");
    pair.server.now += GRACE;
    pair.b.tick(pair.server.now);
    assert!(matches!(ratchet(pair.open(1, &late)), RatchetError::UnknownPrekey(_)));
}

/// The text of the first element of a name.
fn text_of<'a>(sent: &'a str, name: &str) -> &'a str {
    let (_, rest) = sent.split_once(&format!("<{name}")).unwrap();
    rest.split_once('>').unwrap().1.split_once('<').unwrap().0
}

/// Sections 4.4 and 4.5: every bit of the key and of the payload counts, as does every byte that
/// is missing; what was refused keeps nobody from hearing what comes next.
#[test]
fn what_is_changed_or_cut_off_is_refused() {
    for mut pair in [Pair::ours(), Pair::peoples()] {
        for _ in 0..2 {
            for from in [0, 1] {
                let sent = pair.seal(from, "begin");
                pair.open(1 - from, &sent).unwrap();
            }
        }
        for name in ["key", "payload"] {
            let length = BASE64_STANDARD.decode(text_of(&String::from(&pair.seal(0, "x")), name));
            let length = length.unwrap().len();
            for place in (0..length).step_by(if name == "key" { 1 } else { 17 }) {
                // A payload that was changed costs the message that it was of.
                let sent = String::from(&pair.seal(0, "x"));
                let right = text_of(&sent, name).to_owned();
                let bytes = BASE64_STANDARD.decode(&right).unwrap();
                // Each has its own length of filler.
                let place = place.min(bytes.len() - 1);
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << (place % 8);
                for wrong in [&flipped[..], &bytes[..place]] {
                    let wrong = sent.replacen(&right, &BASE64_STANDARD.encode(wrong), 1);
                    let wrong: Element = wrong.parse().unwrap();
                    assert!(pair.open(1, &wrong).is_err(), "{name}, byte {place}");
                }
                if name == "key" {
                    let sent: Element = sent.parse().unwrap();
                    assert_eq!(pair.open(1, &sent).unwrap(), "x");
                }
            }
        }
        let sent = pair.seal(0, "after");
        assert_eq!(pair.open(1, &sent).unwrap(), "after");
    }
}

/// Section 4.4: the payload of one message with the key of another.
#[test]
fn what_was_sealed_apart_does_not_fit_together() {
    for mut pair in [Pair::ours(), Pair::peoples()] {
        let [one, other] = ["one", "other"].map(|it| String::from(&pair.seal(0, it)));
        let swapped = one.replacen(text_of(&one, "payload"), text_of(&other, "payload"), 1);
        let swapped: Element = swapped.parse().unwrap();
        assert!(matches!(pair.open(1, &swapped), Err(Refusal::Payload(_))));
        let other: Element = other.parse().unwrap();
        assert_eq!(pair.open(1, &other).unwrap(), "other");
    }
}

/// Section 4.3: a thousand messages may be lost, or come late; one more is an attack, or the end
/// of the session, which is made anew.
#[test]
fn a_thousand_may_be_lost_and_not_one_more() {
    for (mut pair, namespace) in
        [(Pair::ours(), Namespace::Omemo2), (Pair::peoples(), Namespace::Axolotl)]
    {
        for from in [0, 1, 0, 1] {
            let sent = pair.seal(from, "begin");
            assert!(is(&sent, namespace));
            pair.open(1 - from, &sent).unwrap();
        }
        let lost: Vec<Element> = (0..1000).map(|it| pair.seal(0, &it.to_string())).collect();
        let sent = pair.seal(0, "there");
        assert_eq!(pair.open(1, &sent).unwrap(), "there");
        for number in [0, 500, 999] {
            assert_eq!(pair.open(1, &lost[number]).unwrap(), number.to_string());
        }
        for _ in 0..1001 {
            drop(pair.seal(0, "lost"));
        }
        let sent = pair.seal(0, "too far");
        assert!(matches!(ratchet(pair.open(1, &sent)), RatchetError::TooFarAhead(_)));
        pair.deliver_empty();
        let sent = pair.seal(0, "anew");
        assert_eq!(pair.open(1, &sent).unwrap(), "anew");
    }
}

/// Section 5.3.1: a device whose number is gone from its account's list puts it there again, and
/// leaves the others where they are.
#[test]
fn our_number_that_vanishes_from_the_list_is_put_back() {
    for namespace in Namespace::ALL {
        let mut pair = Pair::peoples();
        change_list(&mut pair, namespace, &[77]);
        pair.b.devices(NAMES[1], namespace, Some(&[77]));
        pair.serve();
        let node = (NAMES[1].to_owned(), devices_node(namespace).to_owned());
        let (_, mut devices) = read_devices(&pair.server.nodes[&node]["current"]).unwrap();
        devices.sort_unstable();
        assert_eq!(devices, [2, 77]);
    }
}

/// Section 5.3.1: an old list, which still names devices that are gone. Those that are there get
/// the message; nobody waits for the others for ever.
#[test]
fn a_stale_list_keeps_nobody_waiting() {
    let mut pair = Pair::peoples();
    change_list(&mut pair, Namespace::Axolotl, &[1001, 2, 1002]);
    let sent = pair.seal(0, "to who is there");
    assert_eq!(pair.open(1, &sent).unwrap(), "to who is there");
    let before = pair.server.now;
    let sent = pair.seal(0, "at once");
    assert_eq!(pair.open(1, &sent).unwrap(), "at once");
    assert_eq!(pair.server.now, before);
}

/// Section 5.3.1: an old list, which does not name a device yet. What it is sealed for is not for
/// the new one, and is once the list is right.
#[test]
fn a_list_that_leaves_a_device_out_costs_that_device_alone() {
    let mut pair = Pair::peoples();
    change_list(&mut pair, Namespace::Axolotl, &[1001]);
    change_list(&mut pair, Namespace::Omemo2, &[1001]);
    assert_eq!(pair.try_seal(0, "x").unwrap_err(), "no device of `b@test` can be reached");
    pair.a.devices(NAMES[1], Namespace::Axolotl, Some(&[2]));
    let sent = pair.seal(0, "found");
    assert_eq!(pair.open(1, &sent).unwrap(), "found");
}
