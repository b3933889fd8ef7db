//! What was collected reaches the API in order and once, however the API feels.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use behaviours::forward;
use runtime::{AgentHandle, Handle, Hub, MemoryStore, Message, Performative, Road, Spec};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use types::{BehaviourReport, Depth, Diagram, Exit, Phase, Presence, Proof, Report, Show};
use uuid::Uuid;

use crate::{
    server::{Request, Server, answer, closed_port},
    support::{agent, entries, holds, item, keys, push, push_items, settings, soon, store, uuid},
};

/// A forwarder, and a road on which somebody tells it how they are.
struct World {
    handle: Handle,
    road: Arc<dyn Road>,
    _agents: [AgentHandle; 2],
}

fn start(address: SocketAddr, store: &Arc<MemoryStore>) -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\nrest\n").unwrap();
    let text = format!("api = \"http://{address}/below\"\ntoken_file = \"token\"");
    let settings = settings(forward::SETTINGS, forward::Settings::read, &text, folder.path());
    assert!(!format!("{settings:?}").contains("s3cret"), "a secret is not shown");
    let hub = Hub::default();
    let mut aggregator = agent("aggregator@test", &["aggregate"], store);
    let spec = Spec { template: forward::template(), ..Spec::default() };
    let handle = aggregator.add(spec, move || forward::Forward::from(settings.clone()));
    let its_road = hub.join(aggregator.door());
    let probe = agent("probe@test", &[], &crate::support::store());
    let road = hub.join(probe.door());
    let agents = [aggregator.start(its_road), probe.start(Arc::clone(&road))];
    World { handle, road, _agents: agents }
}

/// What the API answers when it takes everything.
fn takes(request: &Request) -> Vec<u8> {
    if request.head.contains("/items") {
        let states = vec![json!({ "state": "stored" }); request.json().as_array().unwrap().len()];
        return said("200 OK", &json!({ "results": states, "stored": states.len() }));
    }
    if request.head.contains("/report") {
        return answer("204 No Content", "", b"");
    }
    said("200 OK", &json!({ "stored": 1 }))
}

fn said(status: &str, what: &Value) -> Vec<u8> {
    answer(status, "content-type: application/json\r\n", what.to_string().as_bytes())
}

fn items(count: usize) -> Vec<Value> {
    (0..count).map(|_| item("probe@test")).collect()
}

fn proof(of: &[Value]) -> Proof {
    let leaf = |it: &Value| types::Leaf { uuid: uuid(it).parse().unwrap(), sha256: "0".repeat(64) };
    Proof {
        batch: Uuid::new_v4(),
        authority: "tsa".to_owned(),
        leaves: of.iter().map(leaf).collect(),
        root: String::new(),
        token: String::new(),
        also: Vec::new(),
        log: None,
    }
}

async fn push_proof(store: &MemoryStore, proof: &Proof) {
    push(store, "forward", &[(proof.batch.to_string(), json!({ "proof": proof }))]).await;
}

/// Lets a rest pass, and no time of day.
async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    // Whoever woke up has gone on by then.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn items_come_first_and_their_proof_after_them() {
    let store = store();
    let told = items(3);
    push_items(&store, "forward", &told).await;
    let proof = proof(&told);
    push_proof(&store, &proof).await;
    let late = items(1);
    push_items(&store, "forward", &late).await;
    let server = Server::new(|it| Some(takes(it))).await;
    let world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    let requests = server.requests();
    assert!(requests[0].is("POST /below/api/v1/items"), "{}", requests[0].head);
    assert!(requests[0].has("authorization: bearer s3cret"));
    assert!(requests[0].has("content-type: application/json"));
    assert_eq!(requests[0].json(), json!(told));
    assert!(requests[1].is("POST /below/api/v1/proofs"), "{}", requests[1].head);
    assert_eq!(requests[1].json(), json!(proof));
    assert_eq!(requests[2].json(), json!(late));
    assert_eq!(requests.len(), 3);
    soon(world.handle.reaches("Waiting")).await;
}

