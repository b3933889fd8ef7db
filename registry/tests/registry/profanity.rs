//! The same in a client that people have anyway: Profanity, over both servers.

use std::{fs, time::Duration};

use runtime::{AgentHandle, AgentId};
use types::{Device, OPERATOR};

use crate::{
    people::{agent, hears, member, say},
    sealed::{Registry, sealing},
    support::{Kind, PASSWORD, World, over_both, within},
    terminal::{Profanity, SEALED},
};

over_both!(an_operator_in_profanity_and_an_agent_talk_and_survive_each_others_losses);

async fn log_in(world: &World) -> Profanity {
    let password = world.folder.path().join("password");
    fs::write(&password, PASSWORD).unwrap();
    let (jid, port) = (world.jid("ops"), world.address().port());
    Profanity::log_in(jid.as_str(), &password, port, &world.authority()).await
}

/// Vouches for the keys that a person reads out.
fn vouch(world: &World, registry: &mut Registry, fingerprint: &str) {
    // Of people only the key counts.
    let device = Device { device: 1, identity: fingerprint.replace('-', "") };
    registry.admit(member(world, OPERATOR, vec![device]));
}

/// Waits until an agent complains anew.
async fn complains(agent: &AgentHandle, before: u64, of: &str) {
    let complained = async {
        loop {
            let (count, told) = agent.door().violations();
            if count > before && told.last().is_some_and(|it| it.what.contains(of)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(complained).await;
}

async fn reads(ops: &Profanity, from: &AgentId, text: &str) {
    ops.shows(&format!("{SEALED} {from}/")).await;
    ops.shows(&format!(": {text}")).await;
}

async fn an_operator_in_profanity_and_an_agent_talk_and_survive_each_others_losses(kind: Kind) {
    let world = World::with(kind, &["agent", "ops"]).await;
    let mut registry = Registry::new(world.folder.path());
    let us = world.jid("agent");
    let key = sealing(&world, "agent", &registry).device.identity.key().fingerprint();
    let (handle, road, mut heard) = agent(&world, &registry).await;
    let ops = log_in(&world).await;
    let print = ops.makes_keys().await;
    ops.begins_its_list();
    ops.begins_to_seal(us.as_str(), &key).await;

    ops.says(us.as_str(), "nobody knows me");
    complains(&handle, 0, "nobody vouches").await;
    vouch(&world, &mut registry, &print);
    ops.says(us.as_str(), "first, with a key exchange");
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "first, with a key exchange", "what came before is unread");
    for turn in 0..3 {
        say(&road, &world, &format!("answer {turn} äöü"));
        reads(&ops, &us, &format!("answer {turn} äöü")).await;
        ops.says(us.as_str(), &format!("ping {turn}"));
        hears(&mut heard, &format!("ping {turn}")).await;
    }
    let complaints = handle.door().violations().0;
    ops.types("/omemo end");
    ops.says(us.as_str(), "in plain");
    complains(&handle, complaints, "in plain was refused").await;

    // It has kept its keys and sessions.
    ops.restart().await;
    ops.begins_to_seal(us.as_str(), &key).await;
    say(&road, &world, "while it was away");
    reads(&ops, &us, "while it was away").await;
    ops.says(us.as_str(), "here again");
    hears(&mut heard, "here again").await;

    // We lose our sessions, and begin new ones.
    handle.shutdown().await;
    fs::remove_file(world.folder.path().join("state-agent/omemo.sqlite")).unwrap();
    let (handle, road, mut heard) = agent(&world, &registry).await;
    say(&road, &world, "after our loss");
    reads(&ops, &us, "after our loss").await;
    ops.says(us.as_str(), "read again");
    hears(&mut heard, "read again").await;

    // It loses everything, and is another device that nobody vouches for.
    let complaints = handle.door().violations().0;
    ops.restart_without_keys().await;
    let print = ops.makes_keys().await;
    ops.begins_to_seal(us.as_str(), &key).await;
    ops.says(us.as_str(), "trust me");
    complains(&handle, complaints, "nobody vouches").await;
    vouch(&world, &mut registry, &print);
    ops.says(us.as_str(), "vouched for");
    let message = within(heard.recv()).await.unwrap();
    assert_eq!(message.body.as_ref(), "vouched for", "what came before stays unread");
    say(&road, &world, "known again");
    reads(&ops, &us, "known again").await;
    handle.shutdown().await;
}
