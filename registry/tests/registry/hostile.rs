//! What strangers, peers and servers may send, while others go on talking.

use std::{collections::HashSet, sync::Arc, time::Duration};

use registry::LinkState;
use runtime::{AgentId, Message, Template};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    spade::Spade,
    support::{Kind, World, listen, listen_with, online, over_both, say, start, within},
};

over_both!(
    whatever_a_peer_sends_the_others_lose_nothing,
    what_is_nested_without_end_harms_nobody,
    nobody_speaks_in_the_name_of_another,
    a_body_of_ten_megabytes_ends_only_its_sender,
    a_flood_fills_one_mailbox_and_no_other,
);

const COUNT: usize = 400;
const PAUSE: Duration = Duration::from_millis(20);

/// Hears every number from one, and `last` from anybody; returns what else was said.
async fn hear(
    heard: &mut mpsc::Receiver<Arc<Message>>,
    from: &AgentId,
    last: &str,
) -> Vec<Arc<Message>> {
    let (mut numbers, mut rest, mut over) = (HashSet::new(), Vec::new(), false);
    while numbers.len() < COUNT || !over {
        let message = within(heard.recv()).await.unwrap();
        if message.from.as_ref().is_some_and(|it| it.bare() == from.as_str()) {
            numbers.insert(message.body.parse::<usize>().unwrap());
        } else {
            over |= &*message.body == last;
            rest.push(message);
        }
    }
    rest
}

