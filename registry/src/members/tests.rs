//! What is believed, and every way in which it is not.

use types::Device;

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

struct Registry {
    _folder: tempfile::TempDir,
    key: SigningKey,
}

impl Registry {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::open_or_make(&SigningKey::registry_file(folder.path())).unwrap();
        Self { _folder: folder, key }
    }

    fn list(&self, before: &Members, serial: u64, set: Vec<Member>, gone: &[String]) -> Members {
        let validity = Validity { serial, issued_ms: DAY, until_ms: 8 * DAY };
        before.sign(&self.key, set, gone, validity).unwrap()
    }
}

fn member(name: &str, serial: u64) -> Member {
    let digest = |what: &str| hex::encode(Transcript::new(what).text(name).digest());
    Member {
        jid: format!("{name}@test"),
        role: "probe".to_owned(),
        labels: BTreeMap::from([("site".to_owned(), "lux1".to_owned())]),
        devices: vec![Device { device: 7, identity: digest("identity") }],
        evidence_key: digest("evidence"),
        serial,
    }
}

#[test]
fn a_list_that_the_registry_signed_is_believed_and_changed_forwards() {
    let registry = Registry::new();
    let none = Members::none(registry.key.public());
    let first = registry.list(&none, 1, vec![member("a", 1), member("b", 1)], &[]);
    let head = first.head().unwrap().clone();
    none.admits(&head, DAY).unwrap();
    let theirs = none.amended(&head, first.iter().cloned().collect(), &[]).unwrap();
    assert_eq!((theirs.serial(), theirs.len()), (1, 2));
    assert_eq!(theirs.keys("a@test").len(), 1);
    assert_eq!(theirs.key("a@test", 7), theirs.keys("a@test").first().copied());
    assert_eq!((theirs.key("a@test", 8), theirs.keys("c@test")), (None, [].as_slice()));
    let gone = ["a@test".to_owned()];
    let second = registry.list(&first, 2, vec![member("c", 2)], &gone);
    let theirs = theirs.amended(second.head().unwrap(), vec![member("c", 2)], &gone).unwrap();
    let jids: Vec<_> = theirs.iter().map(|it| it.jid.as_str()).collect();
    assert_eq!(jids, ["b@test", "c@test"]);
    assert!(theirs.keys("a@test").is_empty());
}

#[test]
fn every_list_that_is_not_to_be_believed_is_refused_for_its_reason() {
    let (registry, mallory) = (Registry::new(), Registry::new());
    let none = Members::none(registry.key.public());
    let first = registry.list(&none, 5, vec![member("a", 5)], &[]);
    let head = first.head().unwrap();
    let forged = mallory.list(&none, 6, vec![member("m", 6)], &[]);
    let refusal = first.admits(forged.head().unwrap(), DAY).unwrap_err();
    assert_eq!(refusal, MembersError::Forged(registry.key.public()));
    let older = registry.list(&none, 4, vec![member("a", 4)], &[]);
    let refusal = first.admits(older.head().unwrap(), DAY).unwrap_err();
    assert_eq!(refusal, MembersError::Rollback { offered: 4, known: 5 });
    let other = registry.list(&none, 5, vec![member("b", 5)], &[]);
    let refusal = first.admits(other.head().unwrap(), DAY).unwrap_err();
    assert_eq!(refusal, MembersError::Rollback { offered: 5, known: 5 });
    let refusal = none.admits(head, 8 * DAY).unwrap_err();
    assert_eq!(refusal, MembersError::Expired { serial: 5, until_ms: 8 * DAY });
    // Who is added, left out or changed on the way.
    let mut swapped = member("a", 5);
    swapped.devices[0].identity = member("m", 5).devices[0].identity.clone();
    for set in [vec![], vec![member("a", 5), member("b", 5)], vec![swapped]] {
        assert_eq!(none.amended(head, set, &[]).unwrap_err(), MembersError::Digest(5));
    }
    let is_malformed =
        |head: &ListHead| matches!(none.admits(head, DAY).unwrap_err(), MembersError::Malformed(_));
    assert!(is_malformed(&ListHead { signature: "ab".to_owned(), ..head.clone() }));
    assert!(is_malformed(&ListHead { digest: "ab".to_owned(), ..head.clone() }));
    assert!(is_malformed(&ListHead { until_ms: -1, ..head.clone() }));
    for changed in [
        ListHead { serial: 6, ..head.clone() },
        ListHead { issued_ms: DAY + 1, ..head.clone() },
        ListHead { until_ms: 9 * DAY, ..head.clone() },
        ListHead { count: 2, ..head.clone() },
    ] {
        assert!(matches!(none.admits(&changed, DAY).unwrap_err(), MembersError::Forged(_)));
    }
}

#[test]
fn a_member_that_cannot_be_is_not_signed() {
    let registry = Registry::new();
    let none = Members::none(registry.key.public());
    let wrong: [fn(&mut Member); 9] = [
        |it| it.jid = "test".to_owned(),
        |it| it.jid = "A@test".to_owned(),
        |it| it.jid = "a@test/x".to_owned(),
        |it| it.role.clear(),
        |it| it.labels = (0..33).map(|nth| (nth.to_string(), String::new())).collect(),
        |it| it.devices[0].device = 0,
        |it| it.devices.push(it.devices[0].clone()),
        |it| it.devices[0].identity.truncate(63),
        |it| it.evidence_key = "x".repeat(64),
    ];
    for spoil in wrong {
        let mut it = member("a", 1);
        spoil(&mut it);
        let validity = Validity { serial: 1, issued_ms: 0, until_ms: 1 };
        let refusal = none.sign(&registry.key, vec![it], &[], validity).unwrap_err();
        assert!(matches!(refusal, MembersError::Malformed(_)), "{refusal}");
    }
}

#[test]
fn ten_thousand_members_are_one_list() {
    let registry = Registry::new();
    let none = Members::none(registry.key.public());
    let all: Vec<_> = (0..10_000).map(|nth| member(&format!("probe{nth}"), 1)).collect();
    let list = registry.list(&none, 1, all.clone(), &[]);
    let theirs = none.amended(list.head().unwrap(), all, &[]).unwrap();
    assert_eq!(theirs.len(), 10_000);
    let next = registry.list(&list, 2, vec![member("one-more", 2)], &[]);
    let theirs = theirs.amended(next.head().unwrap(), vec![member("one-more", 2)], &[]).unwrap();
    assert_eq!(theirs.len(), 10_001);
    let many: Vec<_> = (0..=MOST).map(|nth| member(&format!("p{nth}"), 3)).collect();
    let refusal = none.amended(next.head().unwrap(), many, &[]).unwrap_err();
    assert!(matches!(refusal, MembersError::TooLarge(_)));
}
