use std::{
    ops::ControlFlow,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use runtime::{
    Address, Agent, AgentId, Catalogue, Context, Cyclic, Failure, Fields, Hub, Message, OneShot,
    Performative, Problem, Road, SendError, Sending, Setting, Slot, Spec, Task, Template,
};
use serde::{Deserialize, Serialize};
use types::{Content, Show};

use crate::support::agent;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Finding {
    raw: String,
}

impl Content for Finding {
    const ONTOLOGY: &'static str = "finding";
}

#[derive(Clone, Debug)]
struct Tell {
    to: Address,
    what: String,
}

impl Task for Tell {
    const NAME: &'static str = "tell";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let finding = Finding { raw: self.what.clone() };
        ctx.send(Message::new(Performative::Inform, self.to.clone(), &finding)?).await?;
        Ok(ControlFlow::Break(()))
    }
}

#[derive(Clone, Debug, Default)]
struct Collect(Arc<Mutex<Vec<Finding>>>);

impl Task for Collect {
    const NAME: &'static str = "collect";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let message = ctx.receive().await?;
        self.0.lock().unwrap().push(message.read()?);
        Ok(ControlFlow::Continue(()))
    }
}

const SETTINGS: &[Setting] = &[
    Setting { key: "to", about: "to whom", example: "to = \"a@b\"", required: true },
    Setting { key: "what", about: "what", example: "what = \"hello\"", required: true },
];

fn read(fields: &mut Fields<'_>) -> Option<Tell> {
    let to = fields.parse("to", "an address", |text| Some(Address::from(text)));
    let what = fields.take("what", "text");
    Some(Tell { to: to?, what: what? })
}

fn catalogue() -> Catalogue {
    Catalogue::default().with("tells", SETTINGS, read, OneShot)
}

fn listening(jid: &str, duties: &[&str]) -> (Agent, Collect) {
    let heard = Collect::default();
    let task = heard.clone();
    let mut listener = agent(jid, duties);
    let template = Template::from(Performative::Inform) & Template::ontology("finding");
    listener.add(Spec { template, ..Spec::default() }, move || Cyclic(task.clone()));
    (listener, heard)
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_whoever_aggregates_and_tells_it() {
    let hub = Hub::default();
    let (collecting, heard) = listening("aggregator@test", &["aggregate"]);
    let road = hub.join(collecting.door());
    let collecting = collecting.start(road);

    let mut probing = agent("probe@test", &[]);
    let settings = toml::toml! { to = "duty:aggregate" what = "port 22 is open" };
    let add =
        catalogue().read("tell", "behaviour[1]", Path::new(""), settings, &mut Vec::new()).unwrap();
    add(&mut probing, Spec::default());
    let road = hub.join(probing.door());
    let probing = probing.start(road);

    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*heard.0.lock().unwrap(), [Finding { raw: "port 22 is open".to_owned() }]);
    let shown = (&probing.reports(), &collecting.reports());
    insta::assert_json_snapshot!(shown, @r#"
    [
      [
        {
          "name": "tell",
          "run": "tell",
          "phase": {
            "phase": "ended",
            "exit": {
              "how": "done"
            }
          },
          "state": "Done",
          "since_ms": 0,
          "steps": 1,
          "restarts": 0,
          "mailbox": {
            "queued": 0,
            "capacity": 256,
            "dropped": 0
          }
        }
      ],
      [
        {
          "name": "collect",
          "run": "collect",
          "phase": {
            "phase": "running"
          },
          "state": "Running",
          "since_ms": 0,
          "steps": 1,
          "restarts": 0,
          "mailbox": {
            "queued": 0,
            "capacity": 256,
            "dropped": 0
          }
        }
      ]
    ]
    "#);
    let gone = AgentId::from("aggregator@test");
    collecting.shutdown().await;
    assert_eq!(probing.directory().get(&gone).unwrap().show, Show::Unavailable);
    probing.shutdown().await;
}

#[derive(Debug)]
struct Farewell(AgentId);

impl Task for Farewell {
    const NAME: &'static str = "farewell";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let interrupted = ctx.sleep(Duration::MAX).await;
        let bye = Finding { raw: "bye".to_owned() };
        ctx.send(Message::new(Performative::Inform, self.0.clone(), &bye)?).await?;
        interrupted?;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_stopping_is_still_sent() {
    let hub = Hub::default();
    let (stays, heard) = listening("staying@test", &[]);
    let road = hub.join(stays.door());
    let stays = stays.start(road);

    let mut leaves = agent("leaving@test", &[]);
    leaves.add(Spec::default(), || OneShot(Farewell("staying@test".into())));
    let road = hub.join(leaves.door());
    let leaves = leaves.start(road);

    tokio::time::sleep(Duration::from_secs(1)).await;
    leaves.shutdown().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*heard.0.lock().unwrap(), [Finding { raw: "bye".to_owned() }]);
    stays.shutdown().await;
}

#[derive(Debug)]
struct Flood(AgentId, Arc<Mutex<Vec<Result<(), SendError>>>>);

impl Task for Flood {
    const NAME: &'static str = "flood";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        for _ in 0..3 {
            let finding = Finding { raw: "again".to_owned() };
            let sent =
                ctx.send(Message::new(Performative::Inform, self.0.clone(), &finding)?).await;
            self.1.lock().unwrap().push(sent);
        }
        Ok(ControlFlow::Break(()))
    }
}

#[derive(Debug)]
struct Deaf;