#[tokio::test]
async fn what_the_api_does_not_take_now_waits_and_comes_once() {
    let wrong = [
        answer("503 Service Unavailable", "", b""),
        answer("500 Internal Server Error", "", b"oops"),
        answer("401 Unauthorized", "", b"{}"),
        answer("404 Not Found", "", b"{}"),
        answer("302 Found", "location: /elsewhere\r\n", b""),
        answer("200 OK", "", b"<html>Welcome to our network</html>"),
        said("200 OK", &json!({ "results": [] })),
        b"nonsense".to_vec(),
    ];
    let mut all = JoinSet::new();
    for wrong in wrong {
        all.spawn(waits_and_comes_once(wrong));
    }
    all.join_all().await;
}

/// Two answers like this are followed by one that takes everything.
async fn waits_and_comes_once(wrong: Vec<u8>) {
    let store = store();
    let told = items(2);
    push_items(&store, "forward", &told).await;
    let (status, mut times) = (String::from_utf8_lossy(&wrong).into_owned(), 0);
    let server = Server::new(move |request| {
        times += 1;
        Some(if times <= 2 { wrong.clone() } else { takes(request) })
    });
    let server = server.await;
    let world = start(server.address, &store);
    soon(world.handle.reaches("Resting")).await;
    assert_eq!(keys(&store, "forward").len(), 2, "{status}");
    holds(&store, "forward", 0).await;
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "{status}");
    assert!(requests.iter().all(|it| it.json() == json!(told)), "{status}");
    assert_eq!(keys(&store, "refused"), [""; 0], "{status}");
}

