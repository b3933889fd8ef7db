//! Whatever a road refuses is an item of type `audit` afterwards.

use std::{sync::Arc, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use behaviours::sentry::Sentry;
use runtime::{AgentHandle, Hub, MemoryStore, Spec};
use serde_json::{Value, json};
use types::Violation;

use crate::support::{agent, clear, entries, holds, store};

const OUTBOX: &str = "outbox";

fn refuse(agent: &AgentHandle, who: &str, what: &str) {
    agent.door().complain(Violation {
        at_ms: 1_800_000_000_123,
        protocol: "omemo".to_owned(),
        conversation: String::new(),
        with: who.to_owned(),
        what: what.to_owned(),
    });
}

fn start(store: &Arc<MemoryStore>) -> AgentHandle {
    let mut bob = agent("bob@test", &[], store);
    bob.add(Spec::default(), Sentry::default);
    let road = Hub::default().join(bob.door());
    bob.start(road)
}

/// Who, and what, by the items that are kept.
fn written(store: &MemoryStore) -> Vec<(String, String)> {
    let items = entries(store, OUTBOX).into_iter();
    let text = |it: &Value, place: &str| it.pointer(place).unwrap().as_str().unwrap().to_owned();
    items
        .map(|(_, it)| {
            (text(&it, "/item/payload/audit/who"), text(&it, "/item/payload/audit/what"))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_stored_as_an_audit_item() {
    let store = store();
    let bob = start(&store);
    let whats = ["a message in plain was refused", "a sealed message was refused: it is no text"];
    for what in whats {
        refuse(&bob, "alice@test", what);
    }
    holds(&store, OUTBOX, 2).await;
    assert_eq!(written(&store), whats.map(|it| ("alice@test".to_owned(), it.to_owned())));
    let (_, parcel) = entries(&store, OUTBOX).remove(0);
    let item = &parcel["item"];
    assert_eq!(item["meta"]["type"], "audit");
    assert_eq!(
        (&item["meta"]["source"], &item["meta"]["ts"]),
        (&json!("bob@test"), &json!(1_800_000_000))
    );
    let raw = BASE64_STANDARD.decode(item["payload"]["raw"].as_str().unwrap()).unwrap();
    let raw: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(raw, item["payload"]["audit"], "what is stamped is what is shown");
    assert_eq!(raw["allowed"], false);
    bob.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_refusal_is_written_down_once_a_minute() {
    let store = store();
    let bob = start(&store);
    for _ in 0..20 {
        refuse(&bob, "alice@test", "a message in plain was refused");
    }
    refuse(&bob, "carol@test", "a message in plain was refused");
    holds(&store, OUTBOX, 2).await;
    clear(&store, OUTBOX).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    refuse(&bob, "alice@test", "a message in plain was refused");
    holds(&store, OUTBOX, 1).await;
    bob.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_against_a_protocol_is_no_refusal() {
    let store = store();
    let bob = start(&store);
    bob.door().complain(Violation {
        at_ms: 0,
        protocol: "fipa-request".to_owned(),
        conversation: "c1".to_owned(),
        with: "alice@test".to_owned(),
        what: "agree came twice".to_owned(),
    });
    refuse(&bob, "alice@test", "a message in plain was refused");
    holds(&store, OUTBOX, 1).await;
    assert_eq!(written(&store)[0].1, "a message in plain was refused");
    bob.shutdown().await;
}
