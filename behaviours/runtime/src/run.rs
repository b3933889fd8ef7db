//! Runs one behaviour: steps it, shows it, stops it, starts it again.

use std::{any::Any, borrow::Cow, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use types::{BehaviourReport, Depth, Exit, Phase};

use crate::{
    Clock, Context, Failure, Supervision, behaviour::Chain, handle::Drawing, machine::Machine,
    supervise::History,
};

/// Where a run shows where it is.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) report: Arc<watch::Sender<BehaviourReport>>,
    clock: Clock,
    drawing: Drawing,
}

impl Board {
    pub(crate) fn new(
        name: String,
        run: Cow<'static, str>,
        start: Cow<'static, str>,
        clock: Clock,
        drawing: Drawing,
    ) -> Self {
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
        Self { report: Arc::new(watch::Sender::new(report)), clock, drawing }
    }

    fn show(&self, ctx: &Context, change: impl FnOnce(&mut BehaviourReport)) {
        self.report.send_modify(change);
        ctx.crew.changed();
    }

    fn enter(&self, ctx: &mut Context, state: Cow<'static, str>, steps: u64) {
        let now = self.clock.now_ms();
        let due_ms = ctx.due_ms;
        let error = ctx.shown_error.take();
        self.show(ctx, |it| {
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
    kill: CancellationToken,
    board: Board,
) {
    let mut history = History::default();
    let exit = loop {
        let run = AssertUnwindSafe(drive(&mut factory, &mut ctx, &board)).catch_unwind();
        let exit = match kill.run_until_cancelled(run).await {
            None => Exit::Killed,
            Some(Err(panic)) => Exit::Panicked(words(panic.as_ref())),
            Some(Ok(exit)) => exit,
        };
        ctx.due_ms = None;
        if exit == Exit::Done {
            ctx.settle().await;
        }
        let Some(pause) = history.judge(&rule, &exit) else { break exit };
        warn!(?exit, "behaviour ended, starting it again");
        board.show(&ctx, |it| {
            it.phase = Phase::Restarting;
            it.restarts += 1;
            it.last_error = error_of(&exit);
        });
        // What it took and did not deal with is the first that it gets again.
        let taken = std::mem::take(&mut ctx.taken);
        ctx.mailbox.put_back(taken);
        match kill.run_until_cancelled(ctx.sleep(pause)).await {
            None => break Exit::Killed,
            Some(Err(crate::Interrupted)) => break Exit::Stopped,
            Some(Ok(())) => {}
        }
    };
    match &exit {
        Exit::Failed(_) | Exit::Panicked(_) => warn!(?exit, "behaviour ended"),
        Exit::Done | Exit::Stopped | Exit::Killed => info!(?exit, "behaviour ended"),
    }
    // What comes for it from now on is for nobody.
    ctx.crew.door.remove(&ctx.mailbox.slit());
    board.show(&ctx, |it| {
        it.last_error = error_of(&exit).or_else(|| it.last_error.take());
        it.phase = Phase::Ended(exit);
        it.due_ms = None;
    });
}

/// Steps a machine from its first state to a final one.
async fn drive<M: Machine>(
    factory: &mut impl FnMut() -> M,
    ctx: &mut Context,
    board: &Board,
) -> Exit {
    let mut machine = factory();
    let mut place = match machine.begin(ctx) {
        Ok(place) => place,
        Err(failure) => return end_of(failure),
    };
    board.drawing.renew(|| machine.diagram());
    board.enter(ctx, machine.label(place), 0);
    while !machine.is_final(place) {
        if ctx.until_stopped(ctx.gate.passed()).await.is_err() || ctx.is_stopping() {
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
