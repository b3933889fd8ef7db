use runtime::{Change, MemoryStore, Store, StoreError};

fn push(key: &str) -> Change {
    Change::Push { queue: "outbox", key: key.to_owned(), value: key.to_owned().into() }
}

#[tokio::test]
async fn a_queue_keeps_order_and_takes_a_key_once() {
    let store = MemoryStore::new(3);
    store.commit(vec![push("a"), push("b"), push("a")]).await.unwrap();
    let kept = store.read("outbox", 0, 10, 1000).unwrap();
    assert_eq!(kept.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let drop = Change::Drop { queue: "outbox", number: kept[0].number };
    store.commit(vec![drop]).await.unwrap();
    assert_eq!(store.count("outbox").unwrap(), 1);
    assert_eq!(store.read("outbox", kept[1].number, 10, 1000).unwrap(), []);
}

#[tokio::test]
async fn a_full_queue_changes_nothing() {
    let store = MemoryStore::new(1);
    let error = store.commit(vec![push("a"), push("b")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { limit: 1, .. }), "{error:?}");
    assert_eq!(store.count("outbox").unwrap(), 0);
}
