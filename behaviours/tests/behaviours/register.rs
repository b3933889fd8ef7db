//! A registrar knows who is there, tells who asks, and has every coming and going kept.

use std::{sync::Arc, time::Duration};

use behaviours::register;
use runtime::{AgentHandle, Handle, Hub, MemoryStore, Message, Performative, Road, Slot, Spec};
use tokio::sync::mpsc;
use types::{Exit, Presence, Roll, RollCall, Show};

use crate::support::{agent, clear, entries, holds, keys, listen, settings, soon, store};

const REGISTRAR: &str = "registrar@test";

fn registrar(hub: &Hub, store: &Arc<MemoryStore>, text: &str) -> (AgentHandle, Handle) {
    let settings = settings(register::SETTINGS, register::Settings::read, text, "".as_ref());
    let mut agent = agent(REGISTRAR, &["register"], store);
    let spec = Spec { template: register::template(), ..Spec::default() };
    let handle = agent.add(spec, move || register::Register::from(settings.clone()));
    let road = hub.join(agent.door());
    (agent.start(road), handle)
}

/// Somebody who asks.
struct Member {
    jid: String,
    road: Arc<dyn Road>,
    heard: mpsc::Receiver<Arc<Message>>,
    agent: AgentHandle,
}

impl Member {
    fn join(hub: &Hub, jid: &str, duty: &str) -> Self {
        let mut agent = agent(jid, &[duty], &store());
        let heard = listen(&mut agent);
        let road = hub.join(agent.door());
        let started = agent.start(Arc::clone(&road));
        Self { jid: jid.to_owned(), road, heard, agent: started }
    }

    fn ask(&self, performative: Performative, duty: &str) {
        let call = RollCall { duties: vec![duty.to_owned()], ..RollCall::default() };
        let mut message = Message::new(performative, REGISTRAR, &call).unwrap();
        message.from = Some(format!("{}/1", self.jid).into());
        drop(self.road.send(message.with(Slot::ReplyWith, "r1")));
    }

    async fn roll(&mut self) -> Vec<String> {
        let answer = soon(self.heard.recv()).await.unwrap();
        assert_eq!(answer.slot(&Slot::InReplyTo), Some("r1"));
        let roll: Roll = answer.read().unwrap();
        roll.members.into_iter().map(|it| it.jid).collect()
    }

    async fn news(&mut self) -> (String, Show) {
        let news: Presence = soon(self.heard.recv()).await.unwrap().read().unwrap();
        (news.jid, news.show)
    }
}

