//! How agents see each other: moods, reasons, and who may see whom.

use runtime::{Errand, Mood};
use types::Show;

use crate::support::{Kind, World, decide, online, over_both, run, start, within};

over_both!(
    a_mood_is_seen_with_its_load_and_the_last_of_many_wins,
    who_was_let_in_by_a_person_is_a_contact_after_a_new_login,
    who_was_denied_sees_nothing,
    a_domain_may_see_us_where_policy_says_so,
);

async fn a_mood_is_seen_with_its_load_and_the_last_of_many_wins(kind: Kind) {
    let world = World::with(kind, &["registry", "probe"]).await;
    let account = world.account_with("registry", &["probe"]);
    let (registrar, road) = start(world.agent("registry", "registrar", &[]), account);
    online(&road).await;
    let mut moves = registrar.directory().moves();
    let probe = world.agent("probe", "probe", &["check"]);
    probe.door().set_mood(|it| it.load = 10);
    let (probe, road) = start(probe, world.account("probe"));
    online(&road).await;
    let come = within(moves.recv()).await.unwrap();
    assert_eq!((come.show, come.load, come.announcement.duties.len()), (Show::Available, 10, 1));
    for load in 0..=100 {
        let status = Some(format!("{load} of 100"));
        probe.door().set_mood(|it| *it = Mood { show: Show::Dnd, status, priority: 5, load });
    }
    let last = within(async {
        loop {
            let seen = moves.recv().await.unwrap();
            if seen.load == 100 {
                break seen;
            }
        }
    })
    .await;
    assert_eq!((last.show, last.priority), (Show::Dnd, 5));
    assert_eq!(last.status.as_deref(), Some("100 of 100"));
    // Whoever is connected is not gone, whatever its mood.
    probe.door().set_mood(|it| it.show = Show::Unavailable);
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Xa);
    probe.shutdown().await;
    let gone = within(moves.recv()).await.unwrap();
    assert_eq!((gone.show, gone.why.as_deref()), (Show::Unavailable, Some("stopped")));
    registrar.shutdown().await;
}

async fn who_was_let_in_by_a_person_is_a_contact_after_a_new_login(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    online(&road).await;
    let mut asked = alice.door().watch_requests();
    let (bob, bobs) = start(world.agent("bob", "probe", &[]), world.account("bob"));
    let mut moves = bob.directory().moves();
    run(&bobs, Errand::Subscribe(world.jid("alice"))).await.unwrap();
    within(asked.changed()).await.unwrap();
    assert_eq!(alice.door().requests(), [world.jid("bob")]);
    decide(&alice, Errand::Approve(world.jid("bob"))).await;
    let seen = within(moves.recv()).await.unwrap();
    assert_eq!((seen.jid.as_str(), seen.show), (world.jid("alice").as_str(), Show::Available));
    alice.shutdown().await;
    assert_eq!(within(moves.recv()).await.unwrap().why.as_deref(), Some("stopped"));
    // Neither has the other among its configured contacts: the roster remembers.
    let (alice, _road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Available);
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn who_was_denied_sees_nothing(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    online(&road).await;
    let mut asked = alice.door().watch_requests();
    let (bob, bobs) = start(world.agent("bob", "probe", &[]), world.account("bob"));
    let mut moves = bob.directory().moves();
    run(&bobs, Errand::Subscribe(world.jid("alice"))).await.unwrap();
    within(asked.changed()).await.unwrap();
    decide(&alice, Errand::Approve(world.jid("bob"))).await;
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Available);
    decide(&alice, Errand::Deny(world.jid("bob"))).await;
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Unavailable);
    // It asks again, and is no contact any more.
    run(&bobs, Errand::Subscribe(world.jid("alice"))).await.unwrap();
    within(asked.changed()).await.unwrap();
    assert_eq!(alice.door().requests(), [world.jid("bob")]);
    assert!(moves.try_recv().is_err());
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn a_domain_may_see_us_where_policy_says_so(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let mut account = world.account("alice");
    account.subscriptions = registry::Subscriptions::Domain;
    let (alice, road) = start(world.agent("alice", "probe", &[]), account);
    online(&road).await;
    let (bob, bobs) = start(world.agent("bob", "probe", &[]), world.account("bob"));
    let mut moves = bob.directory().moves();
    run(&bobs, Errand::Subscribe(world.jid("alice"))).await.unwrap();
    assert_eq!(within(moves.recv()).await.unwrap().show, Show::Available);
    assert!(alice.door().requests().is_empty());
    alice.shutdown().await;
    bob.shutdown().await;
}
