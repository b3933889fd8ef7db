//! Commands and service discovery, as slixmpp sees them.

use std::{ops::ControlFlow, sync::Arc};

use runtime::{
    Agent, AgentHandle, Command, Context, Cyclic, Errand, Failure, FormField, Page, Spec, Task,
};
use serde_json::{Value, json};
use types::Announcement;

use crate::{
    spade::Spade,
    support::{Kind, World, online, over_both, run, start, within},
};

over_both!(
    a_person_fills_in_a_form_and_is_told_what_became_of_it,
    a_program_looks_up_what_an_agent_is_and_finds_what_its_presence_says,
);

/// Serves two commands: one asks for a target first, one refuses.
struct Clerk;

impl Task for Clerk {
    const NAME: &'static str = "clerk";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let desk = ctx.desk().clone();
        let Some(call) = ctx.until_stopped(desk.next()).await? else {
            return Ok(ControlFlow::Break(()));
        };
        let page = match (call.node.as_str(), call.fields.get("target")) {
            ("run", None) => {
                let name = "target".to_owned();
                let options = vec!["a".to_owned(), "b".to_owned()];
                let field = FormField { name, options, ..FormField::default() };
                Page { title: "Run".to_owned(), fields: vec![field], ..Page::default() }
            }
            ("run", Some(target)) => Page { text: format!("ran {target}"), ..Page::default() },
            _ => Page { text: "not today".to_owned(), refused: true, ..Page::default() },
        };
        // Whoever called may be gone.
        drop(call.answer.send(page));
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) fn with_clerk(mut agent: Agent) -> Agent {
    let commands = [("run", "Run a check"), ("kill", "Kill a behaviour")];
    let commands = commands.map(|(node, title)| Command { node: node.into(), title: title.into() });
    agent.door().desk().offer(commands.into());
    agent.add(Spec::default(), || Cyclic(Clerk));
    agent
}

/// Lets the peer see the agent, and returns the address of the connection and its hash.
pub(crate) async fn meet(
    world: &World,
    spade: &mut Spade,
    alice: &AgentHandle,
    road: &registry::XmppRoad,
) -> (String, String) {
    let mut asked = alice.door().watch_requests();
    spade.does(json!({"do": "subscribe", "to": world.jid("alice").as_str()})).await;
    within(asked.changed()).await.unwrap();
    run(road, Errand::Approve(world.jid("spade"))).await.unwrap();
    let me = world.jid("alice");
    let caps = spade
        .sees_where("caps", |it| {
            it["sender"].as_str().is_some_and(|it| it.starts_with(me.as_str()))
        })
        .await;
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    assert_eq!((&caps["node"], &caps["hash"]), (&json!("urn:vedette:agent:0"), &json!("sha-1")));
    (text(&caps["sender"]), text(&caps["ver"]))
}

async fn a_person_fills_in_a_form_and_is_told_what_became_of_it(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let alice = with_clerk(world.agent("alice", "probe", &[]));
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut spade = Spade::agent(&world, "spade").await;
    let (to, _) = meet(&world, &mut spade, &alice, &road).await;

    spade
        .does(json!({"do": "info", "to": to, "node": "http://jabber.org/protocol/commands"}))
        .await;
    let info = spade.sees("info").await;
    let listed = json!([[to, "run", "Run a check"], [to, "kill", "Kill a behaviour"]]);
    let mut items = info["items"].as_array().unwrap().clone();
    items.sort_by_key(|it| it[1] != "run");
    assert_eq!(Value::from(items), listed);
    assert_eq!(info["identities"][0][1], "command-list");

    spade.does(json!({"do": "call", "to": to, "node": "run"})).await;
    let page = spade.sees("page").await;
    assert_eq!(
        (&page["status"], &page["fields"]),
        (&json!("executing"), &json!({"target": "list-single"}))
    );
    assert_eq!(page["actions"], json!(["complete", "next"]));
    let session = page["session"].clone();
    spade.does(json!({"do": "call", "to": to, "node": "run", "session": session, "action": "complete", "fields": {"target": "b"}})).await;
    let page = spade.sees("page").await;
    assert_eq!(
        (&page["status"], &page["notes"]),
        (&json!("completed"), &json!([["info", "ran b"]]))
    );
    spade.does(json!({"do": "call", "to": to, "node": "run", "session": session, "action": "complete"})).await;
    assert_eq!(spade.sees("refused").await["condition"], "bad-request");

    spade.does(json!({"do": "call", "to": to, "node": "run"})).await;
    let session = spade.sees("page").await["session"].clone();
    spade
        .does(
            json!({"do": "call", "to": to, "node": "run", "session": session, "action": "cancel"}),
        )
        .await;
    assert_eq!(spade.sees("page").await["status"], "canceled");

    spade.does(json!({"do": "call", "to": to, "node": "kill"})).await;
    assert_eq!(spade.sees("page").await["notes"], json!([["error", "not today"]]));
    spade.does(json!({"do": "call", "to": to, "node": "walk"})).await;
    assert_eq!(spade.sees("refused").await["condition"], "item-not-found");
    alice.shutdown().await;
}

async fn a_program_looks_up_what_an_agent_is_and_finds_what_its_presence_says(kind: Kind) {
    let world = World::with(kind, &["alice", "spade"]).await;
    let announcement = Announcement {
        role: "probe".to_owned(),
        duties: vec!["check".to_owned(), "watch".to_owned()],
        labels: [("site".to_owned(), "lux1".to_owned())].into(),
        version: "0.1.0".to_owned(),
        runs: vec!["heartbeat".to_owned(), "check".to_owned()],
    };
    let store = Arc::new(runtime::MemoryStore::default());
    let alice = Agent::new(world.jid("alice"), announcement, store);
    let (alice, road) = start(alice, world.account("alice"));
    online(&road).await;
    let mut spade = Spade::agent(&world, "spade").await;
    let (to, hash) = meet(&world, &mut spade, &alice, &road).await;
    for node in [Value::Null, json!(format!("urn:vedette:agent:0#{hash}"))] {
        spade.does(json!({"do": "info", "to": to, "node": node})).await;
        let info = spade.sees("info").await;
        assert_eq!(info["hash"], hash.as_str());
        let identity = json!(["automation", "vedette", "en", "Vedette probe"]);
        assert_eq!(info["identities"], json!([identity]));
        assert!(info["features"].as_array().unwrap().contains(&json!("urn:vedette:agent:0")));
    }
    alice.shutdown().await;
}
