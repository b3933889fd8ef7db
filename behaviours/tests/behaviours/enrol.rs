//! A registrar takes in who has the token, once, and forgets nothing of it over a restart.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use behaviours::enrol;
use runtime::{
    AgentHandle, Disbelief, Errand, Hub, MemoryStore, Message, Notary, Performative, Road,
    SendError, Sending, Slot,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use types::{
    Content, EnrolmentAnswer, EnrolmentRequest, Handover, ListHead, ListUpdate, Member, Registrar,
};

use crate::{
    server::{Request, Server, answer},
    support::{agent, entries, listen, settings, soon, store},
};

const REGISTRAR: &str = "registry@test";
/// A key that is not signed for anybody.
const WEAK: &str = "weak";

/// Believes whose proof says `good`.
#[derive(Debug)]
struct Fake;

fn believed(proof: &str) -> Result<(), Disbelief> {
    if proof == "good" { Ok(()) } else { Err(Disbelief("the proof is bad".to_owned())) }
}

impl Notary for Fake {
    fn registrar(&self) -> Result<Registrar, Disbelief> {
        let (server, authority) = (None, None);
        Ok(Registrar { jid: REGISTRAR.to_owned(), server, authority, key: "ab".repeat(32) })
    }

    fn vouched(&self) -> Option<Vec<Member>> {
        None
    }

    fn sign(&self, members: Vec<Member>, serial: u64, now_ms: i64) -> Result<ListHead, Disbelief> {
        if members.iter().any(|it| it.devices.iter().any(|it| it.identity == WEAK)) {
            return Err(Disbelief("a weak key".to_owned()));
        }
        let count = u32::try_from(members.len()).unwrap();
        let (issued_ms, until_ms) = (now_ms, now_ms + 1_000_000_000);
        let (digest, signature) = (String::new(), format!("signature of {serial}"));
        Ok(ListHead { serial, issued_ms, until_ms, count, digest, signature })
    }

    fn judge(&self, request: &EnrolmentRequest, proof_key: &str) -> Result<(), Disbelief> {
        assert_eq!(proof_key, "proof key");
        believed(&request.mac)
    }

    fn judge_handover(&self, handover: &Handover, _: &Member) -> Result<(), Disbelief> {
        believed(&handover.old_proof)
    }

    fn answer(
        &self,
        nonce: &str,
        member: Member,
        head: ListHead,
    ) -> Result<EnrolmentAnswer, Disbelief> {
        Ok(EnrolmentAnswer { member, head, signature: nonce.to_owned() })
    }
}

/// A road with accounts.
#[derive(Debug)]
struct Accounts {
    road: Arc<dyn Road>,
    done: Arc<watch::Sender<Vec<Errand>>>,
    refuses: bool,
}

impl Road for Accounts {
    fn send(&self, message: Message) -> Sending {
        self.road.send(message)
    }

    fn run(&self, errand: Errand) -> Sending {
        self.done.send_modify(|it| it.push(errand));
        let refusal = SendError::Refused { by: "test".into(), why: "conflict".to_owned() };
        Sending::Done(if self.refuses { Err(refusal) } else { Ok(()) })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.road.close()
    }
}

/// What the API wants, by number.
type Orders = Arc<Mutex<Vec<Value>>>;

fn enrolling(number: i64, expires_ms: i64) -> Value {
    let wish = json!({ "enrol": {
        "role": "probe", "labels": { "site": "lux1" }, "password": "first",
        "proof_key": "proof key", "expires_ms": expires_ms,
    }});
    json!({ "number": number, "name": "edge1", "wish": wish })
}

struct World {
    hub: Hub,
    store: Arc<MemoryStore>,
    server: Server,
    done: Arc<watch::Sender<Vec<Errand>>>,
    edge: Arc<dyn Road>,
    heard: mpsc::Receiver<Arc<Message>>,
    _edge: AgentHandle,
}

impl World {
    async fn new(orders: &[Value]) -> Self {
        let orders: Orders = Arc::new(Mutex::new(orders.to_vec()));
        let server = Server::new(move |request: &Request| {
            let Some((_, rest)) = request.head.split_once("after=") else {
                return Some(answer("204 No Content", "", b""));
            };
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let after: i64 = digits.parse().unwrap();
            let orders = orders.lock().unwrap();
            let new: Vec<&Value> =
                orders.iter().filter(|it| it["number"].as_i64().unwrap() > after).collect();
            let next = new.last()?["number"].clone();
            let body = json!({ "items": new, "next": next }).to_string();
            let json = "content-type: application/json\r\n";
            Some(answer("200 OK", json, body.as_bytes()))
        })
        .await;
        let hub = Hub::default();
        let mut edge = agent("edge1@test", &[], &store());
        let heard = listen(&mut edge);
        let road = hub.join(edge.door());
        let edge = edge.start(Arc::clone(&road));
        let done = Arc::new(watch::Sender::new(Vec::new()));
        Self { hub, store: store(), server, done, edge: road, heard, _edge: edge }
    }

    fn registrar(&self, refuses: bool) -> AgentHandle {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cret").unwrap();
        let text = format!("api = \"{}\"\ntoken_file = \"token\"", self.server.url(""));
        let settings = settings(enrol::SETTINGS, enrol::Settings::read, &text, folder.path());
        let mut registrar = agent(REGISTRAR, &["register"], &self.store);
        registrar.add(enrol::spec(), move || enrol::Enrol::new(settings.clone(), Arc::new(Fake)));
        let road = self.hub.join(registrar.door());
        registrar.start(Arc::new(Accounts { road, done: Arc::clone(&self.done), refuses }))
    }

    /// Waits for news that the API is told.
    async fn told(&self, fate: &str) -> Value {
        let told = async {
            let mut times = 1;
            loop {
                let asked = self.server.was_asked(times).await;
                let news = asked.iter().filter(|it| it.head.contains("/news"));
                let news = news.flat_map(|it| it.json().as_array().unwrap().clone());
                let is_it = |it: &Value| it["fate"] == fate || it["fate"].get(fate).is_some();
                if let Some(found) = news.into_iter().find(is_it) {
                    return found;
                }
                times = asked.len() + 1;
            }
        };
        soon(told).await
    }

    async fn ask(&mut self, from: &str, nonce: &str, mac: &str) -> Arc<Message> {
        let request = EnrolmentRequest {
            jid: "edge1@test".to_owned(),
            device: 7,
            identity: "01".repeat(32),
            evidence_key: "02".repeat(32),
            registry: "ab".repeat(32),
            nonce: nonce.to_owned(),
            mac: mac.to_owned(),
            identity_proof: String::new(),
            evidence_proof: String::new(),
        };
        let mut message = Message::new(Performative::Request, REGISTRAR, &request).unwrap();
        message.from = Some(format!("{from}/1").into());
        let message = message.with(Slot::ReplyWith, nonce).with(Slot::ReplyTo, "edge1@test");
        drop(self.edge.send(message));
        loop {
            let heard = soon(self.heard.recv()).await.unwrap();
            if heard.ontology() != Some(ListUpdate::ONTOLOGY) {
                return heard;
            }
        }
    }
}

fn is_refused(answer: &Message, why: &str) {
    assert_eq!(answer.performative, Some(Performative::Refuse), "{}", answer.body);
    assert!(answer.body.contains(why), "{}", answer.body);
}

const NEVER: i64 = 1_000_000_000;

#[tokio::test]
async fn a_token_is_used_once_and_who_used_it_gets_the_same_answer_again_after_a_restart() {
    let mut world = World::new(&[enrolling(1, NEVER)]).await;
    let registrar = world.registrar(false);
    world.told("ready").await;
    let first = world.ask("edge1@test", "n1", "good").await;
    let taken: EnrolmentAnswer = first.read().unwrap();
    assert_eq!((taken.member.jid.as_str(), taken.member.serial), ("edge1@test", 1));
    assert_eq!(taken.member.labels["site"], "lux1");
    assert_eq!(world.ask("edge1@test", "n1", "good").await.body, first.body);
    is_refused(&*world.ask("edge1@test", "n2", "good").await, "used already");
    let joined = world.told("joined").await;
    assert_eq!(joined["fate"]["joined"]["devices"][0]["device"], 7);
    registrar.shutdown().await;
    let registrar = world.registrar(false);
    assert_eq!(world.ask("edge1@test", "n1", "good").await.body, first.body);
    is_refused(&*world.ask("edge1@test", "n3", "good").await, "used already");
    // What was made of the secret is forgotten.
    let kept = entries(&world.store, "enrolments");
    assert!(!format!("{kept:?}").contains("proof key"), "{kept:?}");
    registrar.shutdown().await;
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_noted_and_uses_nothing_up() {
    let mut world = World::new(&[enrolling(1, NEVER)]).await;
    let registrar = world.registrar(false);
    world.told("ready").await;
    is_refused(&*world.ask("edge1@test", "n1", "bad").await, "the proof is bad");
    is_refused(&*world.ask("mallory@test", "n1", "good").await, "no token");
    is_refused(&*world.ask("edge1@elsewhere", "n1", "good").await, "no token");
    assert_eq!(world.told("refused").await["fate"]["refused"], "the proof is bad");
    assert!(entries(&world.store, "members").is_empty());
    let taken = world.ask("edge1@test", "n1", "good").await;
    assert_eq!(taken.performative, Some(Performative::Inform));
    registrar.shutdown().await;
}

#[tokio::test]
async fn what_is_not_used_in_time_is_over_and_its_account_goes() {
    let mut world = World::new(&[enrolling(1, 1500)]).await;
    let registrar = world.registrar(false);
    world.told("expired").await;
    let done = world.done.borrow().clone();
    assert!(done.contains(&Errand::RemoveAccount("edge1@test".into())), "{done:?}");
    is_refused(&*world.ask("edge1@test", "n1", "good").await, "no token");
    registrar.shutdown().await;
}

#[tokio::test]
async fn who_is_revoked_is_no_member_and_has_no_account() {
    let revoke = json!({ "number": 2, "name": "edge1", "wish": "revoke" });
    let mut world = World::new(&[enrolling(1, NEVER)]).await;
    let registrar = world.registrar(false);
    world.told("ready").await;
    world.ask("edge1@test", "n1", "good").await;
    world.told("joined").await;
    registrar.shutdown().await;
    let after = World::new(&[enrolling(1, NEVER), revoke]).await;
    let after = World { store: Arc::clone(&world.store), ..after };
    let registrar = after.registrar(false);
    after.told("revoked").await;
    assert!(entries(&after.store, "members").is_empty());
    assert_eq!(entries(&after.store, "former members").len(), 1);
    let done = after.done.borrow().clone();
    assert!(done.contains(&Errand::RemoveAccount("edge1@test".into())), "{done:?}");
    registrar.shutdown().await;
}

#[tokio::test]
async fn an_account_that_is_somebodys_is_left_alone() {
    let revoke = json!({ "number": 2, "name": "edge1", "wish": "revoke" });
    let world = World::new(&[enrolling(1, NEVER)]).await;
    let registrar = world.registrar(true);
    let failed = world.told("failed").await;
    assert!(failed["fate"]["failed"].as_str().unwrap().contains("conflict"), "{failed}");
    registrar.shutdown().await;
    let after = World::new(&[enrolling(1, NEVER), revoke]).await;
    let after = World { store: Arc::clone(&world.store), ..after };
    let registrar = after.registrar(false);
    after.told("revoked").await;
    assert_eq!(*after.done.borrow(), []);
    registrar.shutdown().await;
}

fn trusting(number: i64, jid: &str, keys: &[&str]) -> Value {
    let devices: Vec<Value> =
        (1..).zip(keys).map(|(device, key)| json!({ "device": device, "identity": key })).collect();
    json!({ "number": number, "name": jid, "wish": { "trust": { "devices": devices } } })
}

#[tokio::test]
async fn a_person_is_believed_by_the_devices_that_are_wanted_and_what_cannot_be_is_told() {
    let ops = "ops@elsewhere";
    let world = World::new(&[
        enrolling(1, NEVER),
        trusting(2, ops, &["k1", "k2"]),
        trusting(3, "eve@elsewhere", &[WEAK]),
    ])
    .await;
    let registrar = world.registrar(false);
    let trusted = world.told("trusted").await;
    assert_eq!(trusted["fate"]["trusted"]["role"], "operator");
    assert_eq!(trusted["fate"]["trusted"]["devices"][1]["identity"], "k2");
    assert!(world.told("failed").await["fate"]["failed"].as_str().unwrap().contains("weak"));
    assert_eq!(entries(&world.store, "members").len(), 1);
    registrar.shutdown().await;
    // After a restart: another device, nobody any more, and an agent that is no person.
    for (order, members, fate) in
        [(trusting(4, ops, &["k3"]), 1, "trusted"), (trusting(5, ops, &[]), 0, "revoked")]
    {
        let after = World::new(&[order]).await;
        let after = World { store: Arc::clone(&world.store), ..after };
        let registrar = after.registrar(false);
        after.told(fate).await;
        assert_eq!(entries(&after.store, "members").len(), members);
        registrar.shutdown().await;
    }
    let mut after = World::new(&[enrolling(6, NEVER)]).await;
    after.store = Arc::clone(&world.store);
    let registrar = after.registrar(false);
    after.told("ready").await;
    after.ask("edge1@test", "n1", "good").await;
    after.told("joined").await;
    registrar.shutdown().await;
    let after = World::new(&[trusting(7, "edge1@test", &["k4"])]).await;
    let after = World { store: Arc::clone(&world.store), ..after };
    let registrar = after.registrar(false);
    let failed = after.told("failed").await;
    assert!(failed["fate"]["failed"].as_str().unwrap().contains("is an agent"), "{failed}");
    registrar.shutdown().await;
}
