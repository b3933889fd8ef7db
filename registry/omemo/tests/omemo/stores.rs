//! One suite for every store.

use omemo::store::{Change, MemoryStore, SqliteStore, Store, StoreError};

fn put(name: &str, value: &[u8]) -> Change {
    Change::Put(name.to_owned(), value.to_vec())
}

/// What every store does; `open` opens the same records again.
fn suite<S: Store>(mut open: impl FnMut() -> S) {
    let mut store = open();
    assert_eq!(store.load().unwrap(), []);
    store.commit(&[put("b", b"2"), put("a", b"1"), put("c", b"3")]).unwrap();
    store.commit(&[put("a", b"4"), Change::Delete("b".to_owned())]).unwrap();
    // Of two changes of one record the later holds; deleting what is not there is no error.
    store.commit(&[put("d", b"5"), put("d", b"6"), Change::Delete("nothing".to_owned())]).unwrap();
    store.commit(&[]).unwrap();
    let expected = [("a", b"4"), ("c", b"3"), ("d", b"6")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_vec()));
    assert_eq!(store.load().unwrap(), expected);
    drop(store);
    let mut again = open();
    assert_eq!(again.load().unwrap(), expected);
    let large = vec![7; 1 << 20];
    again.commit(&[put("large", &large)]).unwrap();
    drop(again);
    assert_eq!(open().load().unwrap().last().unwrap().1, large);
}

#[test]
fn memory_keeps_records() {
    let store = MemoryStore::default();
    suite(|| store.clone());
}

#[test]
fn a_file_keeps_records() {
    let folder = tempfile::tempdir().unwrap();
    suite(|| SqliteStore::open(&folder.path().join("keys")).unwrap());
}

#[test]
fn a_file_belongs_to_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let first = SqliteStore::open(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::InUse)));
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, [b'x'; 10_000]).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged(_))));
}