/// Stanzas that are wrong in one way each.
fn wrong(to: &str) -> Vec<String> {
    let form = |fields: &str| {
        format!(
            "<message to='{to}' type='chat'><body>form</body><x xmlns='jabber:x:data' type='form'>\
             {fields}<title>spade:x:metadata</title></x></message>"
        )
    };
    let field =
        |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
    let presence = |inner: &str| format!("<presence to='{to}'>{inner}</presence>");
    let agent =
        |json: &str| presence(&format!("<agent xmlns='urn:vedette:agent:0'>{json}</agent>"));
    let iq = |kind: &str, inner: &str| format!("<iq to='{to}' type='{kind}' id='x'>{inner}</iq>");
    let command = |attributes: &str, inner: &str| {
        let ns = "http://jabber.org/protocol/commands";
        iq("set", &format!("<command xmlns='{ns}' {attributes}>{inner}</command>"))
    };
    let roll = field("performative", "inform") + &field("ontology", "vedette:roll");
    let one = field("performative", "inform") + &field("ontology", "vedette:presence");
    vec![
        format!("<message to='{to}'/>"),
        format!("<message to='{to}' type='nonsense'><body>type</body></message>"),
        format!("<message to='{to}' type='error'><body>error</body></message>"),
        format!("<message to='{to}'><subject>no body</subject><thread/></message>"),
        form("<field><value>nameless</value></field>"),
        form("<field var='valueless'/>"),
        form(&field("performative", "shout")),
        form(&(0..500).map(|it| field(&format!("f{it}"), "x")).collect::<String>()),
        form(&field("ontology", "vedette:report")),
        form(&(roll + "<field/>")),
        form(&one),
        agent("{"),
        agent("[]"),
        agent(r#"{"role": 7, "duties": {}, "load": -3}"#),
        agent(r#"{"role": "probe", "load": 1e99}"#),
        agent(&"[".repeat(15_000)),
        presence("<show>nonsense</show>"),
        presence("<priority>1000</priority>"),
        presence("<c xmlns='http://jabber.org/protocol/caps'/>"),
        iq("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='nowhere'/>"),
        iq("get", "<nonsense xmlns='urn:x'/>"),
        iq("result", ""),
        iq("error", ""),
        command("", ""),
        command("node='run' sessionid='x' action='dance'", "<x xmlns='jabber:x:data'/>"),
        format!(
            "<message to='{to}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
             <items node='{to}'><item><payload xmlns='spade.pubsub'>forged</payload></item></items>\
             </event></message>"
        ),
        format!("<message to='{to}' type='chat'><body>over</body></message>"),
    ]
}

async fn whatever_a_peer_sends_the_others_lose_nothing(kind: Kind) {
    // The worst that can be: it has the registrar's account.
    let world = World::with(kind, &["alice", "bob", "registry"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut states = road.state();
    states.mark_unchanged();
    let mut peer = Spade::agent(&world, "registry").await;
    let mut bob = world.agent("bob", "probe", &[]);
    say(&mut bob, world.jid("alice"), COUNT, PAUSE);
    let (bob, _bobs) = start(bob, world.account("bob"));

    let me = world.jid("alice");
    let sending = async {
        for xml in wrong(me.as_str()) {
            peer.does(json!({"do": "raw", "xml": xml})).await;
        }
    };
    let bobs = world.jid("bob");
    let (rest, ()) = tokio::join!(hear(&mut heard, &bobs, "over"), sending);
    let bodies: Vec<&str> = rest.iter().map(|it| &*it.body).collect();
    assert!(bodies.iter().all(|it| *it != "forged" && *it != "error"), "{bodies:?}");
    assert!(rest.iter().all(|it| it.slots().count() <= 64));
    assert!(!states.has_changed().unwrap(), "the connection broke");
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn what_is_nested_without_end_harms_nobody(kind: Kind) {
    let world = World::with(kind, &["alice", "bob", "mallory"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut states = road.state();
    states.mark_unchanged();
    let mut mallory = Spade::agent(&world, "mallory").await;
    let to = world.jid("alice");
    // Much more, and Debian's ejabberd dies of it with all that it serves.
    let depth = if kind == Kind::Prosody { 9_000 } else { 500 };
    let nested = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let xml = format!("<message to='{to}' type='chat'><body>deep</body>{nested}</message>");
    mallory.does(json!({"do": "raw", "xml": xml})).await;
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "deep");
    let mut bob = world.agent("bob", "probe", &[]);
    say(&mut bob, to, 1, PAUSE);
    let (bob, _bobs) = start(bob, world.account("bob"));
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "0");
    assert!(!states.has_changed().unwrap(), "the connection broke");
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn nobody_speaks_in_the_name_of_another(kind: Kind) {
    let world = World::with(kind, &["alice", "bob", "mallory"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut mallory = Spade::agent(&world, "mallory").await;
    let (me, it) = (world.jid("alice"), world.jid("bob"));
    let xml = format!("<message from='{it}' to='{me}' type='chat'><body>forged</body></message>");
    mallory.does(json!({"do": "raw", "xml": xml})).await;
    // Prosody puts the right name there; ejabberd ends the connection.
    match kind {
        Kind::Prosody => {
            let message = within(heard.recv()).await.unwrap();
            assert_eq!(message.from.as_ref().unwrap().bare(), world.jid("mallory").as_str());
        }
        Kind::Ejabberd => drop(mallory.sees("disconnected").await),
    }
    let mut bob = world.agent("bob", "probe", &[]);
    say(&mut bob, me, 1, PAUSE);
    let (bob, _bobs) = start(bob, world.account("bob"));
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "0");
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn a_body_of_ten_megabytes_ends_only_its_sender(kind: Kind) {
    let world = World::with(kind, &["alice", "bob", "mallory"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let mut heard = listen(&mut alice);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut states = road.state();
    states.mark_unchanged();
    let mut mallory = Spade::agent(&world, "mallory").await;
    let mut bob = world.agent("bob", "probe", &[]);
    say(&mut bob, world.jid("alice"), COUNT, PAUSE);
    let (bob, _bobs) = start(bob, world.account("bob"));
    let me = world.jid("alice");
    let huge = format!(
        "<message to='{me}' type='chat'><body>NUMBER{}</body></message>",
        "x".repeat(10 << 20)
    );
    mallory.does(json!({"do": "flood", "count": 1, "xml": huge})).await;
    mallory.sees("disconnected").await;
    let mut numbers = HashSet::new();
    while numbers.len() < COUNT {
        numbers.insert(within(heard.recv()).await.unwrap().body.parse::<usize>().unwrap());
    }
    assert!(matches!(*road.state().borrow(), LinkState::Online));
    assert!(!states.has_changed().unwrap(), "the connection broke");
    alice.shutdown().await;
    bob.shutdown().await;
}

async fn a_flood_fills_one_mailbox_and_no_other(kind: Kind) {
    const FLOOD: usize = 5_000;
    let world = World::with(kind, &["alice", "bob", "mallory"]).await;
    let mut alice = world.agent("alice", "probe", &[]);
    let (bobs, it) = (world.jid("bob"), world.jid("mallory"));
    let mut heard = listen_with(&mut alice, Template::From(bobs.clone()), 4_096, 4_096);
    // Nobody empties this one.
    let _stuck = listen_with(&mut alice, Template::From(it), 16, 1);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut mallory = Spade::agent(&world, "mallory").await;
    let mut bob = world.agent("bob", "probe", &[]);
    say(&mut bob, world.jid("alice"), COUNT, PAUSE);
    let (bob, _bobs) = start(bob, world.account("bob"));
    let me = world.jid("alice");
    let xml = format!("<message to='{me}' type='chat' id='NUMBER'><body>NUMBER</body></message>");
    mallory.does(json!({"do": "flood", "count": FLOOD, "xml": xml})).await;
    let mut numbers = HashSet::new();
    while numbers.len() < COUNT {
        numbers.insert(within(heard.recv()).await.unwrap().body.parse::<usize>().unwrap());
    }
    // Who floods is told that there is no room.
    mallory.sees("error").await;
    alice.shutdown().await;
    bob.shutdown().await;
}
