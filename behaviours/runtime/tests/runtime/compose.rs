use std::{ops::ControlFlow, sync::Arc, time::Duration};

use runtime::{
    Behaviour, Context, Failure, Hub, Machine, OneShot, Parallel, Part, Restart, Sequence, Spec,
    Task, Until, dot, mermaid, states,
};
use types::{Exit, Phase};

use crate::support::{Count, agent};

const SECOND: Duration = Duration::from_secs(1);

/// Takes so long, then succeeds or fails.
#[derive(Clone, Debug)]
struct Work(Duration, bool);

impl Task for Work {
    const NAME: &'static str = "work";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        ctx.sleep(self.0).await?;
        if self.1 { Ok(ControlFlow::Break(())) } else { Err(std::io::Error::other("so").into()) }
    }
}

fn part(name: &str, after: Duration, succeeds: bool) -> Part {
    let spec =
        Spec { name: name.to_owned(), supervision: Restart::Never.into(), ..Spec::default() };
    Part::new(spec, move || OneShot(Work(after, succeeds)))
}

states! {
    /// Where somebody is who runs a machine.
    enum Outer {
        /// Runs it.
        Running => [Done],
        /// It is over.
        Done => [],
    }
}

/// Runs a machine as a part of itself and keeps how it ended.
struct Runs<F>(F, Arc<std::sync::Mutex<Option<Exit>>>);

impl<M: Machine, F: Fn() -> M + Clone + Send + 'static> Behaviour for Runs<F> {
    type State = Outer;
    const NAME: &'static str = "runs";

    async fn step(&mut self, _: Outer, ctx: &mut Context) -> Result<Outer, Failure> {
        let spec = Spec { supervision: Restart::Never.into(), ..Spec::default() };
        let handle = ctx.spawn_machine(spec, "whole", &(self.0)(), self.0.clone())?;
        *self.1.lock().unwrap() = Some(handle.join().await);
        Ok(Outer::Done)
    }
}

/// Runs a whole and says how it ended, after how long, and what the agent shows of it.
async fn outcome<M: Machine>(
    make: impl Fn() -> M + Clone + Send + 'static,
) -> (Exit, Duration, Vec<(String, Phase)>) {
    let started = tokio::time::Instant::now();
    let mut agent = agent("a@test", &[]);
    let diagram = make().diagram();
    let spec = Spec { supervision: Restart::Never.into(), ..Spec::default() };
    let handle = agent.add_machine(spec, "whole", diagram, make).unwrap();
    let road = Hub::default().join(agent.door());
    let agent = agent.start(road);
    let exit = handle.join().await;
    let took = started.elapsed();
    // Parts end with their whole.
    agent.finished().await;
    let shown = agent.reports().into_iter().map(|it| (it.name.into_owned(), it.phase)).collect();
    (exit, took, shown)
}

#[tokio::test(start_paused = true)]
async fn a_sequence_runs_one_part_after_the_other() {
    let make = || Sequence::new([part("dig", SECOND, true), part("plant", 2 * SECOND, true)]);
    let (exit, took, shown) = outcome(make).await;
    assert_eq!((exit, took), (Exit::Done, 3 * SECOND));
    let done = |name: &str| (name.to_owned(), Phase::Ended(Exit::Done));
    assert_eq!(shown, [done("whole"), done("dig"), done("plant")]);
    insta::assert_snapshot!(mermaid(&make().diagram()), @r#"
    stateDiagram-v2
        state "1. dig" as s0
        state "2. plant" as s1
        [*] --> s0
        s0 --> s1
        s1 --> Done
        Done --> [*]
    "#);
    insta::assert_snapshot!(dot("garden", &make().diagram()), @r#"
    digraph "garden" {
        rankdir = LR
        start [shape = point]
        start -> "1. dig"
        "1. dig" [shape = box, tooltip = "Runs `dig`."]
        "1. dig" -> "2. plant"
        "2. plant" [shape = box, tooltip = "Runs `plant`."]
        "2. plant" -> "Done"
        "Done" [shape = doublecircle, tooltip = "Every part has reached its end."]
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_ends_a_sequence_and_the_next_does_not_start() {
    let make = || Sequence::new([part("dig", SECOND, false), part("plant", SECOND, true)]);
    let (exit, took, shown) = outcome(make).await;
    assert_eq!((exit, took), (Exit::Failed("`dig` failed: so".to_owned()), SECOND));
    assert_eq!(shown.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_parts_run_at_the_same_time() {
    let make = || Parallel::new(Until::All, [part("a", SECOND, true), part("b", SECOND, true)]);
    let (exit, took, _) = outcome(make).await;
    assert_eq!((exit, took), (Exit::Done, SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_takes_those_beside_it_along() {
    let make =
        || Parallel::new(Until::All, [part("a", SECOND, false), part("b", 9 * SECOND, true)]);
    let (exit, took, shown) = outcome(make).await;
    assert_eq!((exit, took), (Exit::Failed("`a` failed: so".to_owned()), SECOND));
    assert_eq!(shown[2], ("b".to_owned(), Phase::Ended(Exit::Killed)));
}

#[tokio::test(start_paused = true)]
async fn the_first_to_be_done_is_enough() {
    let parts =
        || [part("a", SECOND, false), part("b", 2 * SECOND, true), part("c", 9 * SECOND, true)];
    let (exit, took, shown) = outcome(move || Parallel::new(Until::First, parts())).await;
    assert_eq!((exit, took), (Exit::Done, 2 * SECOND));
    assert_eq!(shown[3], ("c".to_owned(), Phase::Ended(Exit::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn wholes_can_be_parts_and_end_with_who_runs_them() {
    let ended = Arc::default();
    let mut agent = agent("a@test", &[]);
    let make = || Sequence::new([part("long", 1000 * SECOND, true)]);
    let kept = Arc::clone(&ended);
    let runs = agent.add(Spec::default(), move || Runs(make, Arc::clone(&kept)));
    let road = Hub::default().join(agent.door());
    let agent = agent.start(road);
    tokio::time::sleep(SECOND).await;
    assert_eq!(agent.reports().len(), 3);
    runs.stop();
    agent.finished().await;
    assert_eq!(*ended.lock().unwrap(), Some(Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn behaviours_come_while_the_agent_runs_and_are_forgotten_once_over() {
    let mut quiet = agent("a@test", &[]);
    quiet.add(Spec::default(), || OneShot(Work(SECOND, true)));
    let road = Hub::default().join(quiet.door());
    let agent = quiet.start(road);
    for _ in 0..1000 {
        let count = Count::default();
        let passing = agent.add(Spec::default(), move || OneShot(count.clone())).unwrap();
        assert_eq!(passing.join().await, Exit::Done);
    }
    assert!(agent.behaviours().len() < 200, "{}", agent.behaviours().len());
    agent.shutdown().await;
}
