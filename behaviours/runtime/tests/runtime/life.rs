use std::time::{Duration, SystemTime};

use runtime::{
    Behaviour, Clock, Context, Cyclic, Failure, OneShot, Period, Periodic, Restart, Spec,
    Supervision, Timeout, diagram, mermaid, states,
};
use types::{Exit, Phase};

use crate::support::{Count, start};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn one_shot_runs_once() {
    let count = Count::default();
    let task = count.clone();
    let (_agent, behaviour) = start(Spec::default(), move || OneShot(task.clone()));
    assert_eq!(behaviour.join().await, Exit::Done);
    assert_eq!(count.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn cyclic_runs_until_it_breaks() {
    let count = Count { until: Some(5), ..Count::default() };
    let task = count.clone();
    let (_agent, behaviour) = start(Spec::default(), move || Cyclic(task.clone()));
    assert_eq!(behaviour.join().await, Exit::Done);
    assert_eq!(count.runs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_cyclic_behaviour_that_never_waits_can_be_killed() {
    let count = Count::default();
    let (_agent, behaviour) = start(Spec::default(), move || Cyclic(count.clone()));
    tokio::task::yield_now().await;
    behaviour.kill();
    assert_eq!(behaviour.join().await, Exit::Killed);
}

#[tokio::test(start_paused = true)]
async fn periodic_runs_once_a_period() {
    let count = Count::default();
    let task = count.clone();
    let every = Duration::from_mins(1);
    let (agent, behaviour) = start(Spec::default(), move || Periodic::new(task.clone(), every));
    tokio::time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(count.runs(), 60);
    assert_eq!(behaviour.report().state, "Waiting");
    agent.shutdown().await;
    assert_eq!(behaviour.join().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn timeout_waits_first() {
    let count = Count::default();
    let task = count.clone();
    let (_agent, behaviour) =
        start(Spec::default(), move || Timeout { task: task.clone(), after: HOUR });
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(count.runs(), 0);
    assert_eq!(behaviour.join().await, Exit::Done);
    assert_eq!(count.runs(), 1);
}

states! {
    enum Wander {
        /// Goes where it may not.
        Lost => [Home],
        /// Never gets here.
        Home => [],
    }
}

#[derive(Clone, Copy, Debug)]
enum Wanderer {
    Wrongly,
    Forever,
    IntoPanic,
    Home,
}

impl Behaviour for Wanderer {
    type State = Wander;
    const NAME: &'static str = "wanderer";

    async fn step(&mut self, state: Wander, _: &mut Context) -> Result<Wander, Failure> {
        match self {
            Self::Wrongly => Ok(state),
            Self::Forever => std::future::pending().await,
            Self::IntoPanic => panic!("no way home"),
            Self::Home => Ok(Wander::Home),
        }
    }
}

fn once() -> Spec {
    Spec { supervision: Restart::Never.into(), ..Spec::default() }
}

#[tokio::test(start_paused = true)]
async fn an_undeclared_move_is_a_failure() {
    let (_agent, behaviour) = start(once(), || Wanderer::Wrongly);
    assert_eq!(behaviour.join().await, Exit::Failed("no move from `Lost` to `Lost`".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_killed_behaviour_says_so() {
    let (_agent, behaviour) = start(Spec::default(), || Wanderer::Forever);
    tokio::time::sleep(HOUR).await;
    assert_eq!(behaviour.report().phase, Phase::Running);
    assert_eq!(behaviour.join_within(HOUR).await, None);
    behaviour.kill();
    assert_eq!(behaviour.join().await, Exit::Killed);
}

#[tokio::test(start_paused = true)]
async fn a_behaviour_that_ignores_the_end_is_killed_after_a_while() {
    let (agent, behaviour) = start(Spec::default(), || Wanderer::Forever);
    tokio::time::sleep(HOUR).await;
    agent.shutdown().await;
    assert_eq!(behaviour.join().await, Exit::Killed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_restarted_until_the_limit_and_remembered() {
    let supervision = Supervision { limit: 3, ..Supervision::default() };
    let (_agent, behaviour) =
        start(Spec { supervision, ..Spec::default() }, || Wanderer::IntoPanic);
    assert_eq!(behaviour.join().await, Exit::Panicked("no way home".to_owned()));
    let report = behaviour.report();
    assert_eq!((report.restarts, report.last_error.as_deref()), (3, Some("no way home")));
}

#[tokio::test(start_paused = true)]
async fn a_behaviour_can_be_stopped_between_restarts() {
    let supervision = Supervision { pause: HOUR, ..Supervision::default() };
    let (_agent, behaviour) =
        start(Spec { supervision, ..Spec::default() }, || Wanderer::IntoPanic);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(behaviour.report().phase, Phase::Restarting);
    behaviour.stop();
    assert_eq!(behaviour.join().await, Exit::Stopped);
}

#[tokio::test(start_paused = true)]
async fn always_means_after_success_too() {
    let supervision = Supervision { restart: Restart::Always, limit: 2, ..Supervision::default() };
    let (_agent, behaviour) = start(Spec { supervision, ..Spec::default() }, || Wanderer::Home);
    assert_eq!(behaviour.join().await, Exit::Done);
    assert_eq!(behaviour.report().restarts, 2);
}

#[test]
fn a_diagram_is_drawn_from_the_table() {
    insta::assert_snapshot!(mermaid(&diagram::<Period>()), @"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Running
        Running --> Waiting
        Running --> Done
        Done --> [*]
    ");
}

#[tokio::test(start_paused = true)]
async fn the_clock_follows_paused_time() {
    let midnight = SystemTime::UNIX_EPOCH;
    let clock = Clock::starting(midnight);
    tokio::time::sleep(HOUR).await;
    assert_eq!(clock.now(), midnight + HOUR);
}
