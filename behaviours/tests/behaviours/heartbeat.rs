//! A heartbeat tells of every move soon, of many together, and of none now and then.

use std::{sync::Arc, time::Duration};

use behaviours::heartbeat;
use runtime::{
    Agent, AgentHandle, Behaviour, Context, Failure, Hub, Message, Spec, Template, states,
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use types::{Exit, Phase, Report};

use crate::support::{Strait, agent, item, listen, push_items, soon, store};

states! {
    /// States of [`Jump`].
    pub(crate) enum Place {
        /// On this side.
        Here => [There],
        /// On the other side.
        There => [Here],
    }
}

/// Moves when it is told.
struct Jump(Arc<Notify>);

impl Behaviour for Jump {
    type State = Place;
    const NAME: &'static str = "jump";

    async fn step(&mut self, state: Place, ctx: &mut Context) -> Result<Place, Failure> {
        ctx.until_stopped(self.0.notified()).await?;
        Ok(if state == Place::Here { Place::There } else { Place::Here })
    }
}

/// Takes reports on, as a forwarder does.
struct Forwarder;

impl Behaviour for Forwarder {
    type State = Place;
    const NAME: &'static str = "forward";

    async fn step(&mut self, state: Place, ctx: &mut Context) -> Result<Place, Failure> {
        ctx.receive().await?;
        Ok(if state == Place::Here { Place::There } else { Place::Here })
    }
}

fn beat(agent: &mut Agent, to: &str) {
    let settings = heartbeat::Settings::to(to.into());
    agent.add(Spec::default(), move || heartbeat::Heartbeat::from(settings.clone()));
}

/// An agent that jumps, and somebody who hears its heart.
struct World {
    jump: Arc<Notify>,
    heard: mpsc::Receiver<Arc<Message>>,
    agents: [AgentHandle; 2],
    began: Instant,
}

impl World {
    async fn new() -> Self {
        let hub = Hub::default();
        let mut aggregator = agent("aggregator@test", &["aggregate"], &store());
        let heard = listen(&mut aggregator);
        let its_road = hub.join(aggregator.door());
        let backlog = store();
        push_items(&backlog, "outbox", &[item("probe@test")]).await;
        let mut probe = agent("probe@test", &["check"], &backlog);
        let jump = Arc::new(Notify::new());
        let moved = Arc::clone(&jump);
        probe.add(Spec::default(), move || Jump(Arc::clone(&moved)));
        beat(&mut probe, "duty:aggregate");
        let road = hub.join(probe.door());
        let agents = [aggregator.start(its_road), probe.start(road)];
        Self { jump, heard, agents, began: Instant::now() }
    }

    /// The next report, and when it came, in milliseconds.
    async fn report(&mut self) -> (Report, u128) {
        let message = soon(self.heard.recv()).await.unwrap();
        (message.read().unwrap(), self.began.elapsed().as_millis())
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_report_says_everything() {
    let mut world = World::new().await;
    let (report, at) = world.report().await;
    assert_eq!((report.jid.as_str(), report.backlog, at), ("probe@test", 1, 0));
    assert_eq!(report.announcement.duties, ["check"]);
    let names: Vec<&str> = report.behaviours.iter().map(|it| it.name.as_ref()).collect();
    assert_eq!(names, ["jump", "heartbeat"]);
    let diagram = report.behaviours[0].diagram.as_ref().unwrap();
    assert_eq!(diagram.states[1].name, "There");
}

#[tokio::test(start_paused = true)]
async fn when_nothing_moves_it_tells_every_ten_seconds() {
    let mut world = World::new().await;
    let (_, first) = world.report().await;
    let (second, at) = world.report().await;
    assert_eq!((first, at), (0, 10_000));
    assert_eq!(second.behaviours[0].diagram, None);
    let drawn = |report: &Report| report.behaviours[0].diagram.is_some();
    let mut reports = vec![drawn(&second)];
    for _ in 0..3 {
        reports.push(drawn(&world.report().await.0));
    }
    assert_eq!(reports, [false, false, true, false], "diagrams go along now and then");
}

#[tokio::test(start_paused = true)]
async fn a_move_right_after_a_report_is_told_and_not_forgotten() {
    let mut world = World::new().await;
    world.report().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.jump.notify_one();
    let (report, at) = world.report().await;
    assert_eq!((report.behaviours[0].state.as_ref(), at), ("There", 500));
}

#[tokio::test(start_paused = true)]
async fn many_moves_are_told_together() {
    let mut world = World::new().await;
    world.report().await;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.jump.notify_one();
    }
    let mut times = Vec::new();
    let mut steps = 0;
    while steps < 200 {
        let (report, at) = world.report().await;
        steps = report.behaviours[0].steps;
        times.push(report.sent_ms);
        assert!(at < 4000, "the last move is told soon");
    }
    assert!(times.windows(2).all(|it| it[1] - it[0] >= 500), "{times:?}");
    assert!(times.len() >= 4, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_too() {
    let mut world = World::new().await;
    world.report().await;
    world.agents[1].behaviours()[0].stop();
    let (report, at) = world.report().await;
    assert_eq!(report.behaviours[0].phase, Phase::Ended(Exit::Stopped));
    assert!(at <= 500, "{at}");
}

#[tokio::test(start_paused = true)]
async fn a_report_to_itself_does_not_set_off_the_next() {
    let mut aggregator = agent("aggregator@test", &["aggregate"], &store());
    let spec = Spec { template: Template::ontology("vedette:report"), ..Spec::default() };
    let forwarder = aggregator.add(spec, || Forwarder);
    beat(&mut aggregator, "aggregator@test");
    let road = Hub::default().join(aggregator.door());
    let _aggregator = aggregator.start(road);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let steps = forwarder.report().steps;
    assert!((5..=8).contains(&steps), "{steps} reports in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_nobody_hears_goes_on_and_stops_when_asked() {
    let mut probe = agent("probe@test", &[], &store());
    beat(&mut probe, "duty:aggregate");
    let road = Hub::default().join(probe.door());
    let probe = probe.start(road);
    let heart = &probe.behaviours()[0];
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!((heart.report().phase, heart.report().restarts), (Phase::Running, 0));
    assert!(heart.report().steps >= 10);
    heart.stop();
    assert_eq!(soon(heart.join()).await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn who_went_against_a_protocol_is_told() {
    let mut world = World::new().await;
    assert_eq!(world.report().await.0.violations, []);
    let mut stray = Message::text(runtime::Performative::Agree, "probe@test", "")
        .with(runtime::Slot::Protocol, "fipa-request")
        .in_conversation("c1");
    stray.from = Some("somebody@test/1".into());
    world.agents[1].door().deliver(stray);
    let told = world.report().await.0.violations;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].with.as_str(), told[0].conversation.as_str()), ("somebody@test", "c1"));
    assert_eq!(told[0].what, "heard `agree` before `request`");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_no_message_carries_is_told_in_part() {
    let hub = Hub::default();
    let mut aggregator = agent("aggregator@test", &["aggregate"], &store());
    let mut heard = listen(&mut aggregator);
    let road = hub.join(aggregator.door());
    let _aggregator = aggregator.start(road);
    let mut probe = agent("probe@test", &["check"], &store());
    beat(&mut probe, "aggregator@test");
    for _ in 0..40 {
        let jump = Arc::new(Notify::new());
        probe.add(Spec::default(), move || Jump(Arc::clone(&jump)));
    }
    let road = Strait::new(&hub, &probe, 0, 4000);
    let _probe = probe.start(road);
    let report: Report = soon(heard.recv()).await.unwrap().read().unwrap();
    assert!((1..40).contains(&report.behaviours.len()), "{}", report.behaviours.len());
}
