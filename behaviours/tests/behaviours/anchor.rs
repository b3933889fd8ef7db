//! Batches are stamped by a real authority, behind a server of the test.

mod faults;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use behaviours::anchor;
use evidence::{
    BatchTree, Digest, OwnAuthority, Record,
    log::{Peaks, Signed},
};
use runtime::{AgentHandle, Handle, Hub, MemoryStore, Spec};
use serde_json::{Value, json};
use types::{Exit, Leaf, Proof};

use crate::{
    server::{Request, Server, answer, closed_port},
    support::{agent, clear, entries, holds, item, keys, push, settings, soon, store, uuid},
};

fn authority() -> Arc<OwnAuthority> {
    Arc::new(OwnAuthority::create().unwrap().0)
}

/// Answers as RFC 3161 section 3.4 says.
fn stamps(tsa: &Arc<OwnAuthority>) -> impl FnMut(&Request) -> Option<Vec<u8>> + Send + 'static {
    let tsa = Arc::clone(tsa);
    move |request| {
        assert!(request.is("POST /tsr"), "{}", request.head);
        assert!(request.has("content-type: application/timestamp-query"), "{}", request.head);
        assert!(request.has("accept: application/timestamp-reply"), "{}", request.head);
        let token = tsa.respond(&request.body);
        Some(answer("200 OK", "content-type: application/timestamp-reply\r\n", &token))
    }
}

fn start(
    address: SocketAddr,
    believed: &OwnAuthority,
    store: &Arc<MemoryStore>,
) -> (AgentHandle, Handle) {
    let text = format!("url = \"http://{address}/tsr\"\nanchor = \"0.pem\"\nauthority = \"own\"");
    start_with(&text, &[believed], store)
}

/// The same with any settings, in which the certificates of those who are believed are `0.pem` and
/// so on.
fn start_with(
    text: &str,
    believed: &[&OwnAuthority],
    store: &Arc<MemoryStore>,
) -> (AgentHandle, Handle) {
    let folder = tempfile::tempdir().unwrap();
    for (number, it) in believed.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.pem")), it.anchor_pem()).unwrap();
    }
    let settings = settings(anchor::SETTINGS, anchor::Settings::read, text, folder.path());
    let mut agent = agent("aggregator@test", &["aggregate"], store);
    let handle = agent.add(Spec::default(), move || anchor::Anchor::from(settings.clone()));
    let road = Hub::default().join(agent.door());
    (agent.start(road), handle)
}

async fn pend(store: &MemoryStore, count: usize) -> Vec<Leaf> {
    let leaf = |_| {
        let item = item("probe@test");
        let sha256 = Record::of(&item).unwrap().digest_hex();
        Leaf { uuid: uuid(&item).parse().unwrap(), sha256 }
    };
    let leaves: Vec<Leaf> = (0..count).map(leaf).collect();
    let parcels: Vec<_> = leaves.iter().map(|it| (it.uuid.to_string(), json!(it))).collect();
    push(store, "anchor", &parcels).await;
    leaves
}

fn proofs(store: &MemoryStore) -> Vec<Proof> {
    let read = |(key, mut parcel): (String, Value)| {
        let proof: Proof = serde_json::from_value(parcel["proof"].take()).unwrap();
        assert_eq!(key, proof.batch.to_string());
        proof
    };
    entries(store, "forward").into_iter().map(read).collect()
}

/// Whether a proof is all that anybody needs to believe it.
fn check(proof: &Proof, leaves: &[Leaf], tsa: &OwnAuthority) {
    assert_eq!(proof.authority, "own");
    check_of(proof, leaves, &[tsa]);
}

/// The same, of so many authorities.
fn check_of(proof: &Proof, leaves: &[Leaf], stamped_by: &[&OwnAuthority]) {
    assert_eq!(proof.leaves, leaves);
    let digest = |it: &Leaf| hex::decode(&it.sha256).unwrap().try_into().unwrap();
    let log = proof.log.as_ref().unwrap();
    let peaks = log.peaks.iter().map(|it| hex::decode(it).unwrap().try_into().unwrap());
    let mut peaks = Peaks::new(log.first, peaks.collect()).unwrap();
    let mut digests: Vec<Digest> = leaves.iter().map(digest).collect();
    peaks.extend(&digests);
    let signed = Signed::read(&log.checkpoint).unwrap();
    assert_eq!((signed.checkpoint.size, signed.checkpoint.root), (peaks.size(), peaks.root()));
    digests.push(signed.digest());
    let tree = BatchTree::new(digests).unwrap();
    assert_eq!(proof.root, hex::encode(tree.root()));
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(evidence::fold(&digest(leaf), &tree.path(index)), tree.root());
    }
    let tokens: Vec<&String> =
        std::iter::once(&proof.token).chain(proof.also.iter().map(|it| &it.token)).collect();
    assert_eq!(tokens.len(), stamped_by.len());
    for (token, tsa) in tokens.into_iter().zip(stamped_by) {
        let token = BASE64_STANDARD.decode(token).unwrap();
        evidence::verify(&token, &tree.root(), &tsa.authority()).unwrap();
    }
}

