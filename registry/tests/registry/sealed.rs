//! The sealed road over real servers.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use registry::{
    DeviceIdentity, Members, Policies, Policy, Sealing, SigningKey, Validity, XmppRoad,
};
use runtime::{Agent, AgentHandle, Message, Performative, Road, Slot};
use tokio::sync::watch;
use types::Member;

use crate::support::{Kind, World, listen, online, over_both, start, within};

over_both!(
    what_is_sealed_arrives_whole_and_the_server_sees_nothing_of_it,
    what_comes_in_plain_from_a_member_is_refused_and_shown,
    who_is_revoked_is_cut_off_at_once,
    sessions_go_on_after_a_restart_and_are_mended_after_a_loss,
    who_can_only_speak_in_plain_is_spoken_to_so_where_policy_says,
    many_messages_arrive_in_order,
);

/// A registry, and whom it vouches for.
pub(crate) struct Registry {
    key: SigningKey,
    members: watch::Sender<Arc<Members>>,
    serial: u64,
}

impl Registry {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = SigningKey::open_or_make(&folder.join("registry.key")).unwrap();
        let members = Arc::new(Members::none(key.public()));
        Self { key, members: watch::Sender::new(members), serial: 0 }
    }

    /// Vouches for an account's device.
    pub(crate) fn vouch(&mut self, jid: &str, role: &str, device: &DeviceIdentity) {
        let device = types::Device {
            device: device.device,
            identity: hex::encode(device.identity.key().0.0),
        };
        let member = Member {
            jid: jid.to_owned(),
            role: role.to_owned(),
            labels: BTreeMap::new(),
            devices: vec![device],
            evidence_key: "11".repeat(32),
            serial: self.serial + 1,
        };
        self.change(vec![member], &[]);
    }

    /// Vouches for a member.
    pub(crate) fn admit(&mut self, member: Member) {
        self.change(vec![member], &[]);
    }

    pub(crate) fn revoke(&mut self, jid: &str) {
        self.change(Vec::new(), &[jid.to_owned()]);
    }

    fn change(&mut self, set: Vec<Member>, gone: &[String]) {
        self.serial += 1;
        let validity = Validity { serial: self.serial, issued_ms: 0, until_ms: i64::MAX };
        let next = self.members.borrow().sign(&self.key, set, gone, validity).unwrap();
        self.members.send_replace(Arc::new(next));
    }

    pub(crate) fn members(&self) -> watch::Receiver<Arc<Members>> {
        self.members.subscribe()
    }
}

/// What seals for one agent, in a folder of its own.
pub(crate) fn sealing(world: &World, name: &str, registry: &Registry) -> Sealing {
    let folder = world.folder.path().join(format!("state-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    Sealing {
        device: DeviceIdentity::open_or_make(&folder).unwrap(),
        store: folder.join("omemo.sqlite"),
        members: registry.members(),
        policies: Policies::of_agent(world.jid(name).as_str(), false),
    }
}

pub(crate) fn enrolled(world: &World, names: &[&str]) -> (Registry, Vec<Sealing>) {
    let mut registry = Registry::new(world.folder.path());
    let sealings: Vec<Sealing> = names.iter().map(|it| sealing(world, it, &registry)).collect();
    for (name, sealing) in names.iter().zip(&sealings) {
        registry.vouch(world.jid(name).as_str(), "probe", &sealing.device);
    }
    (registry, sealings)
}

pub(crate) fn start_sealed(
    world: &World,
    agent: Agent,
    name: &str,
    sealing: Sealing,
) -> (AgentHandle, XmppRoad) {
    let door = agent.door().clone();
    let road = XmppRoad::connect_sealed(world.account(name), door, Some(sealing)).unwrap();
    (agent.start(Arc::new(road.clone())), road)
}

pub(crate) fn text(world: &World, to: &str, body: &str) -> Message {
    Message::text(Performative::Inform, world.jid(to), body)
}

async fn what_is_sealed_arrives_whole_and_the_server_sees_nothing_of_it(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, bobs] = sealings.try_into().unwrap();
    let mut bob = world.agent("bob", "probe", &[]);
    let mut alice = world.agent("alice", "probe", &[]);
    let (mut at_bob, mut at_alice) = (listen(&mut bob), listen(&mut alice));
    let (bob, bobs_road) = start_sealed(&world, bob, "bob", bobs);
    let (alice, road) = start_sealed(&world, alice, "alice", alices);
    online(&bobs_road).await;
    online(&road).await;
    for turn in 0..3 {
        let message = text(&world, "bob", "MARKER übung <&> {\"a\":1}")
            .with(Slot::Ontology, "MARKER-ontology")
            .with(Slot::ConversationId, "c1")
            .with(Slot::Other("turn".into()), turn.to_string());
        drop(road.send(message));
        let message = within(at_bob.recv()).await.unwrap();
        assert_eq!(message.body.as_ref(), "MARKER übung <&> {\"a\":1}");
        assert_eq!(message.ontology(), Some("MARKER-ontology"));
        assert_eq!(message.slot(&Slot::ConversationId), Some("c1"));
        assert_eq!(message.slot(&Slot::Other("turn".into())), Some(turn.to_string().as_str()));
        assert_eq!(message.from.as_ref().unwrap().bare(), world.jid("alice").as_str());
        drop(bobs_road.send(text(&world, "alice", "MARKER back")));
        assert_eq!(within(at_alice.recv()).await.unwrap().body.as_ref(), "MARKER back");
    }
    assert_eq!(bob.door().violations().0, 0);
    alice.shutdown().await;
    bob.shutdown().await;
    assert!(!world.log().contains("MARKER"));
}

