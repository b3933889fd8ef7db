//! People's own clients and the agents they talk to, sealed: slixmpp-omemo, over both servers.

use std::{collections::BTreeMap, path::Path, process::Stdio, sync::Arc};

use registry::XmppRoad;
use runtime::{AgentHandle, Message, Performative, Road};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};
use types::{Device, Member, OPERATOR};

use crate::{
    python,
    sealed::{Registry, sealing},
    support::{Kind, PASSWORD, World, listen, online, over_both, within},
};

over_both!(
    a_person_and_an_agent_talk_and_survive_each_others_losses,
    a_python_client_opens_what_we_seal_in_the_newer_namespace,
    a_new_device_of_a_contact_is_known_without_asking,
);

/// A client in a process of its own, which ends when this is dropped.
struct Client {
    _child: Child,
    orders: ChildStdin,
    seen: Lines<BufReader<ChildStdout>>,
    device: u32,
    key: String,
}

impl Client {
    async fn start(world: &World, name: &str, store: &str) -> Self {
        let python = python::with_omemo().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/people/client.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([world.jid(name).as_str(), PASSWORD])
            .arg(world.address().port().to_string())
            .arg(world.authority())
            .arg(world.folder.path().join(store))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let seen = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut client = Self { _child: child, orders, seen, device: 0, key: String::new() };
        let ready = client.sees("ready").await;
        client.device = ready["device"].as_u64().unwrap().try_into().unwrap();
        let mut ed25519 = [0; 32];
        hex::decode_to_slice(ready["key"].as_str().unwrap(), &mut ed25519).unwrap();
        let key = omemo::IdentityKey::from_ed25519(&ed25519).unwrap();
        client.key = hex::encode(key.0.0);
        client
    }

    async fn says(&mut self, to: &str, text: &str) {
        let order = format!("{}\n", json!({ "to": to, "text": text }));
        self.orders.write_all(order.as_bytes()).await.unwrap();
    }

    /// Waits for the next thing of a kind.
    async fn sees(&mut self, what: &str) -> Value {
        loop {
            let line = within(self.seen.next_line()).await.unwrap().expect("it ended");
            let seen: Value = serde_json::from_str(&line).unwrap();
            if seen["saw"] == what {
                return seen;
            }
            assert!(!["trouble", "refused"].contains(&seen["saw"].as_str().unwrap()), "{seen}");
        }
    }

    async fn hears(&mut self, text: &str) {
        loop {
            if self.sees("message").await["text"] == text {
                return;
            }
        }
    }

    fn vouched(&self) -> Device {
        Device { device: self.device, identity: self.key.clone() }
    }
}

/// Somebody by devices that are vouched for.
pub(crate) fn member(world: &World, role: &str, devices: Vec<Device>) -> Member {
    Member {
        jid: world.jid("ops").as_str().to_owned(),
        role: role.to_owned(),
        labels: BTreeMap::new(),
        devices,
        evidence_key: "11".repeat(32),
        serial: 1,
    }
}

pub(crate) type Heard = mpsc::Receiver<Arc<Message>>;

pub(crate) async fn agent(world: &World, registry: &Registry) -> (AgentHandle, XmppRoad, Heard) {
    agent_with(world, registry, &[]).await
}

async fn agent_with(
    world: &World,
    registry: &Registry,
    contacts: &[&str],
) -> (AgentHandle, XmppRoad, Heard) {
    let mut agent = world.agent("agent", "probe", &[]);
    let heard = listen(&mut agent);
    let sealing = sealing(world, "agent", registry);
    let account = world.account_with("agent", contacts);
    let road = XmppRoad::connect_sealed(account, agent.door().clone(), Some(sealing)).unwrap();
    let agent = agent.start(Arc::new(road.clone()));
    online(&road).await;
    (agent, road, heard)
}

pub(crate) fn say(road: &XmppRoad, world: &World, text: &str) {
    let mut message = Message::text(Performative::Inform, world.jid("ops"), text);
    message.performative = None;
    drop(road.send(message));
}

pub(crate) async fn hears(heard: &mut Heard, text: &str) {
    loop {
        if within(heard.recv()).await.unwrap().body.as_ref() == text {
            return;
        }
    }
}

