//! A collector keeps what is in order, says what is not, and answers either way.

use std::sync::Arc;

use behaviours::collect;
use runtime::{
    AgentHandle, Handle, Hub, MemoryStore, Message, Performative, Road, Sending, Slot, Spec,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use types::{Exit, Items, Receipt};

use crate::support::{agent, clear, entries, item, keys, listen, push_items, soon, store, uuid};

const PROBE: &str = "probe@test";
const AGGREGATOR: &str = "aggregator@test";

/// A collector, and somebody who tells it things.
struct Talk {
    theirs: Arc<MemoryStore>,
    handle: Handle,
    road: Arc<dyn Road>,
    heard: mpsc::Receiver<Arc<Message>>,
    _agents: [AgentHandle; 2],
}

impl Talk {
    fn with(theirs: Arc<MemoryStore>) -> Self {
        Self::under(theirs, crate::support::collector)
    }

    fn under(theirs: Arc<MemoryStore>, make: fn() -> collect::Collect) -> Self {
        let hub = Hub::default();
        let mut aggregator = agent(AGGREGATOR, &["aggregate"], &theirs);
        let spec = Spec { template: collect::template(), ..Spec::default() };
        let handle = aggregator.add(spec, make);
        let its_road = hub.join(aggregator.door());
        let mut probe = agent(PROBE, &[], &store());
        let heard = listen(&mut probe);
        let road = hub.join(probe.door());
        let agents = [aggregator.start(its_road), probe.start(Arc::clone(&road))];
        Self { theirs, handle, road, heard, _agents: agents }
    }

    fn new() -> Self {
        Self::with(store())
    }

    fn say(&self, mut message: Message) {
        message.from = Some("probe@test/1".into());
        let sending = self.road.send(message);
        assert!(matches!(sending, Sending::Done(Ok(()))), "{sending:?}");
    }

    fn say_items(&self, body: impl Into<Arc<str>>) {
        let message = Message::text(Performative::Inform, AGGREGATOR, body);
        self.say(message.with(Slot::Ontology, "vedette:item").with(Slot::ReplyWith, "r1"));
    }

    async fn receipt(&mut self) -> Receipt {
        let answer = soon(self.heard.recv()).await.unwrap();
        assert_eq!(answer.performative, Some(Performative::Confirm));
        answer.read().unwrap()
    }

    async fn answer(&mut self, body: impl Into<Arc<str>>) -> Receipt {
        self.say_items(body);
        self.receipt().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_before_it_is_confirmed() {
    let mut talk = Talk::new();
    let item = item(PROBE);
    talk.say(Message::new(Performative::Inform, AGGREGATOR, &Items(vec![item.clone()])).unwrap());
    assert_eq!(talk.receipt().await, Receipt { stored: vec![uuid(&item)], ..Receipt::default() });
    let leaf = json!({
        "uuid": uuid(&item),
        "sha256": evidence::Record::of(&item).unwrap().digest_hex(),
    });
    assert_eq!(entries(&talk.theirs, "anchor"), [(uuid(&item), leaf)]);
    assert_eq!(entries(&talk.theirs, "forward"), [(uuid(&item), json!({ "item": item }))]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_scandale_may_leave_its_name_to_us() {
    let mut talk = Talk::new();
    let mut told = item(PROBE);
    told["meta"].as_object_mut().unwrap().remove("source");
    let message = Message::text(Performative::Inform, AGGREGATOR, told.to_string());
    talk.say(message.with(Slot::Ontology, "probeAgentOntology"));
    assert_eq!(talk.receipt().await.stored, [uuid(&told)]);
    told["meta"]["source"] = PROBE.into();
    assert_eq!(entries(&talk.theirs, "forward")[0].1["item"], told);
    let sha256 = evidence::Record::of(&told).unwrap().digest_hex();
    assert_eq!(entries(&talk.theirs, "anchor")[0].1["sha256"], sha256.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_json_confirms_nothing_and_says_so() {
    let mut talk = Talk::new();
    for body in ["", "nonsense", "[1, 2", "[{}] x"] {
        let receipt = talk.answer(body).await;
        assert!(receipt.stored.is_empty(), "{body}");
        assert!(receipt.refused[0].1.starts_with("not items: "), "{receipt:?}");
    }
    let presences = Message::text(Performative::Inform, AGGREGATOR, "{}");
    talk.say(presences.with(Slot::Ontology, "vedette:presences"));
    assert!(talk.receipt().await.refused[0].1.starts_with("not presences: "));
    assert_eq!(talk.handle.report().state, "Listening");
    assert_eq!(keys(&talk.theirs, "forward"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn only_the_registrar_says_who_came_and_went() {
    let make = || collect::Settings { registrar: "registry@test".into() }.into();
    let mut talk = Talk::under(store(), make);
    let presences = Message::text(Performative::Inform, AGGREGATOR, "[]");
    talk.say(presences.with(Slot::Ontology, "vedette:presences"));
    let receipt = talk.receipt().await;
    assert_eq!(receipt.refused[0].1, "only `registry@test` says who came and went");
    assert_eq!(keys(&talk.theirs, "forward"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_result_that_is_not_in_order_does_not_take_the_others_with_it() {
    let mut talk = Talk::new();
    let (good, other) = (item(PROBE), item("other@test"));
    let mut none = item(PROBE);
    none["meta"]["uuid"] = "none".into();
    let twice = item(PROBE).to_string().replacen("\"version\"", "\"format\":\"x\",\"version\"", 1);
    let large = item(PROBE).to_string().replacen("\"ts\":1", "\"ts\":1e999", 1);
    let digits = item(PROBE).to_string().replacen("\"ts\":1", "\"ts\":9007199254740993", 1);
    let body = format!("[7, {other}, {none}, {twice}, {large}, {digits}, {good}]");
    let receipt = talk.answer(body).await;
    assert_eq!(receipt.stored, [uuid(&good)]);
    let why: Vec<&str> = receipt.refused.iter().map(|it| it.1.as_str()).collect();
    insta::assert_snapshot!(why.join("\n"), @r"
    a record is a JSON object, not a number
    its source is `other@test`, but `probe@test` sent it
    not an item: UUID parsing failed: invalid character: found `n` at 0
    key `/format` occurs twice
    not JSON: number out of range at line 1 column 56
    number at `/meta/ts` is beyond ±(2^53−1) and would lose digits; send it as a string
    ");
    assert_eq!(receipt.refused[1].0, uuid(&other));
    assert_eq!(receipt.refused[2].0, "none");
    assert_eq!(keys(&talk.theirs, "forward"), [uuid(&good)]);
    assert_eq!(keys(&talk.theirs, "anchor"), [uuid(&good)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_brief_whatever_it_quotes() {
    let mut talk = Talk::new();
    let mut told = item(PROBE);
    told["meta"]["ts"] = "x".repeat(100_000).into();
    told["meta"]["uuid"] = "y".repeat(100_000).into();
    let receipt = talk.answer(Value::from(vec![told]).to_string()).await;
    assert!(serde_json::to_string(&receipt).unwrap().len() < 1000);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_thousand_results_in_a_message_are_not_taken() {
    let mut talk = Talk::new();
    let told: Vec<Value> = (0..1001).map(|_| item(PROBE)).collect();
    let receipt = talk.answer(Value::from(told.clone()).to_string()).await;
    assert_eq!((receipt.stored.len(), receipt.refused.len()), (1000, 0));
    assert_eq!(talk.answer(Value::from(told[1000..].to_vec()).to_string()).await.stored.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_collector_stops_wherever_it_waits() {
    let talk = Talk::new();
    soon(talk.handle.reaches("Listening")).await;
    talk.handle.stop();
    assert_eq!(soon(talk.handle.join()).await, Exit::Stopped);

    let full = Arc::new(MemoryStore::new(1));
    push_items(&full, "forward", &[item(PROBE)]).await;
    let mut talk = Talk::with(full);
    talk.say_items(Value::from(vec![item(PROBE)]).to_string());
    soon(talk.handle.reaches("Full")).await;
    talk.handle.stop();
    assert_eq!(soon(talk.handle.join()).await, Exit::Stopped);
    clear(&talk.theirs, "forward").await;
    assert!(talk.heard.try_recv().is_err(), "what is not kept is not confirmed");
}
