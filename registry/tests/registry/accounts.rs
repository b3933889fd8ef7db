//! The registrar makes accounts and removes them, by the server's own commands.

use registry::{Account, LinkState};
use runtime::{Errand, SendError};

use crate::support::{Kind, World, online, over_both, run, start, state};

over_both!(
    a_registrar_makes_an_account_whose_owner_changes_its_password,
    an_account_that_is_removed_is_cut_off_at_once,
    who_is_no_administrator_makes_no_account,
    an_account_that_is_somebodys_stays_his,
);

fn add(world: &World, name: &str, password: &str, again: bool) -> Errand {
    Errand::AddAccount { account: world.jid(name), password: password.into(), again }
}

fn with(account: Account, password: &str) -> Account {
    Account { password: password.into(), ..account }
}

async fn a_registrar_makes_an_account_whose_owner_changes_its_password(kind: Kind) {
    let world = World::with(kind, &["registry"]).await;
    let (registrar, road) =
        start(world.agent("registry", "registrar", &[]), world.account("registry"));
    online(&road).await;
    run(&road, add(&world, "edge1", "first & <only>", false)).await.unwrap();
    let account = world.account("edge1");
    let (edge, link) =
        start(world.agent("edge1", "probe", &[]), with(account.clone(), "first & <only>"));
    online(&link).await;
    run(&link, Errand::ChangePassword("another".into())).await.unwrap();
    edge.shutdown().await;
    let (edge, link) =
        start(world.agent("edge1", "probe", &[]), with(account.clone(), "first & <only>"));
    state(&link, |it| matches!(it, LinkState::Refused(_))).await;
    edge.shutdown().await;
    let (edge, link) = start(world.agent("edge1", "probe", &[]), with(account, "another"));
    online(&link).await;
    edge.shutdown().await;
    registrar.shutdown().await;
}

async fn an_account_that_is_removed_is_cut_off_at_once(kind: Kind) {
    let world = World::with(kind, &["registry", "edge1"]).await;
    let (registrar, road) =
        start(world.agent("registry", "registrar", &[]), world.account("registry"));
    let (edge, link) = start(world.agent("edge1", "probe", &[]), world.account("edge1"));
    online(&road).await;
    online(&link).await;
    run(&road, Errand::RemoveAccount(world.jid("edge1"))).await.unwrap();
    // It tries to come back and finds no account.
    state(&link, |it| matches!(it, LinkState::Refused(_))).await;
    // Once more, as after a crash in between.
    run(&road, Errand::RemoveAccount(world.jid("edge1"))).await.unwrap();
    edge.shutdown().await;
    registrar.shutdown().await;
}

async fn who_is_no_administrator_makes_no_account(kind: Kind) {
    let world = World::with(kind, &["mallory", "edge1"]).await;
    let (mallory, road) = start(world.agent("mallory", "probe", &[]), world.account("mallory"));
    online(&road).await;
    for errand in [add(&world, "edge2", "x", false), Errand::RemoveAccount(world.jid("edge1"))] {
        let refused = run(&road, errand).await.unwrap_err();
        assert!(matches!(refused, SendError::Refused { .. }), "{refused}");
    }
    let (edge, link) = start(world.agent("edge1", "probe", &[]), world.account("edge1"));
    online(&link).await;
    edge.shutdown().await;
    mallory.shutdown().await;
}

async fn an_account_that_is_somebodys_stays_his(kind: Kind) {
    let world = World::with(kind, &["registry", "alice"]).await;
    let (registrar, road) =
        start(world.agent("registry", "registrar", &[]), world.account("registry"));
    online(&road).await;
    let refused = run(&road, add(&world, "alice", "stolen", false)).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused { .. }), "{refused}");
    let (alice, link) = start(world.agent("alice", "person", &[]), world.account("alice"));
    online(&link).await;
    run(&road, add(&world, "alice", "given", true)).await.unwrap();
    alice.shutdown().await;
    registrar.shutdown().await;
}
