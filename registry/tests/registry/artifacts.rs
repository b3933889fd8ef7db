//! What is published under a name, and who follows it.

use registry::LinkState;
use runtime::{Errand, PUBLISHED, Performative, SendError, Slot};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    spade::Spade,
    support::{Kind, World, listen, online, over_both, run, start, within},
};

over_both!(
    what_is_published_reaches_who_follows_and_nobody_else,
    who_follows_hears_again_after_a_new_session,
    nobody_publishes_in_the_name_of_another,
    to_follow_somebody_who_never_published_is_refused,
);

async fn what_is_published_reaches_who_follows_and_nobody_else(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    run(&road, Errand::Publish("before".into())).await.unwrap();
    run(&bobs, Errand::Follow(world.jid("alice"))).await.unwrap();
    run(&road, Errand::Publish("tick <1>".into())).await.unwrap();
    let message = within(heard.recv()).await.unwrap();
    assert_eq!((message.body.as_ref(), message.ontology()), ("tick <1>", Some(PUBLISHED)));
    assert_eq!(message.performative, Some(Performative::Inform));
    assert_eq!(message.from, Some(world.jid("alice")));
    let node = message.slot(&Slot::Other("node".into()));
    assert_eq!(node, Some(world.jid("alice").as_str()));
    run(&bobs, Errand::Unfollow(world.jid("alice"))).await.unwrap();
    run(&road, Errand::Publish("unheard".into())).await.unwrap();
    run(&bobs, Errand::Follow(world.jid("alice"))).await.unwrap();
    run(&road, Errand::Publish("last".into())).await.unwrap();
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "last");
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn who_follows_hears_again_after_a_new_session(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    run(&road, Errand::Publish("first".into())).await.unwrap();
    for tick in ["second", "third"] {
        let mut bob = world.agent("bob", "probe", &[]);
        let mut heard = listen(&mut bob);
        let (bob, bobs) = start(bob, world.account("bob"));
        run(&bobs, Errand::Follow(world.jid("alice"))).await.unwrap();
        run(&road, Errand::Publish(tick.into())).await.unwrap();
        assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), tick);
        bob.shutdown().await;
    }
    alice.shutdown().await;
}

async fn to_follow_somebody_who_never_published_is_refused(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    online(&road).await;
    let error = run(&road, Errand::Follow(world.jid("nobody"))).await.unwrap_err();
    let SendError::Refused { by, why } = error else { panic!("{error:?}") };
    assert_eq!(by.as_str(), format!("pubsub.{}", world.domain()));
    assert!(why.starts_with("item-not-found"), "{why}");
    let huge = run(&road, Errand::Publish("x".repeat(300_000).into())).await;
    assert!(matches!(huge, Err(SendError::TooLarge { .. })));
    alice.shutdown().await;
}

async fn nobody_publishes_in_the_name_of_another(kind: Kind) {
    let world = World::with(kind, &["alice", "bob", "carol", "mallory"]).await;
    let mut mallory = Spade::agent(&world, "mallory").await;
    let node = world.jid("alice");
    let order = json!({"do": "make", "node": node.as_str(), "text": "forged"});
    mallory.does(order.clone()).await;
    mallory.sees("made").await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    let published = run(&road, Errand::Publish("genuine".into())).await;
    match kind {
        // With our rules the name was not to be had.
        Kind::Prosody => published.unwrap(),
        // Who comes first has it there; but it is not believed.
        Kind::Ejabberd => assert!(matches!(published, Err(SendError::Refused { .. }))),
    }
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    run(&bobs, Errand::Follow(node)).await.unwrap();
    let (carol, carols) = start(world.agent("carol", "probe", &[]), world.account("carol"));
    run(&carols, Errand::Publish("first".into())).await.unwrap();
    run(&bobs, Errand::Follow(world.jid("carol"))).await.unwrap();
    mallory.does(order).await;
    mallory.sees("made").await;
    run(&carols, Errand::Publish("second".into())).await.unwrap();
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "second");
    for agent in [alice, bob, carol] {
        agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_is_followed_again_when_the_server_forgot() {
    let world = World::with(Kind::Prosody, &["alice", "bob"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    run(&road, Errand::Publish("first".into())).await.unwrap();
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    run(&bobs, Errand::Follow(world.jid("alice"))).await.unwrap();
    // Another connection of the account makes the server forget.
    let (other, others) = start(world.agent("bob", "probe", &[]), world.account("bob"));
    run(&others, Errand::Unfollow(world.jid("alice"))).await.unwrap();
    other.shutdown().await;
    run(&road, Errand::Publish("unheard".into())).await.unwrap();

    let mut states = bobs.state();
    states.mark_unchanged();
    let pid = world.prosody().pid().unwrap();
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    within(states.wait_for(|it| !matches!(it, LinkState::Online))).await.unwrap();
    online(&bobs).await;
    run(&road, Errand::Publish("again".into())).await.unwrap();
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "again");
    alice.shutdown().await;
    bob.shutdown().await;
}
