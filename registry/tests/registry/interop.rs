//! With SPADE 4.1.4, over both servers, both ways.

use runtime::{Errand, Message, PUBLISHED, Performative, Road, Slot};
use serde_json::json;
use types::Show;

use crate::{
    spade::Spade,
    support::{Kind, World, listen, online, over_both, run, start, within},
};

over_both!(
    messages_go_both_ways_with_metadata_thread_and_reply,
    presence_is_seen_both_ways_from_subscription_to_goodbye,
    who_is_cut_off_is_gone_with_a_reason,
    artifacts_are_followed_both_ways,
);

async fn messages_go_both_ways_with_metadata_thread_and_reply(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut spade = Spade::agent(&world, "spade").await;

    let metadata = json!({"performative": "query-ref", "ontology": "finding", "mood": "good"});
    let text = "{\"a\": \"<ü>\"}";
    let to = world.jid("alice");
    let order = json!({"do": "send", "to": to.as_str(), "body": text, "thread": "t1", "metadata": metadata});
    spade.does(order).await;
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), text);
    assert_eq!(message.performative, Some(Performative::QueryRef));
    assert_eq!(message.ontology(), Some("finding"));
    assert_eq!(message.slot(&Slot::ConversationId), Some("t1"));
    assert_eq!(message.slot(&Slot::Other("mood".into())), Some("good"));
    assert_eq!(message.from.as_ref().unwrap().bare(), world.jid("spade").as_str());

    let answer = message.reply(Performative::Inform, "it is well").unwrap();
    drop(road.send(answer.with(Slot::Language, "json")));
    let seen = spade.sees("message").await;
    assert_eq!((&seen["body"], &seen["thread"]), (&json!("it is well"), &json!("t1")));
    assert_eq!((&seen["performative"], &seen["language"]), (&json!("inform"), &json!("json")));

    let asked = Message::text(Performative::Request, world.jid("spade"), "check")
        .with(Slot::ConversationId, "c2")
        .with(Slot::Ontology, "finding");
    drop(road.send(asked));
    spade.sees("message").await;
    let reply = within(heard.recv()).await.unwrap();
    assert_eq!(
        (reply.body.as_ref(), reply.performative),
        ("done: check", Some(Performative::Inform))
    );
    assert_eq!(reply.slot(&Slot::ConversationId), Some("c2"));
    assert_eq!(reply.ontology(), Some("finding"));
    alice.shutdown().await;
}

async fn presence_is_seen_both_ways_from_subscription_to_goodbye(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let alice = world.agent("alice", "probe", &["check"]);
    let mut moves = alice.door().directory().moves();
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut spade = Spade::agent(&world, "spade").await;
    let (me, it) = (world.jid("alice"), world.jid("spade"));

    // It asks, a person says yes, and we ask back: SPADE says yes by itself.
    let mut asked = alice.door().watch_requests();
    spade.does(json!({"do": "subscribe", "to": me.as_str()})).await;
    within(asked.changed()).await.unwrap();
    assert_eq!(alice.door().requests(), std::slice::from_ref(&it));
    run(&road, Errand::Approve(it.clone())).await.unwrap();
    let seen = spade.sees_where("presence", |it| it["type"] == "available").await;
    assert_eq!((&seen["sender"], &seen["priority"]), (&json!(me.as_str()), &json!(1)));
    let come = within(moves.recv()).await.unwrap();
    assert_eq!((come.jid.as_str(), come.show), (it.as_str(), Show::Available));

    // Moods, both ways.
    let order = json!({"do": "show", "show": "dnd", "status": "busy", "priority": 7});
    spade.does(order).await;
    let told = within(moves.recv()).await.unwrap();
    assert_eq!((told.show, told.priority, told.status.as_deref()), (Show::Dnd, 7, Some("busy")));
    alice.door().set_mood(|mood| {
        (mood.show, mood.priority, mood.load) = (Show::Away, 3, 80);
        mood.status = Some("lunch".to_owned());
    });
    let seen = spade.sees_where("presence", |it| it["show"] == "away").await;
    assert_eq!((&seen["status"], &seen["priority"]), (&json!("lunch"), &json!(3)));

    // Goodbye, both ways.
    spade.stops().await;
    let gone = within(moves.recv()).await.unwrap();
    assert_eq!((gone.jid.as_str(), gone.show), (it.as_str(), Show::Unavailable));
    assert_eq!(gone.why.as_deref(), Some("left without a word"));
    let mut spade = Spade::agent(&world, "spade").await;
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Available);
    alice.shutdown().await;
    let seen = spade.sees_where("presence", |it| it["type"] == "unavailable").await;
    assert_eq!((&seen["sender"], &seen["status"]), (&json!(me.as_str()), &json!("stopped")));
}

async fn who_is_cut_off_is_gone_with_a_reason(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let alice = world.agent("alice", "probe", &[]);
    let mut moves = alice.door().directory().moves();
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let spade = Spade::agent(&world, "spade").await;
    run(&road, Errand::Subscribe(world.jid("spade"))).await.unwrap();
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Available);
    // Killed without a goodbye.
    drop(spade);
    let gone = within(moves.recv()).await.unwrap();
    assert_eq!(gone.show, Show::Unavailable);
    // Prosody says what it saw, unless it saw nothing but the end.
    let why = gone.why.unwrap();
    assert!(why.starts_with("Disconnected: ") || why == "left without a word", "{why}");
    alice.shutdown().await;
}

async fn artifacts_are_followed_both_ways(kind: Kind) {
    let world = World::with(kind, &["alice", "thing", "spade"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;

    let mut thing = Spade::artifact(&world, "thing").await;
    run(&road, Errand::Follow(world.jid("thing"))).await.unwrap();
    thing.does(json!({"do": "publish", "text": "tick 1"})).await;
    let item = within(heard.recv()).await.unwrap();
    assert_eq!((item.body.as_ref(), item.ontology()), ("tick 1", Some(PUBLISHED)));
    assert_eq!(item.from, Some(world.jid("thing")));

    run(&road, Errand::Publish("before".into())).await.unwrap();
    let mut spade = Spade::agent(&world, "spade").await;
    let me = world.jid("alice");
    spade.does(json!({"do": "follow", "to": me.as_str()})).await;
    spade.sees("following").await;
    run(&road, Errand::Publish("tick 2".into())).await.unwrap();
    let seen = spade.sees("item").await;
    assert_eq!((&seen["text"], &seen["sender"]), (&json!("tick 2"), &json!(me.as_str())));
    within(alice.shutdown()).await;
}
