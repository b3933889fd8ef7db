//! The stock kinds of behaviour: a [`Task`] and a schedule.

use std::{ops::ControlFlow, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{Behaviour, Context, Failure, Task, states};

states! {
    /// States of [`OneShot`].
    pub enum Once {
        /// Runs the task.
        Running => [Done],
        /// Has run.
        Done => [],
    }
}

states! {
    /// States of [`Cyclic`].
    pub enum Cycle {
        /// Runs the task, again and again.
        Running => [Running, Done],
        /// The task said it is over.
        Done => [],
    }
}

states! {
    /// States of [`Periodic`].
    pub enum Period {
        /// Sleeps until the next round.
        Waiting => [Running],
        /// Runs the task.
        Running => [Waiting, Done],
        /// The task said it is over.
        Done => [],
    }
}

states! {
    /// States of [`Timeout`].
    pub enum Delay {
        /// Sleeps until it is time.
        Waiting => [Running],
        /// Runs the task.
        Running => [Done],
        /// Has run.
        Done => [],
    }
}

/// Runs a task once.
#[derive(Debug)]
pub struct OneShot<T>(pub T);

/// Runs a task until it says `Break`.
#[derive(Debug)]
pub struct Cyclic<T>(pub T);

/// Runs a task every so often.
#[derive(Debug)]
pub struct Periodic<T> {
    task: T,
    ticks: Interval,
}

/// Runs a task once, after a delay.
#[derive(Debug)]
pub struct Timeout<T> {
    /// What to run.
    pub task: T,
    /// How long to wait first.
    pub after: Duration,
}

impl<T> Periodic<T> {
    /// The first round is due at once. A round that overruns skips the ticks it missed, so that
    /// the rounds keep their phase. A period of nothing counts as one millisecond.
    pub fn new(task: T, every: Duration) -> Self {
        let mut ticks = interval_at(Instant::now(), every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { task, ticks }
    }
}

impl<T: Task> Behaviour for OneShot<T> {
    type State = Once;
    const NAME: &'static str = T::NAME;

    async fn step(&mut self, _: Once, ctx: &mut Context) -> Result<Once, Failure> {
        let _: ControlFlow<()> = self.0.run(ctx).await?;
        Ok(Once::Done)
    }
}

impl<T: Task> Behaviour for Cyclic<T> {
    type State = Cycle;
    const NAME: &'static str = T::NAME;

    async fn step(&mut self, _: Cycle, ctx: &mut Context) -> Result<Cycle, Failure> {
        Ok(match self.0.run(ctx).await? {
            ControlFlow::Continue(()) => Cycle::Running,
            ControlFlow::Break(()) => Cycle::Done,
        })
    }
}

impl<T: Task> Behaviour for Periodic<T> {
    type State = Period;
    const NAME: &'static str = T::NAME;

    async fn step(&mut self, state: Period, ctx: &mut Context) -> Result<Period, Failure> {
        Ok(match state {
            Period::Waiting => {
                ctx.until_stopped(self.ticks.tick()).await?;
                Period::Running
            }
            Period::Running => match self.task.run(ctx).await? {
                ControlFlow::Continue(()) => Period::Waiting,
                ControlFlow::Break(()) => Period::Done,
            },
            Period::Done => Period::Done,
        })
    }
}

impl<T: Task> Behaviour for Timeout<T> {
    type State = Delay;
    const NAME: &'static str = T::NAME;

    async fn step(&mut self, state: Delay, ctx: &mut Context) -> Result<Delay, Failure> {
        Ok(match state {
            Delay::Waiting => {
                ctx.sleep(self.after).await?;
                Delay::Running
            }
            Delay::Running => {
                let _: ControlFlow<()> = self.task.run(ctx).await?;
                Delay::Done
            }
            Delay::Done => Delay::Done,
        })
    }
}
