//! Runs one behaviour: steps it, shows it, stops it, starts it again.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use types::{BehaviourReport, Depth, Exit, Phase};

use crate::{
    Behaviour, Clock, Context, Failure, State, Supervision, behaviour::Chain, supervise::History,
};

/// Where a run shows where it is.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) report: Arc<watch::Sender<BehaviourReport>>,
    /// Moves with every change of any behaviour of the agent.
    pub(crate) changes: Arc<watch::Sender<u64>>,
    pub(crate) clock: Clock,
}

impl Board {
    pub(crate) fn new<B: Behaviour>(
        name: &str,
        clock: Clock,
        changes: Arc<watch::Sender<u64>>,
    ) -> Self {
        let report = BehaviourReport {
            name: name.to_owned().into(),
            run: B::NAME.into(),
            phase: Phase::Running,
            state: B::State::START.name().into(),
            since_ms: clock.now_ms(),
            steps: 0,
            restarts: 0,
            last_error: None,
            mailbox: Depth::default(),
            due_ms: None,
            diagram: None,
        };
        Self { report: Arc::new(watch::Sender::new(report)), changes, clock }
    }

    fn show(&self, change: impl FnOnce(&mut BehaviourReport)) {
        self.report.send_modify(change);
        self.changes.send_modify(|it| *it += 1);
    }

    fn enter<S: State>(&self, state: S, steps: u64) {
        let now = self.clock.now_ms();
        self.show(|it| {
            it.phase = Phase::Running;
            if it.state != state.name() {
                it.since_ms = now;
                it.state = state.name().into();
            }
            it.steps += steps;
        });
    }
}

/// Runs a behaviour until it is over for good.
pub(crate) async fn supervise<B: Behaviour>(
    mut factory: impl FnMut() -> B,
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
        let Some(pause) = history.judge(&rule, &exit) else { break exit };
        warn!(?exit, "behaviour ended, starting it again");
        board.show(|it| {
            it.phase = Phase::Restarting;
            it.restarts += 1;
            it.last_error = error_of(&exit);
        });
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
    board.show(|it| {
        it.last_error = error_of(&exit).or_else(|| it.last_error.take());
        it.phase = Phase::Ended(exit);
    });
}

/// Steps a behaviour from its first state to a final one.
async fn drive<B: Behaviour>(
    factory: &mut impl FnMut() -> B,
    ctx: &mut Context,
    board: &Board,
) -> Exit {
    let mut behaviour = factory();
    let mut state = B::State::START;
    board.enter(state, 0);
    while !state.is_final() {
        if ctx.is_stopping() {
            return Exit::Stopped;
        }
        let next = match behaviour.step(state, ctx).await {
            Ok(next) => next,
            Err(Failure::Interrupted) => return Exit::Stopped,
            Err(Failure::Error(error)) => {
                return Exit::Failed(Chain(error.as_ref()).to_string());
            }
        };
        if !state.moves().contains(&next) {
            return Exit::Failed(format!("no move from `{}` to `{}`", state.name(), next.name()));
        }
        debug!(from = state.name(), to = next.name(), "moved");
        state = next;
        board.enter(state, 1);
        // A behaviour that never waits must not starve the others, nor its own `kill`.
        tokio::task::consume_budget().await;
    }
    Exit::Done
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
