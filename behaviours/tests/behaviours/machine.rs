//! State machines that files describe: they run as they say, and what is wrong with them is told.

use std::{fs, path::Path, sync::Arc, time::Duration};

use behaviours::machine::{Automaton, SETTINGS, Settings};
use runtime::{
    AgentHandle, Handle, Hub, MemoryStore, Message, Performative, Road, Slot, Store, mermaid,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use types::{Exit, Phase, Show};

use crate::support::{agent, clear, entries, keys, listen, settings, soon, store};

mod files;
mod generated;
mod reload;

const DOOR: &str = r#"
name = "door"
about = "Opens on request, closes by itself."
variables = { opened = 0, who = "nobody" }

[state.closed]
about = "Waits for somebody to ask."
on = [
  { message = 'performative=request & ontology=door & body="open"', when = "opened < 2", do = ["opened += 1", 'who = "{from}"'], go = "open" },
  { message = 'performative=request & ontology=door & body="open"', otherwise = true, do = [{ reply = "refuse", body = "worn out" }], go = "broken" },
]

[state.open]
about = "Lets everybody in."
enter = [{ reply = "agree", body = "{opened} at {now}" }]
leave = [{ reply = "inform", body = "it was open for {who}" }]
on = [
  { after = "30s", go = "closed" },
  { every = "10s", do = [{ log = "still {state}" }] },
  { message = 'body="shut"', go = "closed" },
]

[state.broken]
enter = [{ keep = "door-broken", text = "after {opened} times", fields = { opened = "{opened}", by = "{from}", final = true } }]
final = true
"#;

/// An agent that runs a machine, and somebody to talk to it.
struct World {
    folder: TempDir,
    agent: AgentHandle,
    peer: AgentHandle,
    road: Arc<dyn Road>,
    heard: mpsc::Receiver<Arc<Message>>,
    machine: Handle,
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("door.toml"), text).unwrap();
}

fn world_of(text: &str, store: &Arc<MemoryStore>) -> World {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), text);
    let settings: Settings =
        settings(SETTINGS, Settings::read, "file = \"door.toml\"", folder.path());
    let hub = Hub::default();
    let mut peer = agent("peer@test", &[], &self::store());
    let heard = listen(&mut peer);
    let road = hub.join(peer.door());
    let peer = peer.start(Arc::clone(&road));
    let mut agent = agent("door@test", &[], store);
    let (spec, diagram) = (settings.spec(), settings.diagram());
    let made = move || Automaton::from(settings.clone());
    let machine = agent.add_machine(spec, "machine", diagram, made).unwrap();
    let far = hub.join(agent.door());
    World { folder, agent: agent.start(far), peer, road, heard, machine }
}

fn world(text: &str) -> World {
    world_of(text, &store())
}

impl World {
    fn say(&self, act: Performative, body: &str) {
        let mut message = Message::text(act, "door@test", body)
            .with(Slot::Ontology, "door")
            .with(Slot::ReplyWith, "r1");
        message.from = Some(self.peer.me().clone());
        drop(self.road.send(message));
    }

    fn ask(&self, body: &str) {
        self.say(Performative::Request, body);
    }

    async fn answer(&mut self) -> String {
        let message = soon(self.heard.recv()).await.unwrap();
        format!("{} {}", message.act().unwrap_or_default(), message.body)
    }

