use std::{sync::Arc, time::Duration};

use registry::{LinkState, Roots, XmppRoad};
use runtime::{Message, Performative, Road, SendError, Sending, Slot};
use types::Show;

use crate::support::{PASSWORD, World, agent, jid, listen, start, within};

async fn state(road: &XmppRoad, wanted: fn(&LinkState) -> bool) -> LinkState {
    within(road.state().wait_for(wanted)).await.unwrap().clone()
}

fn is_online(state: &LinkState) -> bool {
    matches!(state, LinkState::Online)
}

fn sent(sending: Sending) -> Result<(), SendError> {
    let Sending::Done(result) = sending else { panic!("the road is busy") };
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_with_all_its_slots_from_whom_it_says() {
    let world = World::with(&["alice", "bob"]).await;
    let mut bob = agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    let (alice, road) = start(agent("alice", "probe", &[]), world.account("alice"));
    state(&bobs, is_online).await;
    state(&road, is_online).await;
    let message = Message::text(Performative::Request, jid("bob"), "übung <&> {\"a\":1}")
        .with(Slot::Ontology, "finding")
        .with(Slot::ConversationId, "c1")
        .with(Slot::ReplyWith, "r1");
    sent(road.send(message)).unwrap();
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "übung <&> {\"a\":1}");
    assert_eq!(message.performative, Some(Performative::Request));
    assert_eq!(message.slot(&Slot::ConversationId), Some("c1"));
    assert_eq!(message.slot(&Slot::ReplyWith), Some("r1"));
    assert_eq!(message.from.as_ref().unwrap().bare(), jid("alice").as_str());
    alice.shutdown().await;
    bob.shutdown().await;
    let log = std::fs::read_to_string(world.folder.path().join("prosody.log")).unwrap();
    assert!(!log.contains("PLAIN"), "a password went over the wire");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_final_and_says_so() {
    let world = World::with(&["alice"]).await;
    let mut account = world.account("alice");
    account.password = "wrong".into();
    let (alice, road) = start(agent("alice", "probe", &[]), account);
    let refused = state(&road, |it| matches!(it, LinkState::Refused(_))).await;
    let LinkState::Refused(error) = refused else { unreachable!() };
    insta::assert_snapshot!(error, @"the server refuses `alice@test.vedette`: NotAuthorized; is the password right?");
    within(alice.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_prove_its_name_gets_no_password() {
    let world = World::with(&["alice"]).await;
    let other = World::with(&[]).await;
    let mut account = world.account("alice");
    account.roots = Roots::File(other.prosody.authority());
    let (alice, road) = start(agent("alice", "probe", &[]), account);
    let failing = state(&road, |it| matches!(it, LinkState::Failing(_))).await;
    let LinkState::Failing(error) = failing else { unreachable!() };
    let told = runtime::Chain(error.as_ref()).to_string();
    assert!(told.contains("UnknownIssuer") || told.contains("BadSignature"), "{told}");
    within(alice.shutdown()).await;
    let log = std::fs::read_to_string(world.folder.path().join("prosody.log")).unwrap();
    assert!(!log.contains("Authenticated"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registrar_sees_its_members_come_and_go_and_no_stranger() {
    let world = World::with(&["registry", "probe1", "stranger"]).await;
    let mut account = world.account("registry");
    account.contacts = vec![jid("probe1")];
    let (registrar, _road) = start(agent("registry", "registrar", &["register"]), account);
    let mut moves = registrar.directory().moves();
    let (stranger, _) = start(agent("stranger", "probe", &[]), world.account("stranger"));
    let (probe, _) = start(agent("probe1", "probe", &["check"]), world.account("probe1"));
    let come = within(moves.recv()).await.unwrap();
    assert_eq!((come.jid.as_str(), come.show), (jid("probe1").as_str(), Show::Available));
    assert_eq!(come.announcement.duties, ["check"]);
    probe.shutdown().await;
    let gone = within(moves.recv()).await.unwrap();
    assert_eq!((gone.jid.as_str(), gone.show), (jid("probe1").as_str(), Show::Unavailable));
    assert_eq!(registrar.directory().get(&jid("stranger")), None);
    stranger.shutdown().await;
    registrar.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_server_would_carry_is_refused_at_once() {
    let world = World::with(&["alice"]).await;
    let (alice, road) = start(agent("alice", "probe", &[]), world.account("alice"));
    let huge = Message::text(Performative::Inform, jid("bob"), "x".repeat(300_000));
    let error = sent(road.send(huge)).unwrap_err();
    insta::assert_snapshot!(error, @"a message of 300000 bytes is too large; the road carries 196608");
    let nobody = Message::text(Performative::Inform, runtime::AgentId::from("not a jid@"), "x");
    assert!(matches!(sent(road.send(nobody)), Err(SendError::Unknown(_))));
    alice.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_needs_no_key_derivation_and_a_new_password_is_noticed() {
    let world = World::with(&["alice"]).await;
    for _ in 0..2 {
        let (alice, road) = start(agent("alice", "probe", &[]), world.account("alice"));
        state(&road, is_online).await;
        alice.shutdown().await;
    }
    world.prosody.add("alice", &"another".into()).await.unwrap();
    let (alice, road) = start(agent("alice", "probe", &[]), world.account("alice"));
    state(&road, |it| matches!(it, LinkState::Refused(_))).await;
    alice.shutdown().await;
    let mut account = world.account("alice");
    account.password = "another".into();
    let (alice, road) = start(agent("alice", "probe", &[]), account);
    state(&road, is_online).await;
    alice.shutdown().await;
    assert_ne!(PASSWORD, "another");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_connected_leaves_at_once() {
    let world = World::with(&["alice"]).await;
    let mut account = world.account("alice");
    account.server = registry::Server::At("127.0.0.1:1".to_owned());
    let (alice, road) = start(agent("alice", "probe", &[]), account);
    state(&road, |it| matches!(it, LinkState::Failing(_))).await;
    tokio::time::timeout(Duration::from_secs(10), alice.shutdown()).await.unwrap();
    drop(Arc::new(road));
}
