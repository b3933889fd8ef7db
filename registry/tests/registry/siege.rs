//! What a server, or who has a member's password, may do to agents that seal. The sections are
//! those of XEP-0384.

use std::{fs, path::Path, time::Duration};

use registry::Policies;
use runtime::{AgentHandle, Road};
use serde_json::json;

use crate::{
    commands::{meet, with_clerk},
    sealed::{Registry, enrolled, sealing, start_sealed, text},
    spade::Spade,
    support::{Kind, World, listen, online, over_both, within},
};

over_both!(
    whatever_is_in_what_is_sealed_the_next_message_arrives,
    what_a_member_says_in_plain_is_refused_where_findings_are_gathered,
    a_damaged_store_of_keys_is_put_aside_and_nothing_else_changes,
);

/// Waits until so many refusals were told, and returns what they say.
async fn refusals(agent: &AgentHandle, count: usize) -> Vec<String> {
    within(async {
        loop {
            let (_, told) = agent.door().violations();
            if told.len() >= count {
                return told.into_iter().map(|it| format!("{}: {}", it.with, it.what)).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// Elements that are wrong in one way each, for a device.
fn wrong(kind: Kind, account: &str, device: u32) -> Vec<String> {
    let encrypted = |header: &str, payload: &str| {
        format!(
            "<encrypted xmlns='urn:xmpp:omemo:2'><header {header}</header>{payload}</encrypted>"
        )
    };
    let keyed = |keys: &str, payload: &str| {
        encrypted(&format!("sid='7'><keys jid='{account}'>{keys}</keys>"), payload)
    };
    let key = |text: &str| format!("<key rid='{device}'>{text}</key>");
    let exchange = |text: &str| format!("<key rid='{device}' kex='true'>{text}</key>");
    let payload = "<payload>AAAA</payload>";
    // Much more, and Debian's ejabberd dies of it with all that it serves.
    let depth = if kind == Kind::Prosody { 9_000 } else { 500 };
    vec![
        "<encrypted xmlns='urn:xmpp:omemo:2'/>".to_owned(),
        encrypted("sid='0'>", payload),
        encrypted("sid='99999999999999999999'>", payload),
        keyed(&key("this is no base64!"), payload),
        keyed(&key("CAE="), "<payload>???</payload>"),
        keyed(&key(""), payload),
        keyed(&key("CAE="), payload),
        keyed(&exchange("CAE="), payload),
        keyed(&exchange(&"A".repeat(100_000)), payload),
        keyed(&key(&"CAE=".repeat(5)).repeat(100), payload),
        keyed(&"<key rid='1'>AA==</key>".repeat(5_000), payload),
        keyed(&key("CAE="), &format!("<payload>{}</payload>", "A".repeat(200_000))),
        keyed(
            &key("CAE="),
            &format!("<payload>{}{}</payload>", "<a>".repeat(depth), "</a>".repeat(depth)),
        ),
        keyed(&key("CAE="), payload).repeat(20),
        format!(
            "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='7'><key \
             rid='{device}' prekey='1'>MwgB</key><iv>{}</iv></header>{payload}</encrypted>",
            "A".repeat(50_000)
        ),
    ]
}

/// Sections 4.4 and 5.5: huge, nested and malformed, by who has a member's password. What cannot
/// be opened is not read, not even the text beside it.
async fn whatever_is_in_what_is_sealed_the_next_message_arrives(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, bobs] = sealings.try_into().unwrap();
    let device = bobs.device.device;
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs_road) = start_sealed(&world, bob, "bob", bobs);
    let (alice, road) = start_sealed(&world, world.agent("alice", "probe", &[]), "alice", alices);
    online(&bobs_road).await;
    online(&road).await;
    drop(road.send(text(&world, "bob", "before")));
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "before");
    let mut states = bobs_road.state();
    states.mark_unchanged();
    let mut mallory = Spade::agent(&world, "alice").await;
    let to = world.jid("bob");
    let all = wrong(kind, to.as_str(), device);
    for encrypted in &all {
        let xml =
            format!("<message to='{to}' type='chat'><body>believe me</body>{encrypted}</message>");
        mallory.does(json!({"do": "raw", "xml": xml})).await;
    }
    // The one for others' devices is for nobody, and nobody is told.
    refusals(&bob, all.len() - 1).await;
    drop(road.send(text(&world, "bob", "after")));
    assert_eq!(within(heard.recv()).await.unwrap().body.as_ref(), "after");
    assert!(!states.has_changed().unwrap(), "the connection broke");
    alice.shutdown().await;
    bob.shutdown().await;
}

/// Section 2.1: a server that speaks for a member in plain. Whoever leaves the act out, gives it
/// another name, hides it behind another form or sends it as a command gets no further.
async fn what_a_member_says_in_plain_is_refused_where_findings_are_gathered(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let (_registry, sealings) = enrolled(&world, &["alice", "spade"]);
    let [mut alices, _] = sealings.try_into().unwrap();
    alices.policies = Policies::of_agent(world.jid("alice").as_str(), true);
    let mut alice = with_clerk(world.agent("alice", "aggregator", &["aggregate"]));
    let mut heard = listen(&mut alice);
    let (alice, road) = start_sealed(&world, alice, "alice", alices);
    online(&road).await;
    let mut spade = Spade::agent(&world, "spade").await;
    let (full, _) = meet(&world, &mut spade, &alice, &road).await;
    let field = |name, value| format!("<field var='{name}'><value>{value}</value></field>");
    let form = |fields: &[String], title| {
        let fields = fields.concat();
        format!("<x xmlns='jabber:x:data' type='form'>{fields}<title>{title}</title></x>")
    };
    let ours = "spade:x:metadata";
    let [act, report, list] = [
        field("performative", "inform"),
        field("ontology", "vedette:report"),
        field("ontology", "vedette:members"),
    ];
    let forms = [
        String::new(),
        form(&[act.clone(), report.clone()], ours),
        form(std::slice::from_ref(&report), ours),
        form(&[field("letter", "l1")], ours),
        form(std::slice::from_ref(&list), ours),
        form(&[act.clone(), list.clone()], ours),
        form(&[act.clone(), list], "other") + &form(&[act, report], ours),
    ];
    let to = world.jid("alice");
    for form in &forms {
        let xml = format!("<message to='{to}' type='chat'><body>stop</body>{form}</message>");
        spade.does(json!({"do": "raw", "xml": xml})).await;
    }
    let from = world.jid("spade");
    let told = refusals(&alice, forms.len()).await;
    assert!(told.iter().all(|it| *it == format!("{from}: a message in plain was refused")));
    spade.does(json!({"do": "call", "to": full, "node": "run"})).await;
    assert_eq!(spade.sees("refused").await["condition"], "service-unavailable");
    let told = refusals(&alice, forms.len() + 1).await;
    assert_eq!(told.last().unwrap(), &format!("{from}: a command in plain was refused"));
    assert!(heard.try_recv().is_err(), "something was heard");
    alice.shutdown().await;
}

/// Section 6: keys that cannot be read any more. The agent says which file it put aside, keeps its
/// number and its identity, and makes its sessions anew.
async fn a_damaged_store_of_keys_is_put_aside_and_nothing_else_changes(kind: Kind) {
    let world = World::with(kind, &["alice", "bob"]).await;
    let (registry, sealings) = enrolled(&world, &["alice", "bob"]);
    let [alices, bobs] = sealings.try_into().unwrap();
    let (device, key) = (bobs.device.device, bobs.device.identity.key());
    let (alice, road) = start_sealed(&world, world.agent("alice", "probe", &[]), "alice", alices);
    online(&road).await;
    bring(&world, &registry, &road, false).await;
    for damage in [overwrite, cut] {
        let store = sealing(&world, "bob", &registry).store;
        damage(&store);
        let damaged = fs::read(&store).unwrap();
        bring(&world, &registry, &road, true).await;
        assert_eq!(fs::read(store.with_extension("damaged")).unwrap(), damaged);
        let now = sealing(&world, "bob", &registry).device;
        assert_eq!((now.device, now.identity.key()), (device, key));
    }
    alice.shutdown().await;
}

fn overwrite(store: &Path) {
    fs::write(store, "no database".repeat(1000)).unwrap();
}

fn cut(store: &Path) {
    let whole = fs::read(store).unwrap();
    fs::write(store, &whole[..whole.len() / 2]).unwrap();
}

/// Bob starts, hears something of Alice, and stops.
async fn bring(world: &World, registry: &Registry, road: &impl Road, damaged: bool) {
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let sealing = sealing(world, "bob", registry);
    let store = sealing.store.with_extension("damaged");
    let (bob, bobs_road) = start_sealed(world, bob, "bob", sealing);
    online(&bobs_road).await;
    if damaged {
        let told = refusals(&bob, 1).await;
        assert!(told[0].contains(&format!("is now `{}`", store.display())), "{told:?}");
    }
    within(async {
        // What was sealed for keys that are lost is lost; letters are sent again.
        loop {
            drop(road.send(text(world, "bob", "hello")));
            if tokio::time::timeout(Duration::from_secs(1), heard.recv()).await.is_ok() {
                return;
            }
        }
    })
    .await;
    bob.shutdown().await;
}