#[tokio::test]
async fn a_batch_becomes_one_proof_that_holds() {
    let (tsa, store) = (authority(), store());
    let leaves = pend(&store, 5).await;
    let server = Server::new(stamps(&tsa)).await;
    let (_agent, handle) = start(server.address, &tsa, &store);
    holds(&store, "forward", 1).await;
    assert_eq!(keys(&store, "anchor"), [""; 0]);
    check(&proofs(&store)[0], &leaves, &tsa);
    assert_eq!(server.requests().len(), 1);

    soon(handle.reaches("Waiting")).await;
    let more = pend(&store, 1).await;
    holds(&store, "forward", 2).await;
    check(&proofs(&store)[1], &more, &tsa);
}

#[tokio::test]
async fn items_wait_for_an_authority_that_is_away() {
    let (tsa, store) = (authority(), store());
    let leaves = pend(&store, 2).await;
    let address = closed_port().await;
    let (_agent, handle) = start(address, &tsa, &store);
    soon(handle.reaches("Resting")).await;
    assert_eq!((keys(&store, "anchor").len(), keys(&store, "forward").len()), (2, 0));
    let _server = Server::at(address, stamps(&tsa)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    holds(&store, "forward", 1).await;
    check(&proofs(&store)[0], &leaves, &tsa);
    assert_eq!(keys(&store, "anchor"), [""; 0]);
}

#[tokio::test]
async fn an_authority_that_is_not_the_one_is_never_believed() {
    let (tsa, other, store) = (authority(), authority(), store());
    pend(&store, 1).await;
    let server = Server::new(stamps(&other)).await;
    let (_agent, handle) = start(server.address, &tsa, &store);
    server.was_asked(1).await;
    soon(handle.reaches("Resting")).await;
    assert_eq!((keys(&store, "anchor").len(), keys(&store, "forward").len()), (1, 0));
    handle.stop();
    assert_eq!(soon(handle.join()).await, Exit::Stopped);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_does_not_hold_up_the_others() {
    let (tsa, store) = (authority(), store());
    let odd = [
        ("song".to_owned(), json!({ "song": 1 })),
        ("short".to_owned(), json!({ "uuid": uuid(&item("a@test")), "sha256": "00" })),
    ];
    push(&store, "anchor", &odd).await;
    let leaves = pend(&store, 1).await;
    let server = Server::new(stamps(&tsa)).await;
    let (_agent, handle) = start(server.address, &tsa, &store);
    holds(&store, "forward", 1).await;
    check(&proofs(&store)[0], &leaves, &tsa);
    assert_eq!(keys(&store, "refused"), ["song", "short"]);
    assert_eq!(handle.report().restarts, 0);
}

#[tokio::test]
async fn a_proof_waits_for_room() {
    let (tsa, store) = (authority(), Arc::new(MemoryStore::new(1)));
    push(&store, "forward", &[("old".to_owned(), Value::Null)]).await;
    let leaves = pend(&store, 1).await;
    let server = Server::new(stamps(&tsa)).await;
    let (_agent, handle) = start(server.address, &tsa, &store);
    soon(handle.reaches("NoRoom")).await;
    assert_eq!(keys(&store, "anchor").len(), 1);
    clear(&store, "forward").await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    holds(&store, "forward", 1).await;
    check(&proofs(&store)[0], &leaves, &tsa);
    assert_eq!((server.requests().len(), handle.report().restarts), (1, 0));
}

#[tokio::test]
async fn an_anchor_stops_wherever_it_waits() {
    for state in ["Waiting", "Stamping", "NoRoom"] {
        let (tsa, store) = (authority(), Arc::new(MemoryStore::new(1)));
        push(&store, "forward", &[("old".to_owned(), Value::Null)]).await;
        if state != "Waiting" {
            pend(&store, 1).await;
        }
        let mut stamp = stamps(&tsa);
        let hangs = state == "Stamping";
        let server = Server::new(move |it| (!hangs).then(|| stamp(it)).flatten()).await;
        let (_agent, handle) = start(server.address, &tsa, &store);
        soon(handle.reaches(state)).await;
        if hangs {
            server.was_asked(1).await;
        }
        handle.stop();
        assert_eq!(soon(handle.join()).await, Exit::Stopped, "{state}");
        assert_eq!(handle.report().state, state);
    }
}
