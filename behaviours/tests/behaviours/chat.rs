//! People ask, agents answer, and everything that was asked for is written down.

use std::sync::Arc;

use behaviours::chat::{self, Chat, Operators};
use runtime::{
    AgentHandle, Call, Delivery, Door, Hub, MemoryStore, Message, Page, Performative, Spec,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use types::Phase;

use crate::support::{agent, entries, listen, soon, store};

const PROBE: &str = "probe@test";

/// An agent that can be asked, and people who ask.
struct World {
    hub: Hub,
    probe: AgentHandle,
    store: Arc<MemoryStore>,
}

/// Somebody with an XMPP client.
struct Person {
    door: Door,
    heard: mpsc::Receiver<Arc<Message>>,
    jid: &'static str,
}

impl World {
    fn new() -> Self {
        let (hub, store) = (Hub::default(), store());
        let mut probe = agent(PROBE, &["check"], &store);
        let mut operators = Operators::default();
        operators.add("ops@test", "control").unwrap();
        operators.add("anna@test", "ask").unwrap();
        probe.add(chat::spec(), move || Chat::from(operators.clone()));
        let table = "command = [\"true\"]\nevery = \"1h\"";
        let settings = crate::support::settings(
            behaviours::check::SETTINGS,
            behaviours::check::Settings::read,
            table,
            std::path::Path::new(""),
        );
        let spec = Spec { name: "disk".to_owned(), ..Spec::default() };
        probe.add(spec, move || behaviours::check::Check::from(settings.clone()));
        let road = hub.join(probe.door());
        Self { probe: probe.start(road), hub, store }
    }

    fn person(&self, jid: &'static str) -> Person {
        let mut client = agent(jid, &[], &store());
        let heard = listen(&mut client);
        let road = self.hub.join(client.door());
        let person = Person { door: self.probe.door().clone(), heard, jid };
        // The client lives as long as the test.
        std::mem::forget(client.start(road));
        person
    }

    /// What was written down.
    fn audit(&self) -> Vec<(String, bool)> {
        let items = entries(&self.store, "outbox").into_iter().map(|(_, it)| it["item"].clone());
        let audits = items.filter(|it| it["meta"]["type"] == "audit");
        let told = |it: Value| {
            let fact = &it["payload"]["audit"];
            let what =
                format!("{} {}", fact["who"].as_str().unwrap(), fact["what"].as_str().unwrap());
            (what, fact["allowed"].as_bool().unwrap())
        };
        audits.map(told).collect()
    }

    fn disk(&self) -> types::BehaviourReport {
        self.probe.reports().into_iter().find(|it| it.name == "disk").unwrap()
    }
}

impl Person {
    fn write(&self, text: &str) {
        let mut message = Message::text(Performative::Inform, PROBE, text);
        message.performative = None;
        message.from = Some(self.jid.into());
        // What there is no room for is turned away.
        let _: Delivery = self.door.deliver(message);
    }

    async fn ask(&mut self, text: &str) -> String {
        self.write(text);
        soon(self.heard.recv()).await.unwrap().body.to_string()
    }
}

#[tokio::test]
async fn an_operator_asks_and_is_told() {
    let world = World::new();
    let mut ops = world.person("ops@test");
    assert!(ops.ask("help").await.contains("\nwhy UUID: why a result"));
    let status = ops.ask("status").await;
    assert!(
        status.starts_with("probe@test, test ") && status.contains("2 behaviours, all running"),
        "{status}"
    );
    let listed = ops.ask("behaviours").await;
    assert!(listed.contains("disk (check): "), "{listed}");
    assert_eq!(ops.ask("pause root").await, "no behaviour `root`; there are: chat, disk");
    assert_eq!(ops.ask("pause").await, "pause: which behaviour? There are: chat, disk");
    assert!(ops.ask("dance").await.starts_with("`dance` is nothing that can be asked for"));
    assert_eq!(ops.ask("pause chat").await, "`chat` is what answers you");
}

#[tokio::test]
async fn a_check_is_paused_resumed_run_now_and_explained() {
    let world = World::new();
    let mut ops = world.person("ops@test");
    let results = async |count: usize| {
        let is_result = |it: &Value| it["item"]["meta"]["type"] == "check";
        let mut commits = runtime::Store::watch(&*world.store);
        loop {
            let all = entries(&world.store, "outbox");
            let results: Vec<String> =
                all.into_iter().filter(|(_, it)| is_result(it)).map(|(key, _)| key).collect();
            if results.len() == count {
                return results;
            }
            soon(commits.changed()).await.unwrap();
        }
    };
    results(1).await;
    assert_eq!(ops.ask("pause disk").await, "`disk` is paused; what comes for it waits");
    assert_eq!(world.disk().phase, Phase::Paused);
    assert_eq!(ops.ask("run disk").await, "`disk` is paused; `resume disk` first");
    assert_eq!(ops.ask("resume disk").await, "`disk` goes on");
    assert_eq!(ops.ask("run disk").await, "`disk` runs now");
    let all = results(2).await;
    let why = ops.ask(&format!("why {}", all[1])).await;
    assert!(why.starts_with("pass: ") && why.ends_with("it waits here to be delivered"), "{why}");
    let nobody = ops.ask("why 00000000-0000-4000-8000-000000000000").await;
    assert!(nobody.contains("none of the last results"), "{nobody}");
    assert_eq!(ops.ask("why not").await, "`not` is no UUID");
}

#[tokio::test]
async fn who_may_only_ask_controls_nothing_and_strangers_may_nothing() {
    let world = World::new();
    let mut anna = world.person("anna@test");
    assert!(anna.ask("status").await.contains("probe@test"));
    assert_eq!(
        anna.ask("pause disk").await,
        "`anna@test` may ask, and this takes the right to control"
    );
    assert_eq!(world.disk().phase, Phase::Running);
    let mut stranger = world.person("stranger@test");
    assert_eq!(stranger.ask("status").await, "`stranger@test` is none of my operators");
    for _ in 0..100 {
        stranger.write("status");
    }
    assert!(anna.ask("help").await.starts_with("help"));
    assert!(stranger.heard.try_recv().is_err());
    let expected = [
        ("anna@test status", true),
        ("anna@test pause disk", false),
        ("stranger@test status", false),
        ("anna@test help", true),
    ];
    assert_eq!(world.audit(), expected.map(|(what, it)| (what.to_owned(), it)));
}

#[tokio::test]
async fn commands_do_the_same_with_forms() {
    let world = World::new();
    let desk = world.probe.door().desk().clone();
    let call = async |from: &str, node: &str, name: Option<&str>| -> Option<Page> {
        let (answer, page) = oneshot::channel();
        let fields = name.map(|it| ("name".to_owned(), it.to_owned())).into_iter().collect();
        let call = Call { from: from.into(), node: node.to_owned(), fields, answer };
        while desk.commands().is_empty() {
            tokio::task::yield_now().await;
        }
        desk.call(call).ok()?;
        soon(page).await.ok()
    };
    assert!(desk.commands().is_empty() || desk.commands().len() == 9);
    let form = call("ops@test/x", "pause", None).await.unwrap();
    assert_eq!(form.fields[0].options, ["chat", "disk"]);
    assert_eq!(world.audit(), []);
    let done = call("ops@test/x", "pause", Some("disk")).await.unwrap();
    assert!(!done.refused && done.fields.is_empty(), "{done:?}");
    assert_eq!(world.disk().phase, Phase::Paused);
    let no = call("stranger@test/x", "resume", Some("disk")).await.unwrap();
    assert!(no.refused);
    assert_eq!(world.disk().phase, Phase::Paused);
    assert_eq!(
        world.audit(),
        [
            ("ops@test/x pause disk".to_owned(), true),
            ("stranger@test/x resume disk".to_owned(), false)
        ]
    );
}

#[tokio::test]
async fn who_waits_for_no_time_is_not_said_to_run() {
    let world = World::new();
    let mut ops = world.person("ops@test");
    let spec = Spec { template: behaviours::report::template(), ..Spec::default() };
    let settings = behaviours::report::Settings { to: "nobody@test".into() };
    world.probe.add(spec, move || behaviours::report::Report::from(settings.clone())).unwrap();
    let told = ops.ask("run report").await;
    assert_eq!(told, "`report` waits for no time; it does what it does when it must");
}

#[tokio::test]
async fn a_crowd_of_strangers_does_not_fill_the_disk() {
    let world = World::new();
    for number in 0..1000 {
        let mut message = Message::text(Performative::Inform, PROBE, "status");
        message.performative = None;
        message.from = Some(format!("stranger{number}@test").into());
        while world.probe.door().deliver(message.clone()) == Delivery::Full {
            tokio::task::yield_now().await;
        }
    }
    let mut ops = world.person("ops@test");
    assert!(ops.ask("help").await.starts_with("help"));
    assert_eq!(world.audit().len(), 33);
}

#[tokio::test]
async fn an_answer_goes_to_who_asked_and_to_nobody_else() {
    let world = World::new();
    let (mut ops, mut victim) = (world.person("ops@test"), world.person("anna@test"));
    let mut message = Message::text(Performative::Inform, PROBE, "help");
    message.performative = None;
    message.from = Some("ops@test".into());
    world.probe.door().deliver(message.with(runtime::Slot::ReplyTo, "anna@test"));
    assert!(soon(ops.heard.recv()).await.unwrap().body.starts_with("help"));
    assert!(victim.heard.try_recv().is_err());
}

#[tokio::test]
async fn what_is_filled_in_is_not_written_down_at_any_length() {
    let world = World::new();
    let (answer, page) = oneshot::channel();
    let fields = [("name".to_owned(), "x".repeat(1 << 20))].into();
    let call = Call { from: "ops@test/x".into(), node: "pause".to_owned(), fields, answer };
    let desk = world.probe.door().desk().clone();
    while desk.commands().is_empty() {
        tokio::task::yield_now().await;
    }
    desk.call(call).unwrap();
    assert!(soon(page).await.unwrap().text.len() < 2000);
    assert!(world.audit()[0].0.len() < 2000);
}
