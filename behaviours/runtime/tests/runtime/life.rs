use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use runtime::{
    Behaviour, Clock, Context, Cron, Cyclic, Delivery, Failure, Hub, Message, OneShot, Pace,
    Performative, Period, Periodic, Restart, Spec, Supervision, Task, Template, Timeout, Timetable,
    diagram, mermaid, states,
};
use types::{Exit, Phase};

use crate::support::{Count, agent, start};

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

#[tokio::test(start_paused = true)]
async fn a_period_has_a_start_keeps_its_phase_and_can_be_changed() {
    let count = Count::default();
    let (task, pace) = (count.clone(), Pace::new(Duration::from_secs(10)));
    let (paced, start_at) = (pace.clone(), tokio::time::Instant::now() + HOUR);
    let (_agent, behaviour) = start(Spec::default(), move || {
        Periodic::new(task.clone(), HOUR).at_pace(&paced).starting_at(start_at)
    });
    tokio::time::sleep(HOUR + Duration::from_secs(5)).await;
    assert_eq!(count.runs(), 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(count.runs(), 2);
    // From the round at 10 s on: 70 s, 130 s, …
    pace.set(Duration::from_mins(1));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(count.runs(), 2);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(count.runs(), 3);
    behaviour.kill();
    assert_eq!(behaviour.join().await, Exit::Killed);
}

/// Runs for longer than its period, the first time.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<Mutex<Vec<Duration>>>, Option<tokio::time::Instant>);

impl Task for Slow {
    const NAME: &'static str = "slow";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let origin = *self.1.get_or_insert_with(tokio::time::Instant::now);
        self.0.lock().unwrap().push(origin.elapsed());
        ctx.sleep(Duration::from_secs(25)).await?;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test(start_paused = true)]
async fn missed_ticks_are_skipped() {
    let slow = Slow::default();
    let task = slow.clone();
    let every = Duration::from_secs(10);
    let (_agent, _) = start(Spec::default(), move || Periodic::new(task.clone(), every));
    tokio::time::sleep(Duration::from_secs(95)).await;
    let seconds: Vec<u64> = slow.0.lock().unwrap().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 30, 60, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_cron_behaviour_follows_the_calendar() {
    let count = Count::default();
    let task = count.clone();
    let (_agent, behaviour) = start(Spec::default(), move || {
        let timetable = Timetable::new("*/15 * * * *", Duration::ZERO, "probe").unwrap();
        Cron::new(task.clone(), timetable)
    });
    tokio::time::sleep(HOUR + Duration::from_secs(1)).await;
    assert_eq!(count.runs(), 4);
    assert_eq!(behaviour.report().state, "Waiting");
}

#[tokio::test(start_paused = true)]
async fn a_paused_behaviour_does_nothing_until_it_may_go_on() {
    let count = Count::default();
    let task = count.clone();
    let second = Duration::from_secs(1);
    let (agent, behaviour) = start(Spec::default(), move || Periodic::new(task.clone(), second));
    tokio::time::sleep(second * 3 / 2).await;
    assert_eq!(count.runs(), 2);
    behaviour.pause();
    assert_eq!(behaviour.report().phase, Phase::Paused);
    tokio::time::sleep(HOUR).await;
    assert_eq!(count.runs(), 2);
    behaviour.resume();
    tokio::time::sleep(second * 3 / 2).await;
    assert!((3..=4).contains(&count.runs()), "{}", count.runs());
    behaviour.pause();
    agent.shutdown().await;
    assert_eq!(behaviour.join().await, Exit::Stopped);
}

states! {
    /// Where somebody is who counts, over restarts.
    enum Counting {
        /// Nothing is counted yet.
        Fresh => [Going],
        /// Counts.
        Going => [Going],
    }
}

/// Remembers how far it got.
#[derive(Debug, Default)]
struct Counter(u64);

impl Behaviour for Counter {
    type State = Counting;
    const NAME: &'static str = "counter";

    fn begin(&mut self, ctx: &Context) -> Result<Counting, Failure> {
        Ok(match ctx.recall()? {
            Some(count) => {
                self.0 = count;
                Counting::Going
            }
            None => Counting::Fresh,
        })
    }

    async fn step(&mut self, _: Counting, ctx: &mut Context) -> Result<Counting, Failure> {
        ctx.sleep(Duration::from_secs(1)).await?;
        self.0 += 1;
        ctx.remember(&self.0).await?;
        if self.0.is_multiple_of(4) {
            Err(std::io::Error::other("four").into())
        } else {
            Ok(Counting::Going)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_survive_a_restart_is_restored() {
    let (agent, behaviour) = start(Spec::default(), Counter::default);
    assert_eq!(behaviour.report().state, "Fresh");
    tokio::time::sleep(Duration::from_millis(6100)).await;
    // Four seconds, a failure, a second's pause, and it goes on where it was.
    let report = behaviour.report();
    assert_eq!((report.state.as_ref(), report.restarts), ("Going", 1));
    agent.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_takes_no_messages() {
    let mut listening = agent("probe@test", &[]);
    let spec = Spec { template: Template::Any, ..Spec::default() };
    let listener = listening.add(spec, || OneShot(Count::default()));
    let road = Hub::default().join(listening.door());
    let agent = listening.start(road);
    listener.join().await;
    let hello = Message::text(Performative::Inform, "probe@test", "hello");
    assert_eq!(agent.door().deliver(hello), Delivery::Unwanted);
}

#[tokio::test(start_paused = true)]
async fn a_nudge_makes_a_round_out_of_turn() {
    let count = Count::default();
    let task = count.clone();
    let every = Duration::from_mins(1);
    let (_agent, behaviour) = start(Spec::default(), move || Periodic::new(task.clone(), every));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(count.runs(), 1);
    assert!(behaviour.nudge());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count.runs(), 2);
    // The next is due after a minute, as before.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(count.runs(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_no_time_cannot_be_nudged() {
    let (_agent, behaviour) = start(Spec::default(), || Timeout {
        task: Count::default(),
        after: Duration::from_mins(1),
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!behaviour.nudge());
}