/// Prekey message, ratchet messages, heartbeats, and lost state on each side.
async fn a_person_and_an_agent_talk_and_survive_each_others_losses(kind: Kind) {
    let world = World::with(kind, &["agent", "ops"]).await;
    let mut registry = Registry::new(world.folder.path());
    let us = world.jid("agent");
    let (handle, road, mut heard) = agent(&world, &registry).await;
    let mut ops = Client::start(&world, "ops", "ops.json").await;
    registry.admit(member(&world, OPERATOR, vec![ops.vouched()]));
    ops.says(us.as_str(), "first, with a key exchange").await;
    hears(&mut heard, "first, with a key exchange").await;
    ops.says(us.as_str(), "second, by the ratchet").await;
    hears(&mut heard, "second, by the ratchet").await;
    for turn in 0..3 {
        say(&road, &world, &format!("answer {turn} äöü"));
        ops.hears(&format!("answer {turn} äöü")).await;
        ops.says(us.as_str(), &format!("ping {turn}")).await;
        hears(&mut heard, &format!("ping {turn}")).await;
    }
    for number in 0..60 {
        say(&road, &world, &format!("burst {number}"));
    }
    ops.hears("burst 59").await;
    for number in 0..60 {
        ops.says(us.as_str(), &format!("burst {number}")).await;
    }
    hears(&mut heard, "burst 59").await;
    assert_eq!(handle.door().violations().1, []);

    // We lose our sessions, and begin new ones.
    handle.shutdown().await;
    std::fs::remove_file(world.folder.path().join("state-agent/omemo.sqlite")).unwrap();
    let (handle, road, mut heard) = agent(&world, &registry).await;
    say(&road, &world, "after our loss");
    ops.hears("after our loss").await;
    ops.says(us.as_str(), "read again").await;
    hears(&mut heard, "read again").await;

    // The person's client loses everything: it is another device now, which nobody vouches for.
    drop(ops);
    let mut ops = Client::start(&world, "ops", "ops-anew.json").await;
    ops.says(us.as_str(), "trust me").await;
    within(async {
        let distrusts = || {
            let (_, told) = handle.door().violations();
            told.iter().any(|it| it.what.contains("nobody vouches"))
        };
        while !distrusts() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    registry.admit(member(&world, OPERATOR, vec![ops.vouched()]));
    ops.says(us.as_str(), "vouched for").await;
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "vouched for", "what came before stays unread");
    handle.shutdown().await;
}

async fn a_python_client_opens_what_we_seal_in_the_newer_namespace(kind: Kind) {
    let world = World::with(kind, &["agent", "ops"]).await;
    let mut registry = Registry::new(world.folder.path());
    let (handle, road, _heard) = agent(&world, &registry).await;
    let mut ops = Client::start(&world, "ops", "ops.json").await;
    registry.admit(member(&world, "probe", vec![ops.vouched()]));
    for turn in 0..3 {
        let text = format!("sealed as between our own, {turn}");
        say(&road, &world, &text);
        let envelope = ops.sees("envelope").await;
        let envelope = envelope["text"].as_str().unwrap();
        assert!(
            envelope.contains(&text) && envelope.contains(world.jid("agent").as_str()),
            "{envelope}"
        );
    }
    handle.shutdown().await;
}

/// The server tells it, since the agent says what it wants to be told.
async fn a_new_device_of_a_contact_is_known_without_asking(kind: Kind) {
    let world = World::with(kind, &["agent", "ops"]).await;
    let mut registry = Registry::new(world.folder.path());
    let us = world.jid("agent");
    let (handle, road, mut heard) = agent_with(&world, &registry, &["ops"]).await;
    let mut desk = Client::start(&world, "ops", "desk.json").await;
    registry.admit(member(&world, OPERATOR, vec![desk.vouched()]));
    desk.says(us.as_str(), "alone").await;
    hears(&mut heard, "alone").await;
    say(&road, &world, "to the only one");
    desk.hears("to the only one").await;
    let mut phone = Client::start(&world, "ops", "phone.json").await;
    registry.admit(member(&world, OPERATOR, vec![desk.vouched(), phone.vouched()]));
    // What comes by the same way after the news.
    desk.says(us.as_str(), "there is another").await;
    hears(&mut heard, "there is another").await;
    say(&road, &world, "to both");
    phone.hears("to both").await;
    desk.hears("to both").await;
    handle.shutdown().await;
}
