//! What is reported is kept by whoever aggregates, once, and forgotten only then.

use std::{sync::Arc, time::Duration};

use behaviours::{collect, report};
use runtime::{
    Agent, AgentHandle, Handle, Hub, MemoryStore, Message, Performative, Slot, Spec, Store,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use types::{Announcement, Presence, Receipt, Show};

use crate::support::{
    Strait, agent, clear, entries, holds, item, keys, listen, push, push_items, soon, store, uuid,
};

const PROBE: &str = "probe@test";
const AGGREGATOR: &str = "aggregator@test";

fn reporter(store: &Arc<MemoryStore>, to: &str) -> (Agent, Handle) {
    let mut agent = agent(PROBE, &["check"], store);
    let settings = report::Settings { to: to.into() };
    let spec = Spec { template: report::template(), ..Spec::default() };
    let handle = agent.add(spec, move || report::Report::from(settings.clone()));
    (agent, handle)
}

fn start_reporter(hub: &Hub, store: &Arc<MemoryStore>) -> (AgentHandle, Handle) {
    let (agent, handle) = reporter(store, "duty:aggregate");
    let road = hub.join(agent.door());
    (agent.start(road), handle)
}

fn collector(store: &Arc<MemoryStore>) -> Agent {
    let mut agent = agent(AGGREGATOR, &["aggregate"], store);
    let spec = Spec { template: collect::template(), ..Spec::default() };
    agent.add(spec, crate::support::collector);
    agent
}

fn start_collector(hub: &Hub, store: &Arc<MemoryStore>) -> AgentHandle {
    let agent = collector(store);
    let road = hub.join(agent.door());
    agent.start(road)
}

fn items(count: usize) -> Vec<Value> {
    (0..count).map(|_| item(PROBE)).collect()
}

fn presence(jid: &str, since_ms: i64) -> Presence {
    let announcement = Announcement::default();
    let (jid, show) = (jid.to_owned(), Show::Available);
    Presence { jid, show, since_ms, announcement, ..Presence::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_is_kept_once_and_then_forgotten() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let told = items(3);
    push_items(&ours, "outbox", &told).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (_probe, handle) = start_reporter(&hub, &ours);
    holds(&ours, "outbox", 0).await;
    let expected: Vec<String> = told.iter().map(uuid).collect();
    assert_eq!(keys(&theirs, "forward"), expected);
    assert_eq!(keys(&theirs, "anchor"), expected);
    assert_eq!(entries(&theirs, "forward")[0].1, json!({ "item": told[0] }));
    soon(handle.reaches("Waiting")).await;
    push_items(&ours, "outbox", &items(1)).await;
    holds(&theirs, "forward", 4).await;
}

#[tokio::test(start_paused = true)]
async fn twelve_hundred_results_go_in_several_messages() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    push_items(&ours, "outbox", &items(1200)).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (agent, _) = reporter(&ours, AGGREGATOR);
    let road = Strait::new(&hub, &agent, 0, usize::MAX);
    let _probe = agent.start(Arc::<Strait>::clone(&road));
    holds(&ours, "outbox", 0).await;
    assert_eq!(keys(&theirs, "forward").len(), 1200);
    assert_eq!(keys(&theirs, "anchor").len(), 1200);
    assert!((3..=10).contains(&road.sent()), "{} messages", road.sent());
}

#[tokio::test(start_paused = true)]
async fn results_wait_for_a_receiver_and_leave_when_it_comes() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    push_items(&ours, "outbox", &items(2)).await;
    let (_probe, handle) = start_reporter(&hub, &ours);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!((handle.report().state.as_ref(), keys(&ours, "outbox").len()), ("Resting", 2));
    let came = Instant::now();
    let _aggregator = start_collector(&hub, &theirs);
    holds(&ours, "outbox", 0).await;
    assert!(came.elapsed() <= Duration::from_millis(100), "{:?}", came.elapsed());
    assert_eq!(keys(&theirs, "forward").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn strangers_that_come_and_go_do_not_keep_a_reporter_busy() {
    let (hub, ours) = (Hub::default(), store());
    push_items(&ours, "outbox", &items(1)).await;
    let (probe, handle) = start_reporter(&hub, &ours);
    soon(handle.reaches("Resting")).await;
    let before = handle.report().steps;
    for number in 0..1000 {
        probe.directory().note(presence("stranger@test", number));
        let show = if number % 2 == 0 { Show::Away } else { Show::Available };
        probe.directory().note(Presence { show, ..presence("stranger@test", number) });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let steps = handle.report().steps - before;
    assert!(steps <= 22, "{steps} steps in a second");
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_receiver_took_is_said_again() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    push_items(&ours, "outbox", &items(2)).await;
    let mut dying = agent(AGGREGATOR, &["aggregate"], &store());
    let mut heard = listen(&mut dying);
    let road = hub.join(dying.door());
    let dying = dying.start(road);
    let (_probe, _) = start_reporter(&hub, &ours);
    soon(heard.recv()).await.unwrap();
    let said = Instant::now();
    dying.shutdown().await;
    let _aggregator = start_collector(&hub, &theirs);
    holds(&ours, "outbox", 0).await;
    assert_eq!(said.elapsed().as_secs(), 5);
    assert_eq!(keys(&theirs, "forward").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn when_the_receiver_goes_another_one_is_told_at_once() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let mut dying = agent("dying@test", &["aggregate"], &store());
    let mut heard = listen(&mut dying);
    let road = hub.join(dying.door());
    let dying = dying.start(road);
    let (probe, _) = start_reporter(&hub, &ours);
    push_items(&ours, "outbox", &items(2)).await;
    soon(heard.recv()).await.unwrap();
    let _aggregator = start_collector(&hub, &theirs);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(probe.directory().members().len(), 3);
    let gone = Instant::now();
    dying.shutdown().await;
    holds(&ours, "outbox", 0).await;
    assert!(gone.elapsed() < Duration::from_millis(100), "{:?}", gone.elapsed());
    assert_eq!(keys(&theirs, "forward").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_twice_is_kept_once() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    push_items(&ours, "outbox", &items(2)).await;
    let aggregator = collector(&theirs);
    let road = Strait::new(&hub, &aggregator, 1, usize::MAX);
    let _aggregator = aggregator.start(Arc::<Strait>::clone(&road));
    let (_probe, _) = start_reporter(&hub, &ours);
    holds(&ours, "outbox", 0).await;
    assert_eq!(road.sent(), 2);
    assert_eq!((keys(&theirs, "forward").len(), keys(&theirs, "anchor").len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_set_aside_and_the_rest_goes() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let mut told = vec![item(PROBE), item("other@test"), item(PROBE)];
    told[2]["meta"]["uuid"] = "none".into();
    push_items(&ours, "outbox", &told).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (_probe, _) = start_reporter(&hub, &ours);
    holds(&ours, "outbox", 0).await;
    assert_eq!(keys(&theirs, "forward"), [uuid(&told[0])]);
    assert_eq!(keys(&ours, "refused"), [uuid(&told[1]), "none".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn a_full_drawer_for_refused_results_does_not_hold_up_the_rest() {
    let (hub, theirs) = (Hub::default(), store());
    let ours = Arc::new(MemoryStore::new(3));
    push(&ours, "refused", &["a", "b", "c"].map(|it| (it.to_owned(), Value::Null))).await;
    push_items(&ours, "outbox", &[item("other@test"), item(PROBE)]).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (_probe, handle) = start_reporter(&hub, &ours);
    holds(&ours, "outbox", 0).await;
    assert_eq!(keys(&theirs, "forward").len(), 1);
    assert_eq!(handle.report().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_keeps_nothing_is_not_asked_all_the_time() {
    let (hub, ours) = (Hub::default(), store());
    push_items(&ours, "outbox", &items(1)).await;
    let mut useless = agent(AGGREGATOR, &["aggregate"], &store());
    let mut heard = listen(&mut useless);
    let road = hub.join(useless.door());
    let _useless = useless.start(Arc::clone(&road));
    let (_probe, _) = start_reporter(&hub, &ours);
    let (began, mut asked) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_mins(1) {
        let message: Arc<Message> = soon(heard.recv()).await.unwrap();
        asked += 1;
        let confirm = message.reply_with(Performative::Confirm, &Receipt::default());
        let confirm = confirm.unwrap().unwrap();
        drop(road.send(confirm));
    }
    assert!((10..30).contains(&asked), "asked {asked} times in a minute");
    assert_eq!(keys(&ours, "outbox").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_of_something_else_confirms_nothing() {
    let (hub, ours) = (Hub::default(), store());
    push_items(&ours, "outbox", &items(1)).await;
    let mut liar = agent(AGGREGATOR, &["aggregate"], &store());
    let mut heard = listen(&mut liar);
    let road = hub.join(liar.door());
    let _liar = liar.start(Arc::clone(&road));
    let (_probe, handle) = start_reporter(&hub, &ours);
    let message = soon(heard.recv()).await.unwrap();
    let receipt = Receipt { stored: keys(&ours, "outbox"), ..Receipt::default() };
    let confirm = message.reply_with(Performative::Confirm, &receipt).unwrap().unwrap();
    drop(road.send(confirm.clone().with(Slot::InReplyTo, "something else")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((handle.report().state.as_ref(), keys(&ours, "outbox").len()), ("Awaiting", 1));
    drop(road.send(confirm));
    holds(&ours, "outbox", 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_together_goes_in_parts_and_what_is_too_large_alone_is_set_aside() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let mut told = items(5);
    told[3]["payload"]["raw"] = "A".repeat(4000).into();
    push_items(&ours, "outbox", &told).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (agent, _) = reporter(&ours, AGGREGATOR);
    let road = Strait::new(&hub, &agent, 0, 600);
    let _probe = agent.start(road);
    holds(&ours, "outbox", 0).await;
    assert_eq!(keys(&theirs, "forward").len(), 4);
    assert_eq!(keys(&ours, "refused"), [uuid(&told[3])]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_set_aside() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let proof = json!({ "proof": {
        "batch": "00000000-0000-0000-0000-000000000000",
        "authority": "tsa", "leaves": [], "root": "", "token": "",
    } });
    let odd = [("odd".to_owned(), json!({ "song": 1 })), ("proof".to_owned(), proof)];
    push(&ours, "outbox", &odd).await;
    push_items(&ours, "outbox", &items(1)).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (_probe, _) = start_reporter(&hub, &ours);
    holds(&ours, "outbox", 0).await;
    assert_eq!(keys(&ours, "refused"), ["odd", "proof"]);
    assert_eq!(keys(&theirs, "forward").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn results_and_presences_go_in_messages_of_their_own() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let seen = presence("a@test", 7);
    push_items(&ours, "outbox", &items(1)).await;
    push(&ours, "outbox", &[("a@test#7#available".to_owned(), json!({ "presence": seen }))]).await;
    push_items(&ours, "outbox", &items(1)).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (agent, _) = reporter(&ours, AGGREGATOR);
    let road = Strait::new(&hub, &agent, 0, usize::MAX);
    let _probe = agent.start(Arc::<Strait>::clone(&road));
    holds(&ours, "outbox", 0).await;
    assert_eq!(road.sent(), 3);
    assert_eq!(
        entries(&theirs, "forward")[1],
        ("a@test#7#available".to_owned(), json!({ "presence": seen }))
    );
    assert_eq!(keys(&theirs, "anchor").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_confirmation_counts() {
    let (hub, ours) = (Hub::default(), store());
    push_items(&ours, "outbox", &items(2)).await;
    let mut slow = agent(AGGREGATOR, &["aggregate"], &store());
    let mut heard = listen(&mut slow);
    let road = hub.join(slow.door());
    let _slow = slow.start(Arc::clone(&road));
    let (_probe, _) = start_reporter(&hub, &ours);
    let message = soon(heard.recv()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let receipt = Receipt { stored: keys(&ours, "outbox"), ..Receipt::default() };
    let confirm = message.reply_with(Performative::Confirm, &receipt);
    drop(road.send(confirm.unwrap().unwrap()));
    holds(&ours, "outbox", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_aggregator_confirms_nothing_until_it_has_room() {
    let (hub, ours) = (Hub::default(), store());
    let theirs = Arc::new(MemoryStore::new(20));
    push_items(&theirs, "forward", &items(20)).await;
    push_items(&ours, "outbox", &items(2)).await;
    let _aggregator = start_collector(&hub, &theirs);
    let (_probe, _) = start_reporter(&hub, &ours);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(keys(&ours, "outbox").len(), 2);
    clear(&theirs, "forward").await;
    holds(&ours, "outbox", 0).await;
    assert_eq!(ours.count("refused").unwrap(), 0);
    assert_eq!(keys(&theirs, "forward").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reporter_stops_wherever_it_waits() {
    let nobody = || store();
    for state in ["Waiting", "Resting", "Awaiting"] {
        let (hub, ours) = (Hub::default(), nobody());
        if state != "Waiting" {
            push_items(&ours, "outbox", &items(1)).await;
        }
        let deaf = agent(AGGREGATOR, &["aggregate"], &nobody());
        let road = hub.join(deaf.door());
        if state == "Resting" {
            road.close().await;
        }
        let (_probe, handle) = start_reporter(&hub, &ours);
        soon(handle.reaches(state)).await;
        handle.stop();
        assert_eq!(soon(handle.join()).await, types::Exit::Stopped, "{state}");
        assert_eq!(handle.report().state, state);
    }
}
