//! The stock kinds of behaviour: a [`Task`] and a schedule.

use std::{
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{Behaviour, Context, Failure, Interrupted, Task, Timetable, states};

/// The shortest period; a shorter one counts as this.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long to sleep at most before the time of day is looked up again: it can be set.
const NAP: Duration = Duration::from_mins(1);

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
    /// States of [`Cron`].
    pub enum Occasion {
        /// Sleeps until the calendar says so.
        Waiting => [Running, Done],
        /// Runs the task.
        Running => [Waiting, Done],
        /// The task said it is over, or there is no further occasion.
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
///
/// A round that overruns skips the ticks it missed, so that the rounds keep their phase.
#[derive(Debug)]
pub struct Periodic<T> {
    task: T,
    every: Duration,
    /// Where a new period comes from.
    pace: Option<watch::Receiver<Duration>>,
    due: Instant,
    /// Whether the round that was due has come.
    has_run: bool,
}

/// Runs a task by the calendar.
#[derive(Debug)]
pub struct Cron<T> {
    task: T,
    timetable: Timetable,
    /// The occasion that was last, so that none comes twice.
    last: Option<SystemTime>,
}

/// The period of something that runs already. Clones set the same one.
#[derive(Clone, Debug)]
pub struct Pace(watch::Sender<Duration>);

impl Pace {
    /// A pace to begin with.
    pub fn new(every: Duration) -> Self {
        Self(watch::Sender::new(every))
    }

    /// How often now.
    pub fn every(&self) -> Duration {
        *self.0.borrow()
    }

    /// How often from now on, counted from the round that was last.
    pub fn set(&self, every: Duration) {
        self.0.send_replace(every);
    }
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
    /// The first round is due at once. A period of nothing counts as one millisecond.
    pub fn new(task: T, every: Duration) -> Self {
        Self { task, every: every.max(SHORTEST), pace: None, due: Instant::now(), has_run: false }
    }

    /// The same, with a first round at `start`; one that was in the past is made up for, and
    /// those that follow keep its phase.
    #[must_use]
    pub fn starting_at(self, start: Instant) -> Self {
        Self { due: start, ..self }
    }

    /// The same, with a period that can be changed while it runs.
    #[must_use]
    pub fn at_pace(self, pace: &Pace) -> Self {
        Self { every: pace.every().max(SHORTEST), pace: Some(pace.0.subscribe()), ..self }
    }

    async fn tick(&mut self) {
        while let Some(pace) = &mut self.pace {
            tokio::select! {
                biased;
                changed = pace.changed() => {
                    if changed.is_err() {
                        // Nobody is left who could change it.
                        self.pace = None;
                        break;
                    }
                    let last = self.due.checked_sub(self.every);
                    self.every = pace.borrow_and_update().max(SHORTEST);
                    self.due = last.map_or(self.due, |last| last + self.every);
                }
                () = sleep_until(self.due) => return,
            }
        }
        sleep_until(self.due).await;
    }

    /// The tick after the one that was due, in phase, and not in the past.
    fn advance(&mut self) {
        let late = Instant::now().duration_since(self.due);
        self.due += self.every;
        if late >= self.every {
            let missed = late.as_nanos() / self.every.as_nanos();
            self.due += self.every.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        }
    }
}

impl<T> Cron<T> {
    /// Runs `task` whenever it is due by `timetable`.
    pub fn new(task: T, timetable: Timetable) -> Self {
        Self { task, timetable, last: None }
    }

    /// Waits for the next occasion; whether there is one. The time of day is looked at again and
    /// again, since somebody may set the clock.
    async fn wait(&mut self, ctx: &Context) -> Result<bool, Interrupted> {
        let started = ctx.clock().now();
        loop {
            let now = ctx.clock().now();
            let after = self.last.map_or(started, |last| last.max(started));
            let Some(due) = self.timetable.next(after) else { return Ok(false) };
            let Ok(left) = due.duration_since(now) else {
                self.last = Some(due);
                return Ok(true);
            };
            if left.is_zero() {
                self.last = Some(due);
                return Ok(true);
            }
            let nudged = tokio::time::timeout(left.min(NAP), ctx.nudged());
            if ctx.until_stopped(nudged).await?.is_ok() {
                return Ok(true);
            }
        }
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
                if std::mem::take(&mut self.has_run) {
                    self.advance();
                }
                let tick = async {
                    tokio::select! {
                        () = self.tick() => true,
                        () = ctx.nudged() => false,
                    }
                };
                // A round out of turn changes nothing for those that follow.
                self.has_run = ctx.until_stopped(tick).await?;
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

impl<T: Task> Behaviour for Cron<T> {
    type State = Occasion;
    const NAME: &'static str = T::NAME;

    async fn step(&mut self, state: Occasion, ctx: &mut Context) -> Result<Occasion, Failure> {
        Ok(match state {
            Occasion::Waiting if self.wait(ctx).await? => Occasion::Running,
            Occasion::Waiting | Occasion::Done => Occasion::Done,
            Occasion::Running => match self.task.run(ctx).await? {
                ControlFlow::Continue(()) => Occasion::Waiting,
                ControlFlow::Break(()) => Occasion::Done,
            },
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