fn seen(store: &MemoryStore) -> Vec<(String, Show)> {
    let presence = |mut parcel: serde_json::Value| -> Presence {
        serde_json::from_value(parcel["presence"].take()).unwrap()
    };
    let entries = entries(store, "outbox").into_iter().map(|it| presence(it.1));
    entries.map(|it| (it.jid, it.show)).collect()
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_who_does_the_duty() {
    let hub = Hub::default();
    let (_agent, _) = registrar(&hub, &store(), "");
    let _other = Member::join(&hub, "a@test", "aggregate");
    let mut asker = Member::join(&hub, "b@test", "check");
    asker.ask(Performative::QueryRef, "aggregate");
    assert_eq!(asker.roll().await, ["a@test"]);
    asker.ask(Performative::QueryRef, "register");
    assert_eq!(asker.roll().await, [REGISTRAR]);
    asker.ask(Performative::QueryRef, "dance");
    assert_eq!(asker.roll().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn subscribers_hear_of_those_they_asked_for_and_of_no_others() {
    let hub = Hub::default();
    let ours = store();
    let (_agent, _) = registrar(&hub, &ours, "");
    let mut subscriber = Member::join(&hub, "b@test", "check");
    let mut asker = Member::join(&hub, "c@test", "check");
    subscriber.ask(Performative::Subscribe, "aggregate");
    assert_eq!(subscriber.roll().await, [""; 0]);
    asker.ask(Performative::QueryRef, "aggregate");
    asker.roll().await;

    let _stranger = Member::join(&hub, "d@test", "check");
    let other = Member::join(&hub, "a@test", "aggregate");
    assert_eq!(subscriber.news().await, ("a@test".to_owned(), Show::Available));
    other.road.close().await;
    assert_eq!(subscriber.news().await, ("a@test".to_owned(), Show::Unavailable));
    assert!(subscriber.heard.try_recv().is_err(), "nobody else is told of");
    assert!(asker.heard.try_recv().is_err(), "who did not subscribe is told nothing");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_told_nothing_any_more() {
    let hub = Hub::default();
    let (_agent, _) = registrar(&hub, &store(), "");
    let mut subscriber = Member::join(&hub, "b@test", "check");
    subscriber.ask(Performative::Subscribe, "aggregate");
    subscriber.roll().await;
    subscriber.road.close().await;
    let mut again = Member::join(&hub, "b@test", "check");
    let _other = Member::join(&hub, "a@test", "aggregate");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(again.heard.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn every_coming_and_going_is_kept() {
    let hub = Hub::default();
    let ours = store();
    let _before = Member::join(&hub, "a@test", "check");
    let (_agent, _) = registrar(&hub, &ours, "");
    holds(&ours, "outbox", 2).await;
    let after = Member::join(&hub, "b@test", "check");
    holds(&ours, "outbox", 3).await;
    after.road.close().await;
    holds(&ours, "outbox", 4).await;
    let came = |jid: &str| (jid.to_owned(), Show::Available);
    let gone = ("b@test".to_owned(), Show::Unavailable);
    assert_eq!(seen(&ours), [came("a@test"), came(REGISTRAR), came("b@test"), gone]);
}

#[tokio::test(start_paused = true)]
async fn members_that_never_show_up_count_as_gone_after_ten_seconds() {
    let hub = Hub::default();
    let ours = store();
    let (_agent, _) = registrar(&hub, &ours, r#"members = ["a@test", "b@test"]"#);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _member = Member::join(&hub, "a@test", "check");
    tokio::time::sleep(Duration::from_millis(4900)).await;
    assert_eq!(keys(&ours, "outbox").len(), 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(seen(&ours)[2..], [("b@test".to_owned(), Show::Unavailable)]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(keys(&ours, "outbox").len(), 3, "it is said once");
}

#[tokio::test(start_paused = true)]
async fn news_wait_for_room_and_questions_are_answered_meanwhile() {
    let hub = Hub::default();
    let ours = Arc::new(MemoryStore::new(1));
    let (_agent, handle) = registrar(&hub, &ours, "");
    holds(&ours, "outbox", 1).await;
    let mut member = Member::join(&hub, "a@test", "check");
    tokio::time::sleep(Duration::from_secs(30)).await;
    member.ask(Performative::QueryRef, "check");
    assert_eq!(member.roll().await, ["a@test"]);
    assert_eq!(handle.report().restarts, 0);
    clear(&ours, "outbox").await;
    holds(&ours, "outbox", 1).await;
    assert_eq!(seen(&ours), [("a@test".to_owned(), Show::Available)]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_moves_is_kept_to_the_end() {
    let hub = Hub::default();
    let ours = store();
    let (agent, handle) = registrar(&hub, &ours, "");
    holds(&ours, "outbox", 1).await;
    let known = agent.directory().get(&REGISTRAR.into()).unwrap();
    for number in 0..3000 {
        let jid = format!("a{number}@test");
        agent.directory().note(Presence { jid, ..known.clone() });
    }
    holds(&ours, "outbox", 3001).await;
    assert_eq!(handle.report().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_read_is_passed_over() {
    let hub = Hub::default();
    let (_agent, handle) = registrar(&hub, &store(), "");
    let mut member = Member::join(&hub, "a@test", "check");
    let mut message = Message::text(Performative::QueryRef, REGISTRAR, "who?");
    message.from = Some("a@test".into());
    drop(member.road.send(message.with(Slot::Ontology, "vedette:roll")));
    member.ask(Performative::QueryRef, "check");
    assert_eq!(member.roll().await, ["a@test"]);
    handle.stop();
    assert_eq!(soon(handle.join()).await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn news_come_in_the_conversation_in_which_they_were_asked_for() {
    let hub = Hub::default();
    let (registrar, _) = registrar(&hub, &store(), "");
    let mut asker = Member::join(&hub, "b@test", "check");
    let call = RollCall { duties: vec!["aggregate".to_owned()], ..RollCall::default() };
    let mut question = Message::new(Performative::Subscribe, REGISTRAR, &call)
        .unwrap()
        .with(Slot::Protocol, "fipa-subscribe")
        .with(Slot::ReplyWith, "r1")
        .in_conversation("c1");
    question.from = Some("b@test/1".into());
    asker.agent.door().said(&question);
    drop(asker.road.send(question));
    assert_eq!(asker.roll().await, [""; 0]);
    let _other = Member::join(&hub, "a@test", "aggregate");
    let news = soon(asker.heard.recv()).await.unwrap();
    assert_eq!(news.read::<Presence>().unwrap().jid, "a@test");
    assert_eq!((news.thread(), news.slot(&Slot::Protocol)), (Some("c1"), Some("fipa-subscribe")));
    assert_eq!(registrar.door().violations().0, 0);
    assert_eq!(asker.agent.door().violations().0, 0);
}

#[tokio::test(start_paused = true)]
async fn who_takes_its_subscription_back_is_told_so_and_no_news() {
    let hub = Hub::default();
    let (registrar, _) = registrar(&hub, &store(), "");
    let mut asker = Member::join(&hub, "b@test", "check");
    let call = RollCall { duties: vec!["aggregate".to_owned()], ..RollCall::default() };
    let say = |act, id: &str| {
        let mut message = Message::new(act, REGISTRAR, &call)
            .unwrap()
            .with(Slot::Protocol, "fipa-subscribe")
            .with(Slot::ReplyWith, "r1")
            .in_conversation(id);
        message.from = Some("b@test/1".into());
        asker.agent.door().said(&message);
        drop(asker.road.send(message));
    };
    say(Performative::Subscribe, "c1");
    let roll = soon(asker.heard.recv()).await.unwrap();
    assert_eq!(roll.performative, Some(Performative::Inform));
    say(Performative::Cancel, "c1");
    let over = soon(asker.heard.recv()).await.unwrap();
    assert_eq!((over.performative, &*over.body), (Some(Performative::Inform), "cancelled"));
    let _other = Member::join(&hub, "a@test", "aggregate");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(asker.heard.try_recv().is_err());
    assert_eq!(registrar.door().violations().0, 0);
    assert_eq!(asker.agent.door().violations().0, 0);
}

#[tokio::test(start_paused = true)]
async fn what_another_registrar_tells_is_no_question() {
    let hub = Hub::default();
    let (_registrar, _) = registrar(&hub, &store(), "");
    let mut member = Member::join(&hub, "b@test", "check");
    member.ask(Performative::Inform, "aggregate");
    member.ask(Performative::QueryRef, "register");
    assert_eq!(member.roll().await, [REGISTRAR]);
}