async fn what_comes_in_plain_from_a_member_is_refused_and_shown(kind: Kind) {
    let world = World::with(kind, &["alice", "bob", "stranger"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [_, bobs] = sealings.try_into().unwrap();
    let mut bob = world.agent("bob", "probe", &[]);
    let mut at_bob = listen(&mut bob);
    let (bob, bobs_road) = start_sealed(&world, bob, "bob", bobs);
    // She is a member, but speaks in plain: somebody speaks for her.
    let (alice, road) = start(world.agent("alice", "probe", &[]), world.account("alice"));
    let (stranger, strangers) =
        start(world.agent("stranger", "probe", &[]), world.account("stranger"));
    online(&bobs_road).await;
    online(&road).await;
    online(&strangers).await;
    drop(road.send(text(&world, "bob", "believe me")));
    within(async {
        while bob.door().violations().0 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let (_, violations) = bob.door().violations();
    assert_eq!(violations[0].with, world.jid("alice").as_str());
    assert_eq!(violations[0].what, "a message in plain was refused");
    drop(strangers.send(text(&world, "bob", "hello")));
    let message = within(at_bob.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "hello", "of others, what policy says is heard");
    alice.shutdown().await;
    stranger.shutdown().await;
    bob.shutdown().await;
}

async fn who_is_revoked_is_cut_off_at_once(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (mut registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, bobs] = sealings.try_into().unwrap();
    let mut bob = world.agent("bob", "probe", &[]);
    let mut at_bob = listen(&mut bob);
    let (bob, bobs_road) = start_sealed(&world, bob, "bob", bobs);
    // Alice never hears of it.
    let hers = Registry::new(world.folder.path());
    let mut alices = Sealing { members: registry.members(), ..alices };
    let (keep, stale) = watch::channel(Arc::clone(&*alices.members.borrow()));
    alices.members = stale;
    let (alice, road) = start_sealed(&world, world.agent("alice", "probe", &[]), "alice", alices);
    online(&bobs_road).await;
    online(&road).await;
    drop(road.send(text(&world, "bob", "one")));
    assert_eq!(within(at_bob.recv()).await.unwrap().body.as_ref(), "one");
    registry.revoke(world.jid("alice").as_str());
    let before = bob.door().violations().0;
    within(async {
        while bob.door().violations().0 == before {
            drop(road.send(text(&world, "bob", "two")));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let told = bob.door().violations().1.last().unwrap().what.clone();
    assert!(told.contains("nobody vouches for this account"), "{told}");
    drop((keep, hers));
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn sessions_go_on_after_a_restart_and_are_mended_after_a_loss(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, _] = sealings.try_into().unwrap();
    let (alice, road) = start_sealed(&world, world.agent("alice", "probe", &[]), "alice", alices);
    online(&road).await;
    for turn in 0..4 {
        if turn == 2 {
            std::fs::remove_file(sealing(&world, "bob", &registry).store).unwrap();
        }
        let mut bob = world.agent("bob", "probe", &[]);
        let mut at_bob = listen(&mut bob);
        let (bob, bobs_road) = start_sealed(&world, bob, "bob", sealing(&world, "bob", &registry));
        online(&bobs_road).await;
        within(async {
            // What was sealed for keys that are lost is lost; letters are sent again.
            loop {
                drop(road.send(text(&world, "bob", &turn.to_string())));
                let patience = Duration::from_secs(if turn < 2 { 20 } else { 1 });
                let heard = tokio::time::timeout(patience, at_bob.recv()).await;
                if let Ok(Some(message)) = heard {
                    assert_eq!(message.body.as_ref(), turn.to_string());
                    return;
                }
                assert!(turn >= 2, "nothing was lost");
            }
        })
        .await;
        bob.shutdown().await;
    }
    alice.shutdown().await;
}

async fn who_can_only_speak_in_plain_is_spoken_to_so_where_policy_says(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice"]);
    let [mut alices] = sealings.try_into().unwrap();
    alices.policies.others = Policy::Sealed;
    let rule = (world.jid("spade").as_str().to_owned(), Policy::Plain);
    alices.policies.rules = [rule].into();
    let mut spade = world.agent("spade", "probe", &[]);
    let mut at_spade = listen(&mut spade);
    let mut alice = world.agent("alice", "probe", &[]);
    let mut at_alice = listen(&mut alice);
    let (spade, spades) = start(spade, world.account("spade"));
    let (alice, road) = start_sealed(&world, alice, "alice", alices);
    online(&spades).await;
    online(&road).await;
    drop(road.send(text(&world, "spade", "in plain")));
    assert_eq!(within(at_spade.recv()).await.unwrap().body.as_ref(), "in plain");
    drop(spades.send(text(&world, "alice", "in plain too")));
    assert_eq!(within(at_alice.recv()).await.unwrap().body.as_ref(), "in plain too");
    spade.shutdown().await;
    alice.shutdown().await;
}

async fn many_messages_arrive_in_order(kind: Kind) {
    const COUNT: usize = 3000;
    let world = World::with(kind, &["alice", "bob"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, bobs] = sealings.try_into().unwrap();
    let mut bob = world.agent("bob", "probe", &[]);
    let mut at_bob = listen(&mut bob);
    let mut alice = world.agent("alice", "probe", &[]);
    crate::support::say(&mut alice, world.jid("bob"), COUNT, Duration::ZERO);
    let (bob, bobs_road) = start_sealed(&world, bob, "bob", bobs);
    online(&bobs_road).await;
    let (alice, _) = start_sealed(&world, alice, "alice", alices);
    for number in 0..COUNT {
        let message = within(at_bob.recv()).await.unwrap();
        assert_eq!(message.body.as_ref(), number.to_string());
    }
    assert_eq!(bob.door().violations().0, 0, "{:?}", bob.door().violations().1);
    alice.shutdown().await;
    bob.shutdown().await;
}
