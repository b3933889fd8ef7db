//! Logging in, talking, and leaving.

use std::{sync::Arc, time::Duration};

use registry::{LinkState, Roots};
use runtime::{Message, Performative, Road, SendError, Sending, Slot};
use types::Show;

use crate::support::{Kind, PASSWORD, World, listen, online, over_both, say, start, state, within};

over_both!(
    a_message_arrives_with_all_its_slots_from_whom_it_says,
    a_wrong_password_is_final_and_says_so,
    a_server_that_cannot_prove_its_name_gets_no_password,
    the_registrar_sees_its_members_come_and_go_and_no_stranger,
    what_no_server_would_carry_is_refused_at_once,
    a_second_login_needs_no_key_derivation_and_a_new_password_is_noticed,
    an_agent_that_is_not_connected_leaves_at_once,
);

fn sent(sending: Sending) -> Result<(), SendError> {
    let Sending::Done(result) = sending else { panic!("the road is busy") };
    result
}

async fn a_message_arrives_with_all_its_slots_from_whom_it_says(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    online(&bobs).await;
    online(&road).await;
    let message = Message::text(Performative::Request, world.jid("bob"), "übung <&> {\"a\":1}")
        .with(Slot::Ontology, "finding")
        .with(Slot::ConversationId, "c1")
        .with(Slot::ReplyWith, "r1");
    sent(road.send(message)).unwrap();
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "übung <&> {\"a\":1}");
    assert_eq!(message.performative, Some(Performative::Request));
    assert_eq!(message.slot(&Slot::ConversationId), Some("c1"));
    assert_eq!(message.slot(&Slot::ReplyWith), Some("r1"));
    assert_eq!(message.from.as_ref().unwrap().bare(), world.jid("alice").as_str());
    alice.shutdown().await;
    bob.shutdown().await;
    let log = world.log();
    assert!(!log.contains("PLAIN"), "a password went over the wire");
}

async fn a_wrong_password_is_final_and_says_so(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    let mut account = world.account("alice");
    account.password = "wrong".into();
    let (alice, road) = start(world.agent("alice", "probe", &[]), account);
    let refused = state(&road, |it| matches!(it, LinkState::Refused(_))).await;
    let LinkState::Refused(error) = refused else { unreachable!() };
    let who = world.jid("alice");
    let told = format!("the server refuses `{who}`: NotAuthorized; is the password right?");
    assert_eq!(error.to_string(), told);
    within(alice.shutdown()).await;
}

async fn a_server_that_cannot_prove_its_name_gets_no_password(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    let other = World::with(Kind::Prosody, &[]).await;
    let mut account = world.account("alice");
    account.roots = Roots::File(other.authority());
    let (alice, road) = start(world.agent("alice", "probe", &[]), account);
    let failing = state(&road, |it| matches!(it, LinkState::Failing(_))).await;
    let LinkState::Failing(error) = failing else { unreachable!() };
    let told = runtime::Chain(error.as_ref()).to_string();
    assert!(told.contains("UnknownIssuer") || told.contains("BadSignature"), "{told}");
    within(alice.shutdown()).await;
    let log = world.log();
    assert!(!log.contains("Authenticated"), "{log}");
}

async fn the_registrar_sees_its_members_come_and_go_and_no_stranger(kind: Kind) {
    let world = World::with(kind, &["registry", "probe1", "stranger"]).await;
    let mut account = world.account("registry");
    account.contacts = vec![world.jid("probe1")];
    let (registrar, _road) = start(world.agent("registry", "registrar", &["register"]), account);
    let mut moves = registrar.directory().moves();
    let (stranger, _) = start(world.agent("stranger", "probe", &[]), world.account("stranger"));
    let (probe, _) = start(world.agent("probe1", "probe", &["check"]), world.account("probe1"));
    let come = within(moves.recv()).await.unwrap();
    assert_eq!((come.jid.as_str(), come.show), (world.jid("probe1").as_str(), Show::Available));
    assert_eq!(come.announcement.duties, ["check"]);
    probe.shutdown().await;
    let gone = within(moves.recv()).await.unwrap();
    assert_eq!((gone.jid.as_str(), gone.show), (world.jid("probe1").as_str(), Show::Unavailable));
    assert_eq!(registrar.directory().get(&world.jid("stranger")), None);
    stranger.shutdown().await;
    registrar.shutdown().await;
}

async fn what_no_server_would_carry_is_refused_at_once(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    let huge = Message::text(Performative::Inform, world.jid("bob"), "x".repeat(300_000));
    let error = sent(road.send(huge)).unwrap_err();
    let told = "a message of 300000 bytes is too large; the road carries 196608";
    assert_eq!(error.to_string(), told);
    let nobody = Message::text(Performative::Inform, runtime::AgentId::from("not a jid@"), "x");
    assert!(matches!(sent(road.send(nobody)), Err(SendError::Unknown(_))));
    alice.shutdown().await;
}

async fn a_second_login_needs_no_key_derivation_and_a_new_password_is_noticed(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    for _ in 0..2 {
        let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
        online(&road).await;
        alice.shutdown().await;
    }
    world.add("alice", "another").await;
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    state(&road, |it| matches!(it, LinkState::Refused(_))).await;
    alice.shutdown().await;
    let mut account = world.account("alice");
    account.password = "another".into();
    let (alice, road) = start(world.agent("alice", "probe", &[]), account);
    online(&road).await;
    alice.shutdown().await;
    assert_ne!(PASSWORD, "another");
}

async fn an_agent_that_is_not_connected_leaves_at_once(kind: Kind) {
    let world = World::with(kind, &["alice"]).await;
    let mut account = world.account("alice");
    account.server = registry::Server::At("127.0.0.1:1".to_owned());
    let (alice, road) = start(world.agent("alice", "probe", &[]), account);
    state(&road, |it| matches!(it, LinkState::Failing(_))).await;
    tokio::time::timeout(Duration::from_secs(10), alice.shutdown()).await.unwrap();
    drop(Arc::new(road));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_contacts_and_a_form_with_a_thousand_fields_hold_nobody_up() {
    const COUNT: usize = 100;
    let world = World::with(Kind::Prosody, &["alice", "bob"]).await;
    let mut alice = world.agent("alice", "registrar", &[]);
    let mut heard = listen(&mut alice);
    let mut account = world.account("alice");
    account.contacts = (0..1_000).map(|it| world.jid(&format!("probe{it}"))).collect();
    let (alice, road) = start(alice, account.clone());
    online(&road).await;
    let mut bob = world.agent("bob", "probe", &[]);
    let mut message = Message::text(Performative::Inform, world.jid("alice"), "many fields");
    for nth in 0..1_000 {
        message.set(Slot::from(format!("field-{nth}").as_str()), "value");
    }
    say(&mut bob, world.jid("alice"), COUNT, Duration::ZERO);
    let (bob, bobs) = start(bob, world.account("bob"));
    online(&bobs).await;
    sent(bobs.send(message)).unwrap();
    let (mut numbers, mut fields) = (0, None);
    while numbers < COUNT || fields.is_none() {
        let message = within(heard.recv()).await.unwrap();
        match &*message.body {
            "many fields" => fields = Some(message.slots().count()),
            _ => numbers += 1,
        }
    }
    // More are not read.
    assert_eq!(fields, Some(63));
    alice.shutdown().await;
    // Now the roster has them all.
    let (alice, road) = start(world.agent("alice", "registrar", &[]), account);
    online(&road).await;
    alice.shutdown().await;
    bob.shutdown().await;
}