#[tokio::test]
async fn the_api_says_how_long_to_wait() {
    let store = store();
    push_items(&store, "forward", &items(1)).await;
    let mut times = 0;
    let server = Server::new(move |request| {
        times += 1;
        let busy = answer("503 Service Unavailable", "retry-after: 60\r\n", b"");
        Some(if times == 1 { busy } else { takes(request) })
    });
    let server = server.await;
    let world = start(server.address, &store);
    soon(world.handle.reaches("Resting")).await;
    skip(Duration::from_secs(59)).await;
    assert_eq!(world.handle.report().state, "Resting");
    assert_eq!((server.requests().len(), keys(&store, "forward").len()), (1, 1));
    skip(Duration::from_secs(2)).await;
    holds(&store, "forward", 0).await;
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_was_collected_waits_for_an_api_that_is_away() {
    let store = store();
    push_items(&store, "forward", &items(1)).await;
    let address = closed_port().await;
    let world = start(address, &store);
    soon(world.handle.reaches("Resting")).await;
    assert_eq!(keys(&store, "forward").len(), 1);
    let server = Server::at(address, |it| Some(takes(it))).await;
    holds(&store, "forward", 0).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn one_conflict_is_set_aside_and_the_others_are_delivered() {
    let store = store();
    let told = items(3);
    push_items(&store, "forward", &told).await;
    let server = Server::new(|_| {
        let fates = json!([
            { "state": "stored" },
            { "state": "conflict", "detail": "another record" },
            { "state": "known" },
        ]);
        Some(said("200 OK", &json!({ "results": fates, "stored": 1 })))
    });
    let server = server.await;
    let _world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    assert_eq!(entries(&store, "refused"), [(uuid(&told[1]), json!({ "item": told[1] }))]);
}

#[tokio::test]
async fn a_proof_that_is_refused_is_set_aside() {
    let store = store();
    let proof = proof(&items(2));
    push_proof(&store, &proof).await;
    push_items(&store, "forward", &items(1)).await;
    let server = Server::new(|request| {
        let wrong = json!({ "detail": "the leaves do not lead to the root", "code": "root" });
        let is_proof = request.head.contains("/proofs");
        Some(if is_proof { said("422 Unprocessable Content", &wrong) } else { takes(request) })
    });
    let server = server.await;
    let _world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    assert_eq!(keys(&store, "refused"), [proof.batch.to_string()]);
    assert_eq!(keys(&store, "anchor"), [""; 0]);
}

#[tokio::test]
async fn the_others_under_a_refused_proof_are_stamped_anew() {
    let store = store();
    let told = items(3);
    let proof = proof(&told);
    push_proof(&store, &proof).await;
    let wrong = json!({ "code": "unknown-items", "uuids": [uuid(&told[1])] });
    let server = Server::new(move |_| Some(said("409 Conflict", &wrong))).await;
    let _world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    let anew = [&told[0], &told[2]].map(uuid);
    assert_eq!(keys(&store, "anchor"), anew);
    assert_eq!(entries(&store, "anchor")[0].1, json!(proof.leaves[0]));
    assert_eq!(keys(&store, "refused"), [proof.batch.to_string()]);
}

#[tokio::test]
async fn one_wrong_presence_does_not_take_the_others_with_it() {
    let store = store();
    let presence = |number: i64| Presence {
        jid: format!("a{number}@test"),
        show: Show::Available,
        since_ms: number,
        ..Presence::default()
    };
    let parcel = |it: i64| (format!("a{it}@test#{it}"), json!({ "presence": presence(it) }));
    let parcels: Vec<_> = (0..20).map(parcel).collect();
    push(&store, "forward", &parcels).await;
    let server = Server::new(|request| {
        let told = request.json();
        let wrong = told.as_array().unwrap().iter().any(|it| it["jid"] == "a7@test");
        let refusal = json!({ "detail": "a7@test" });
        Some(if wrong { said("422 Unprocessable Content", &refusal) } else { takes(request) })
    });
    let server = server.await;
    let _world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    assert_eq!(keys(&store, "refused"), ["a7@test#7"]);
    let wrong = |it: &Value| it["jid"] == "a7@test";
    let lists = server.requests().into_iter().map(|it| it.json().as_array().unwrap().clone());
    let taken: Vec<Value> = lists.filter(|it| !it.iter().any(wrong)).flatten().collect();
    assert_eq!(taken.len(), 19);
}

#[tokio::test]
async fn a_batch_that_is_too_large_goes_in_parts() {
    let store = store();
    let told = items(10);
    push_items(&store, "forward", &told).await;
    let server = Server::new(|request| {
        let many = request.json().as_array().unwrap().len() > 3;
        let large = answer("413 Content Too Large", "", b"");
        Some(if many { large } else { takes(request) })
    });
    let server = server.await;
    let _world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    assert_eq!(keys(&store, "refused"), [""; 0]);
    let lists = server.requests().into_iter().map(|it| it.json().as_array().unwrap().clone());
    let taken: Vec<Value> = lists.filter(|it| it.len() <= 3).flatten().collect();
    assert_eq!(taken, told);
}

#[tokio::test]
async fn a_full_drawer_for_refused_results_does_not_hold_up_the_rest() {
    let store = Arc::new(MemoryStore::new(2));
    push(&store, "refused", &["a", "b"].map(|it| (it.to_owned(), Value::Null))).await;
    push(&store, "forward", &[("odd".to_owned(), json!({ "song": 1 }))]).await;
    push_items(&store, "forward", &items(1)).await;
    let server = Server::new(|it| Some(takes(it))).await;
    let world = start(server.address, &store);
    holds(&store, "forward", 0).await;
    assert_eq!((server.requests().len(), world.handle.report().restarts), (1, 0));
}

fn report(jid: &str, steps: u64, diagram: bool) -> Report {
    let behaviour = BehaviourReport {
        name: "check".into(),
        run: "check".into(),
        phase: Phase::Running,
        state: "Waiting".into(),
        since_ms: 0,
        steps,
        restarts: 0,
        last_error: None,
        mailbox: Depth::default(),
        due_ms: None,
        diagram: diagram.then(|| Diagram { states: Vec::new() }),
    };
    Report {
        jid: jid.to_owned(),
        sent_ms: 0,
        announcement: types::Announcement::default(),
        backlog: 0,
        unwanted: 0,
        violations: Vec::new(),
        behaviours: vec![behaviour],
    }
}

impl World {
    fn hears(&self, from: &str, report: &Report) {
        let mut message = Message::new(Performative::Inform, "aggregator@test", report).unwrap();
        message.from = Some(from.into());
        drop(self.road.send(message));
    }
}

#[tokio::test]
async fn a_report_is_posted_for_the_agent_that_sent_it() {
    let server = Server::new(|it| Some(takes(it))).await;
    let world = start(server.address, &store());
    world.hears("probe@test/1", &report("other@test", 1, true));
    world.hears("what?#%@test/1", &report("what?#%@test", 2, true));
    let requests = server.was_asked(1).await;
    let path = "POST /below/api/v1/agents/what%3F%23%25@test/report";
    assert!(requests[0].is(path), "{}", requests[0].head);
    assert_eq!(requests[0].json(), json!(report("what?#%@test", 2, true)));
    soon(world.handle.reaches("Waiting")).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn reports_that_wait_become_one_and_keep_the_diagram() {
    let store = store();
    push_items(&store, "forward", &items(1)).await;
    let mut times = 0;
    let server = Server::new(move |request| {
        times += 1;
        let busy = answer("503 Service Unavailable", "retry-after: 60\r\n", b"");
        Some(if times == 1 { busy } else { takes(request) })
    });
    let server = server.await;
    let world = start(server.address, &store);
    soon(world.handle.reaches("Resting")).await;
    world.hears("probe@test", &report("probe@test", 1, true));
    // More than a mailbox holds: while it rests, it listens.
    for steps in 2..=500 {
        world.hears("probe@test", &report("probe@test", steps, false));
        tokio::task::yield_now().await;
    }
    skip(Duration::from_secs(61)).await;
    let requests = server.was_asked(3).await;
    assert!(requests[1].head.contains("/items"), "{}", requests[1].head);
    assert_eq!(requests[2].json(), json!(report("probe@test", 500, true)));
    soon(world.handle.reaches("Waiting")).await;
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn reports_do_not_wait_until_everything_is_delivered() {
    let store = store();
    push_items(&store, "forward", &items(2500)).await;
    let server = Server::new(|it| Some(takes(it))).await;
    let world = start(server.address, &store);
    world.hears("probe@test", &report("probe@test", 1, true));
    holds(&store, "forward", 0).await;
    let requests = server.requests();
    let is_report: Vec<bool> = requests.iter().map(|it| it.head.contains("/report")).collect();
    assert_eq!(is_report, [false, true, false, false]);
}

#[tokio::test]
async fn a_report_that_is_refused_is_forgotten() {
    let wrong = || said("422 Unprocessable Content", &json!({ "detail": "odd" }));
    let server = Server::new(move |_| Some(wrong())).await;
    let store = store();
    let world = start(server.address, &store);
    world.hears("probe@test", &report("probe@test", 1, true));
    server.was_asked(1).await;
    soon(world.handle.reaches("Waiting")).await;
    assert_eq!((keys(&store, "refused").len(), server.requests().len()), (0, 1));
}

#[tokio::test]
async fn a_forwarder_stops_wherever_it_waits() {
    for state in ["Waiting", "Posting", "Resting"] {
        let store = store();
        if state != "Waiting" {
            push_items(&store, "forward", &items(1)).await;
        }
        let busy = answer("503 Service Unavailable", "retry-after: 60\r\n", b"");
        let hangs = state == "Posting";
        let server = Server::new(move |_| (!hangs).then(|| busy.clone())).await;
        let world = start(server.address, &store);
        soon(world.handle.reaches(state)).await;
        if hangs {
            server.was_asked(1).await;
        }
        world.handle.stop();
        assert_eq!(soon(world.handle.join()).await, Exit::Stopped, "{state}");
        assert_eq!(world.handle.report().state, state);
    }
}
