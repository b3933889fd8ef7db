//! A list in parts, over restarts, and what is never believed.

use std::collections::BTreeMap;

use runtime::Trust as _;
use types::Device;

use super::*;
use crate::{SigningKey, Validity};

const DAY: i64 = 24 * 60 * 60 * 1000;

struct World {
    folder: tempfile::TempDir,
    key: SigningKey,
    list: Members,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::open_or_make(&SigningKey::registry_file(folder.path())).unwrap();
        let list = Members::none(key.public());
        Self { folder, key, list }
    }

    fn open(&self, now_ms: i64) -> Trust {
        Trust::open(self.folder.path(), self.key.public(), now_ms).unwrap()
    }

    /// The next list, as a change of the one before.
    fn next(&mut self, set: Vec<Member>, gone: &[&str]) -> ListUpdate {
        let (base, gone) = (self.list.serial(), gone.iter().map(|it| (*it).to_owned()).collect());
        let gone: Vec<String> = gone;
        let validity = Validity { serial: base + 1, issued_ms: 0, until_ms: 7 * DAY };
        self.list = self.list.sign(&self.key, set.clone(), &gone, validity).unwrap();
        let head = self.list.head().unwrap().clone();
        ListUpdate { head, base, part: 0, parts: 1, set, gone }
    }
}

fn member(name: &str) -> Member {
    Member {
        jid: format!("{name}@test"),
        role: "probe".to_owned(),
        labels: BTreeMap::new(),
        devices: vec![Device { device: 1, identity: hex::encode([7; 32]) }],
        evidence_key: hex::encode([8; 32]),
        serial: 1,
    }
}

#[test]
fn a_list_is_believed_once_all_parts_are_here_in_any_order_and_after_a_restart() {
    let mut world = World::new();
    let trust = world.open(0);
    let whole = world.next(vec![member("a"), member("b"), member("c")], &[]);
    let part = |nth: usize| ListUpdate {
        part: u32::try_from(nth).unwrap(),
        parts: 3,
        set: vec![whole.set[nth].clone()],
        ..whole.clone()
    };
    for nth in [2, 0, 2] {
        assert_eq!(trust.hear(&part(nth), 1), Ok(Heard::Part));
        assert!(trust.members().borrow().is_empty());
    }
    assert_eq!(trust.hear(&part(1), 1), Ok(Heard::Taken));
    assert_eq!(trust.hear(&whole, 1), Ok(Heard::Known));
    assert_eq!(trust.members().borrow().len(), 3);
    drop(trust);
    let trust = world.open(1);
    assert_eq!((trust.serial(), trust.members().borrow().keys("b@test").len()), (1, 1));
}

#[test]
fn a_change_of_another_list_is_a_gap() {
    let mut world = World::new();
    let trust = world.open(0);
    world.next(vec![member("a")], &[]);
    let second = world.next(vec![member("b")], &[]);
    assert_eq!(trust.hear(&second, 1), Ok(Heard::Gap));
    let set = world.list.iter().cloned().collect();
    assert_eq!(trust.hear(&ListUpdate { base: 0, set, ..second }, 1), Ok(Heard::Taken));
}

#[test]
fn an_older_list_is_refused_also_after_a_restart_and_where_a_newer_one_was_only_heard_of() {
    let mut world = World::new();
    let first = world.next(vec![member("a"), member("mallory")], &[]);
    let second = world.next(vec![], &["mallory@test"]);
    let trust = world.open(0);
    assert_eq!(trust.hear(&first, 1), Ok(Heard::Taken));
    assert_eq!(trust.hear(&second, 1), Ok(Heard::Taken));
    let trust = world.open(1);
    let refusal = trust.hear(&first, 1).unwrap_err();
    assert!(refusal.0.contains("list 1 is older than list 2"), "{refusal}");
    assert!(trust.members().borrow().keys("mallory@test").is_empty());
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::open(folder.path(), world.key.public(), 0).unwrap();
    trust.expect(2).unwrap();
    let trust = Trust::open(folder.path(), world.key.public(), 0).unwrap();
    assert!(trust.hear(&first, 1).is_err());
}

#[test]
fn a_list_that_is_out_of_date_is_not_believed_but_not_forgotten_either() {
    let mut world = World::new();
    let trust = world.open(0);
    let first = world.next(vec![member("a")], &[]);
    assert_eq!(trust.hear(&first, 1), Ok(Heard::Taken));
    trust.lapse(7 * DAY);
    assert!(trust.members().borrow().is_empty());
    let trust = world.open(8 * DAY);
    assert!(trust.members().borrow().is_empty());
    assert_eq!(trust.serial(), 1);
    let late = trust.hear(&first, 8 * DAY).unwrap_err();
    assert!(late.0.contains("out of date"), "{late}");
}

#[test]
fn a_file_that_somebody_changed_is_not_believed() {
    let mut world = World::new();
    let trust = world.open(0);
    let first = world.next(vec![member("a")], &[]);
    trust.hear(&first, 1).unwrap();
    let path = world.folder.path().join("members.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(&hex::encode([7; 32]), &hex::encode([6; 32]))).unwrap();
    let changed = Trust::open(world.folder.path(), world.key.public(), 0);
    assert!(matches!(changed, Err(TrustError::Members { .. })));
    std::fs::write(&path, "{").unwrap();
    let damaged = Trust::open(world.folder.path(), world.key.public(), 0);
    assert!(matches!(damaged, Err(TrustError::File(_))));
    let odd = ListUpdate { parts: 0, ..first };
    std::fs::remove_file(&path).unwrap();
    let odd = world.open(0).hear(&odd, 1).unwrap_err();
    assert!(odd.0.contains("parts"), "{odd}");
}