impl Task for Deaf {
    const NAME: &'static str = "deaf";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        ctx.sleep(Duration::MAX).await?;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_holds_the_sender_up_and_then_says_so() {
    let hub = Hub::default();
    let mut deaf = agent("deaf@test", &[]);
    let spec = Spec { template: Template::Any, mailbox: 2, ..Spec::default() };
    let behaviour = deaf.add(spec, || OneShot(Deaf));
    let road = hub.join(deaf.door());
    let deaf = deaf.start(road);

    let sent = Arc::<Mutex<Vec<_>>>::default();
    let results = Arc::clone(&sent);
    let mut flooding = agent("flood@test", &[]);
    let flood = flooding
        .add(Spec::default(), move || OneShot(Flood("deaf@test".into(), Arc::clone(&results))));
    let road = hub.join(flooding.door());
    let flooding = flooding.start(road);
    flood.join().await;
    let full = Err(SendError::Full("deaf@test".into()));
    assert_eq!(*sent.lock().unwrap(), [Ok(()), Ok(()), full]);
    let depth = behaviour.report().mailbox;
    assert_eq!((depth.queued, depth.dropped), (2, 1));
    deaf.shutdown().await;
    flooding.shutdown().await;
}

fn complaint(name: &str, settings: toml::Table) -> String {
    let mut problems: Vec<Problem> = Vec::new();
    assert!(
        catalogue().read(name, "behaviour[1]", Path::new(""), settings, &mut problems).is_none()
    );
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let told = complaint("sniff", toml::Table::new());
    insta::assert_snapshot!(told, @"`behaviour[1].run`: no behaviour `sniff`; there are: tell");
}

#[test]
fn all_wrong_settings_are_named() {
    let told = complaint("tell", toml::toml! { what = 3 wat = 1 });
    insta::assert_snapshot!(told, @r#"
    `behaviour[1].wat`: unknown key; there are: to, what
    `behaviour[1].to`: missing; for example `to = "a@b"`
    `behaviour[1].what`: `3` is not text (invalid type: integer `3`, expected a string)
    "#);
}

/// A road to the world that keeps what it is given.
#[derive(Debug, Default)]
struct World(Arc<Mutex<Vec<Message>>>);

impl Road for World {
    fn send(&self, message: Message) -> Sending {
        self.0.lock().unwrap().push(message);
        Sending::Done(Ok(()))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(start_paused = true)]
async fn neighbours_need_no_server_and_everybody_else_does() {
    let (hub, world) = (Hub::default(), Arc::new(World::default()));
    let (collecting, heard) = listening("aggregator@test", &["aggregate"]);
    let road = hub.join_beside(collecting.door(), Arc::<World>::clone(&world));
    let collecting = collecting.start(road);

    let mut probing = agent("probe@test", &[]);
    for to in ["aggregator@test", "aggregator@test/anywhere", "far@test"] {
        let tell = Tell { to: to.into(), what: to.to_owned() };
        probing.add(Spec::default(), move || OneShot(tell.clone()));
    }
    let road = hub.join_beside(probing.door(), Arc::<World>::clone(&world));
    let probing = probing.start(road);
    probing.finished().await;
    tokio::task::yield_now().await;
    let near: Vec<_> = heard.0.lock().unwrap().iter().map(|it| it.raw.clone()).collect();
    assert_eq!(near, ["aggregator@test", "aggregator@test/anywhere"]);
    let far: Vec<_> = world.0.lock().unwrap().iter().map(|it| it.to.to_string()).collect();
    assert_eq!(far, ["far@test"]);
    probing.shutdown().await;
    collecting.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_wants_is_answered_and_an_answer_is_not() {
    let hub = Hub::default();
    let deaf = agent("deaf@test", &[]);
    let road = hub.join(deaf.door());
    let deaf = deaf.start(road);
    let mut asking = agent("asker@test", &[]);
    let answers = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&answers);
    let spec = Spec { template: Template::from(Performative::NotUnderstood), ..Spec::default() };
    asking.add(spec, move || Cyclic(Keep(Arc::clone(&kept))));
    asking.add(Spec::default(), || OneShot(Ask));
    let road = hub.join(asking.door());
    let _asking = asking.start(road);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(deaf.door().unwanted(), 2);
    let answers = answers.lock().unwrap();
    let told: Vec<_> = answers.iter().map(|it| it.slot(&Slot::InReplyTo)).collect();
    assert_eq!(told, [Some("r1")]);
}

#[derive(Clone, Debug)]
struct Keep(Arc<Mutex<Vec<Arc<Message>>>>);

impl Task for Keep {
    const NAME: &'static str = "keep";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let message = ctx.receive().await?;
        self.0.lock().unwrap().push(message);
        Ok(ControlFlow::Continue(()))
    }
}

#[derive(Clone, Debug)]
struct Ask;

impl Task for Ask {
    const NAME: &'static str = "ask";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let asked =
            Message::text(Performative::Request, "deaf@test", "dance").with(Slot::ReplyWith, "r1");
        ctx.send(asked).await?;
        let answer =
            Message::text(Performative::Inform, "deaf@test", "so").with(Slot::InReplyTo, "r0");
        ctx.send(answer).await?;
        Ok(ControlFlow::Break(()))
    }
}

#[tokio::test]
async fn who_asks_to_see_us_waits_until_it_asks_no_more_and_a_crowd_leaves_room_for_others() {
    let agent = agent("probe@test", &[]);
    let door = agent.door();
    for number in 0..1000 {
        door.request(&format!("a{number}@crowd/1").into());
    }
    door.request(&"anna@elsewhere/phone".into());
    let anna = AgentId::from("anna@elsewhere");
    assert!(door.requests().contains(&anna));
    assert_eq!(door.requests().len(), 33);
    door.withdraw(&"anna@elsewhere".into());
    assert!(!door.requests().contains(&anna));
}