    async fn reaches(&self, state: &str) {
        soon(self.machine.reaches(state)).await;
        assert_eq!(self.machine.report().state, state, "{:?}", self.machine.report());
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_goes_through_its_states_as_its_file_says() {
    let store = store();
    let mut world = world_of(DOOR, &store);
    world.reaches("closed").await;
    world.ask("open");
    assert_eq!(world.answer().await, "agree 1 at 1970-01-01T00:00:00.000Z");
    pass(29).await;
    assert_eq!(world.machine.report().state, "open");
    pass(2).await;
    assert_eq!(world.answer().await, "inform it was open for peer@test");
    assert_eq!(world.machine.report().state, "closed");
    world.ask("open");
    assert!(world.answer().await.starts_with("agree 2 at"));
    world.ask("shut");
    assert!(world.answer().await.starts_with("inform"));
    world.ask("open");
    assert_eq!(world.answer().await, "refuse worn out");
    assert_eq!(soon(world.machine.join()).await, Exit::Done);
    assert_eq!(world.machine.report().state, "broken");
    let kept = entries(&store, "outbox");
    let item = &kept[0].1["item"];
    assert_eq!(item["meta"]["type"], "door-broken");
    assert_eq!(item["meta"]["source"], "door@test");
    insta::assert_json_snapshot!(item["payload"], @r#"
    {
      "by": "peer@test",
      "final": true,
      "machine": "door",
      "opened": "2",
      "raw": "YWZ0ZXIgMiB0aW1lcw==",
      "state": "broken",
      "summary": "after 2 times"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_drawn_from_its_file() {
    let world = world(DOOR);
    insta::assert_snapshot!(mermaid(&world.machine.diagram()), @r"
    stateDiagram-v2
        [*] --> closed
        closed --> open
        closed --> broken
        open --> closed
        broken --> [*]
    ");
    assert_eq!(world.machine.report().name, "door");
    assert_eq!(world.machine.diagram().states[1].about, "Lets everybody in.");
}

#[tokio::test(start_paused = true)]
async fn what_another_state_wants_is_refused_and_counted_and_what_none_wants_is_unwanted() {
    let mut world = world(DOOR);
    world.ask("shut");
    assert_eq!(world.answer().await, "refuse not while `closed`");
    assert_eq!(world.machine.report().mailbox.dropped, 1);
    world.say(Performative::Inform, "shut");
    world.ask("dance");
    assert!(world.answer().await.starts_with("not-understood"));
    assert_eq!(world.machine.report().mailbox.dropped, 2);
    assert_eq!(world.machine.report().steps, 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_remembers_goes_on_where_it_was() {
    let store = store();
    let text = format!("remember = true\n{DOOR}");
    let mut before = world_of(&text, &store);
    before.ask("open");
    assert!(before.answer().await.starts_with("agree 1"));
    pass(20).await;
    before.agent.shutdown().await;
    assert_eq!(before.machine.report().phase, Phase::Ended(Exit::Stopped));
    // Its clock starts at 1970 again, so the time in the state does, too.
    let mut after = world_of(&text, &store);
    after.reaches("open").await;
    pass(31).await;
    assert_eq!(after.answer().await, "inform it was open for peer@test");
    after.ask("open");
    assert!(after.answer().await.starts_with("agree 2"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_remember_starts_anew() {
    let store = store();
    let mut before = world_of(DOOR, &store);
    before.ask("open");
    before.answer().await;
    before.agent.shutdown().await;
    let after = world_of(DOOR, &store);
    after.reaches("closed").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_told_before_a_restart_is_told_after_it() {
    let store = store();
    let text = r#"
        name = "door"
        remember = true
        variables = { n = 0 }
        [state.here]
        on = [{ message = "any", go = "there", do = ["n += 1", { send = "inform", to = "peer@test", body = "{n}" }] }]
        [state.there]
        final = true
    "#;
    let owed = serde_json::json!({
        "state": "there", "variables": [["n", 1.0]], "heard": null, "since_ms": 0, "dealt_ms": 0,
        "owed": [{ "send": Message::text(Performative::Inform, "peer@test", "1") }],
    });
    let change =
        runtime::Change::Put { key: "behaviour door".to_owned(), value: owed.to_string().into() };
    store.commit(vec![change]).await.unwrap();
    let mut world = world_of(text, &store);
    assert_eq!(world.answer().await, "inform 1");
    assert_eq!(soon(world.machine.join()).await, Exit::Done);
    let note = store.note("behaviour door").unwrap().unwrap();
    let note: serde_json::Value = serde_json::from_slice(&note).unwrap();
    assert_eq!(note["owed"], serde_json::json!([]));
}

#[tokio::test(start_paused = true)]
async fn questions_of_variables_are_decided_at_once() {
    let text = r#"
        start = "count"
        variables = { n = 0 }
        [state.count]
        on = [
          { when = "n < 5", do = ["n += 1"], go = "count" },
          { otherwise = true, go = "done" },
        ]
        [state.done]
        enter = [{ send = "inform", to = "peer@test", body = "{n}" }]
        final = true
    "#;
    let mut world = world(text);
    assert_eq!(world.answer().await, "inform 5");
    assert_eq!(soon(world.machine.join()).await, Exit::Done);
    let circle = "variables = { a = true }\n[state.x]\non = [{ when = \"a\", go = \"x\" }, { otherwise = true, go = \"x\" }]";
    let world = self::world(circle);
    let Exit::Failed(why) = soon(world.machine.join()).await else { panic!("it goes on") };
    assert_eq!(why, "1000 moves without waiting for anything, the last from `x`");
}

#[tokio::test(start_paused = true)]
async fn times_come_in_order_and_rounds_keep_their_phase() {
    let text = r#"
        variables = { n = 0 }
        [state.here]
        on = [
          { every = "10s", do = ["n += 1", { send = "inform", to = "peer@test", body = "round {n} {now}" }] },
          { after = "15s", when = "n > 1", do = [{ send = "inform", to = "peer@test", body = "never" }] },
          { after = "25s", do = [{ send = "inform", to = "peer@test", body = "after {now}" }] },
          { at = "1970-01-01T00:00:27Z", do = [{ send = "inform", to = "peer@test", body = "at {now}" }] },
          { schedule = "* * * * *", go = "there", do = [{ send = "inform", to = "peer@test", body = "cron {now}" }] },
        ]
        [state.there]
        final = true
    "#;
    let mut world = world(text);
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(world.answer().await.replace("1970-01-01T00:", "").replace(".000Z", ""));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    inform round 1 00:10
    inform round 2 00:20
    inform after 00:25
    inform at 00:27
    inform round 3 00:30
    inform round 4 00:40
    inform round 5 00:50
    inform round 6 01:00
    ");
    assert_eq!(world.answer().await, "inform cron 1970-01-01T00:01:00.000Z");
    assert_eq!(soon(world.machine.join()).await, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_machine_can_post_be_seen_and_steer_others() {
    let store = store();
    let text = r#"
        name = "m"
        [state.here]
        on = [{ message = "any", go = "there" }]
        [state.there]
        enter = [
          { presence = "away", status = "because of {body}" },
          { post = "inform", to = "duty:aggregate", body = "{body}" },
          { pause = "other" },
          { pause = "nobody" },
          { log = "a\u0007b", level = "debug" },
        ]
        on = [{ message = "any", do = [{ resume = "other" }, { stop = "m" }] }]
    "#;
    let world = world_of(text, &store);
    let spec = runtime::Spec { name: "other".to_owned(), ..runtime::Spec::default() };
    let other = world.agent.add(spec, || runtime::OneShot(Sleeper)).unwrap();
    other.reaches("Running").await;
    world.say(Performative::Inform, "it");
    world.reaches("there").await;
    let mood = world.agent.door().mood().borrow().clone();
    assert_eq!((mood.show, mood.status.as_deref()), (Show::Away, Some("because of it")));
    assert_eq!(keys(&store, "post").len(), 1);
    assert_eq!(other.report().phase, Phase::Paused);
    world.say(Performative::Inform, "more");
    assert_eq!(soon(world.machine.join()).await, Exit::Stopped);
    assert_eq!(other.report().phase, Phase::Running);
}

/// Sleeps.
struct Sleeper;

impl runtime::Task for Sleeper {
    const NAME: &'static str = "sleeper";

    async fn run(
        &mut self,
        ctx: &mut runtime::Context,
    ) -> Result<std::ops::ControlFlow<()>, runtime::Failure> {
        ctx.sleep(Duration::from_hours(1)).await?;
        Ok(std::ops::ControlFlow::Break(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_machine_makes_no_move_when_a_time_comes() {
    let world = world("[state.a]\non = [{ after = \"10s\", go = \"b\" }]\n[state.b]\nfinal = true");
    pass(5).await;
    world.machine.pause();
    pass(20).await;
    assert_eq!(world.machine.report().state, "a");
    world.machine.resume();
    assert_eq!(soon(world.machine.join()).await, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_machine_stops_where_it_waits() {
    let world = world(DOOR);
    world.reaches("closed").await;
    world.machine.stop();
    assert_eq!(soon(world.machine.join()).await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_machine_waits_for_room_and_loses_nothing() {
    let store = Arc::new(MemoryStore::new(1));
    let text = r#"
        variables = { n = 0 }
        [state.here]
        on = [{ message = "any", do = ["n += 1", { keep = "it", text = "{n}" }, { reply = "confirm", body = "{n}" }] }]
    "#;
    let mut world = world_of(text, &store);
    world.say(Performative::Inform, "a");
    assert_eq!(world.answer().await, "confirm 1");
    world.say(Performative::Inform, "b");
    pass(5).await;
    assert!(world.heard.try_recv().is_err(), "nothing is told before it is on disk");
    clear(&store, "outbox").await;
    assert_eq!(world.answer().await, "confirm 2");
    assert_eq!(keys(&store, "outbox").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_can_have_a_check_look_at_once() {
    let text = "[state.a]\non = [{ message = \"any\", do = [{ start = \"rounds\" }] }]";
    let world = world(text);
    let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let spec = runtime::Spec { name: "rounds".to_owned(), ..runtime::Spec::default() };
    let every = Duration::from_hours(1);
    let made = move || runtime::Periodic::new(Rounds(Arc::clone(&counted)), every);
    let rounds = world.agent.add(spec, made).unwrap();
    pass(1).await;
    rounds.pause();
    world.say(Performative::Inform, "now");
    pass(1).await;
    assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 2);
}

/// Counts its rounds.
struct Rounds(Arc<std::sync::atomic::AtomicUsize>);

impl runtime::Task for Rounds {
    const NAME: &'static str = "rounds";

    async fn run(
        &mut self,
        _: &mut runtime::Context,
    ) -> Result<std::ops::ControlFlow<()>, runtime::Failure> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(std::ops::ControlFlow::Continue(()))
    }
}
