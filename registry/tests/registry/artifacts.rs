use runtime::{Errand, PUBLISHED, Performative, SendError, Slot};

use crate::support::{Kind, World, listen, online, over_both, run, start, within};

over_both!(
    what_is_published_reaches_who_follows_and_nobody_else,
    who_follows_hears_again_after_a_new_session,
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
