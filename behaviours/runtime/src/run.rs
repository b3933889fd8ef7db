//! Runs one behaviour: steps it, shows it, stops it, starts it again.

use std::{any::Any, borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tracing::{debug, info, warn};
use types::{BehaviourReport, Depth, Exit, Phase};

use crate::{
    Clock, Context, Door, Failure, Supervision,
    behaviour::Chain,
    crew::Crew,
    handle::Drawing,
    machine::Machine,
    mailbox::Slit,
    shown::{Changes, Shown},
    supervise::History,
};

/// How long the last words of a run that is stopped may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where a run shows where it is.
///
/// Whatever happens to the run: when this is dropped, the behaviour is over.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) report: Arc<Shown<BehaviourReport>>,
    clock: Clock,
    drawing: Drawing,
    door: Door,
    slit: Option<Slit>,
    changes: Arc<Changes>,
}

impl Drop for Board {
    fn drop(&mut self) {
        self.close();
        let mut is_killed = false;
        self.report.change(|it| {
            if !matches!(it.phase, Phase::Ended(_)) {
                it.phase = Phase::Ended(Exit::Killed);
                it.due_ms = None;
                is_killed = true;
            }
        });
        if is_killed {
            info!(exit = ?Exit::Killed, "behaviour ended");
            self.changes.bump();
        }
    }
}

impl Board {
    pub(crate) fn new(
        name: String,
        run: Cow<'static, str>,
        start: Cow<'static, str>,
        drawing: Drawing,
        slit: Option<Slit>,
        crew: &Crew,
    ) -> Self {
        let clock = crew.clock;
        let report = BehaviourReport {
            name: name.into(),
            run,
            phase: Phase::Running,
            state: start,
            since_ms: clock.now_ms(),
            steps: 0,
            restarts: 0,
            last_error: None,
            mailbox: Depth::default(),
            due_ms: None,
            diagram: None,
        };
        Self {
            report: Arc::new(Shown::new(report)),
            clock,
            drawing,
            door: crew.door.clone(),
            slit,
            changes: Arc::clone(&crew.changes),
        }
    }

    /// What comes for it from now on is for nobody.
    fn close(&self) {
        if let Some(slit) = &self.slit {
            self.door.remove(slit);
        }
    }

    fn show(&self, change: impl FnOnce(&mut BehaviourReport)) {
        self.report.change(change);
        self.changes.bump();
    }

    fn enter(&self, ctx: &mut Context, state: Cow<'static, str>, steps: u64) {
        let now = self.clock.now_ms();
        let due_ms = ctx.due_ms;
        let error = ctx.shown_error.take();
        self.show(|it| {
            if let Some(error) = error {
                it.last_error = Some(error).filter(|it| !it.is_empty());
            }
            it.phase = Phase::Running;
            if it.state != state {
                it.since_ms = now;
                it.state = state;
            }
            it.steps += steps;
            it.due_ms = due_ms;
        });
    }
}

/// Runs a machine until it is over for good.
pub(crate) async fn supervise<M: Machine>(
    mut factory: impl FnMut() -> M,
    rule: Supervision,
    mut ctx: Context,
    board: Board,
) {
    let mut history = History::default();
    let exit = loop {
        let run = AssertUnwindSafe(drive(&mut factory, &mut ctx, &board)).catch_unwind();
        let exit = match run.await {
            Err(panic) => Exit::Panicked(words(panic.as_ref())),
            Ok(exit) => exit,
        };
        ctx.due_ms = None;
        if exit == Exit::Done {
            ctx.settle().await;
        }
        let Some(pause) = history.judge(&rule, &exit) else { break exit };
        warn!(?exit, "behaviour ended, starting it again");
        board.show(|it| {
            it.phase = Phase::Restarting;
            it.restarts += 1;
            it.last_error = error_of(&exit);
        });
        // What it took and did not deal with is the first that it gets again.
        let taken = std::mem::take(&mut ctx.taken);
        ctx.mailbox.put_back(taken);
        if ctx.sleep(pause).await.is_err() {
            break Exit::Stopped;
        }
    };
    match &exit {
        Exit::Failed(_) | Exit::Panicked(_) => warn!(?exit, "behaviour ended"),
        Exit::Done | Exit::Stopped | Exit::Killed => info!(?exit, "behaviour ended"),
    }
    board.close();
    if exit == Exit::Done {
        ctx.leave_letters().await;
    }
    board.show(|it| {
        it.last_error = error_of(&exit).or_else(|| it.last_error.take());
        it.phase = Phase::Ended(exit);
        it.due_ms = None;
    });
}

/// Makes a machine, runs it, and has it say its last words when it is stopped.
async fn drive<M: Machine>(
    factory: &mut impl FnMut() -> M,
    ctx: &mut Context,
    board: &Board,
) -> Exit {
    let mut machine = factory();
    let exit = go(&mut machine, ctx, board).await;
    if exit == Exit::Stopped
        && tokio::time::timeout(LAST_WORDS, machine.stopped(ctx)).await.is_err()
    {
        debug!("it took too long to say its last words");
    }
    exit
}

/// Steps a machine from its first state to a final one.
async fn go<M: Machine>(machine: &mut M, ctx: &mut Context, board: &Board) -> Exit {
    let mut place = match machine.begin(ctx) {
        Ok(place) => place,
        Err(failure) => return end_of(failure),
    };
    board.drawing.renew(|| machine.diagram());
    board.enter(ctx, machine.label(place), 0);
    while !machine.is_final(place) {
        if ctx.gate.is_closed() && ctx.until_stopped(ctx.gate.passed()).await.is_err() {
            return Exit::Stopped;
        }
        if ctx.is_stopping() {
            return Exit::Stopped;
        }
        let next = match machine.step(place, ctx).await {
            Ok(next) => next,
            Err(failure) => return end_of(failure),
        };
        if ctx.is_redrawn() {
            board.drawing.renew(|| machine.diagram());
        } else if !machine.allows(place, next) {
            let (from, to) = (machine.label(place), machine.label(next));
            return Exit::Failed(format!("no move from `{from}` to `{to}`"));
        }
        debug!(from = ?place, to = ?next, "moved");
        place = next;
        board.enter(ctx, machine.label(place), 1);
        // A behaviour that never waits must not starve the others, nor its own `kill`.
        tokio::task::consume_budget().await;
    }
    Exit::Done
}

fn end_of(failure: Failure) -> Exit {
    match failure {
        Failure::Interrupted => Exit::Stopped,
        Failure::Error(error) => Exit::Failed(Chain(error.as_ref()).to_string()),
    }
}

fn error_of(exit: &Exit) -> Option<String> {
    match exit {
        Exit::Failed(why) | Exit::Panicked(why) => Some(why.clone()),
        Exit::Done | Exit::Stopped | Exit::Killed => None,
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}
