//! Someone else's hold on a behaviour.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use types::{BehaviourReport, Diagram, Exit, Phase};

use crate::mailbox::Slit;

/// A hold on a behaviour: see it, pause it, stop it, kill it, wait for it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) drawing: Drawing,
    pub(crate) report: watch::Receiver<BehaviourReport>,
    pub(crate) slit: Slit,
    pub(crate) stop: CancellationToken,
    pub(crate) kill: CancellationToken,
    pub(crate) gate: Gate,
    pub(crate) nudge: Arc<Notify>,
    pub(crate) changes: watch::Sender<u64>,
    /// Whether it was added while its agent ran, and may be forgotten once it is over.
    pub(crate) is_passing: bool,
}

/// The states and moves of a behaviour: those of its type, or what it was made with.
#[derive(Clone, Debug)]
pub(crate) enum Drawing {
    Typed(fn() -> Diagram),
    Made(Arc<Mutex<Arc<Diagram>>>),
}

impl Drawing {
    pub(crate) fn made(diagram: Diagram) -> Self {
        Self::Made(Arc::new(Mutex::new(Arc::new(diagram))))
    }

    pub(crate) fn show(&self) -> Arc<Diagram> {
        match self {
            Self::Typed(draw) => Arc::new(draw()),
            Self::Made(made) => Arc::clone(&made.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// What a machine that was made looks like now.
    pub(crate) fn renew(&self, draw: impl FnOnce() -> Diagram) {
        if let Self::Made(made) = self {
            *made.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(draw());
        }
    }
}

/// Lets a behaviour go on, or not.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    pub(crate) fn is_closed(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    pub(crate) async fn passed(&self) {
        if self.is_closed() {
            let mut closed = self.0.subscribe();
            // The sender is here: it cannot be gone.
            drop(closed.wait_for(|closed| !closed).await);
        }
    }

    fn set(&self, closed: bool) -> bool {
        self.0.send_if_modified(|it| std::mem::replace(it, closed) != closed)
    }
}

impl Handle {
    /// Its states and moves.
    pub fn diagram(&self) -> Arc<Diagram> {
        self.drawing.show()
    }

    /// Where it is now, without its diagram.
    pub fn report(&self) -> BehaviourReport {
        let mut report = self.report.borrow().clone();
        report.mailbox = self.slit.depth();
        if report.phase == Phase::Running && self.gate.is_closed() {
            report.phase = Phase::Paused;
        }
        report
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.report.borrow().phase, Phase::Ended(_))
    }

    /// Has it take no further step and no further message, until it may go on. The step that it
    /// is in is finished.
    pub fn pause(&self) {
        if self.gate.set(true) {
            self.changes.send_modify(|it| *it += 1);
        }
    }

    /// Lets it go on.
    pub fn resume(&self) {
        if self.gate.set(false) {
            self.changes.send_modify(|it| *it += 1);
        }
    }

    /// Has it do at once what it waits to do at its time, if it is one of those that wait for a
    /// time: a check, say. Its rounds keep their phase.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Asks it to finish the step it is in, then stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Drops it where it stands.
    pub fn kill(&self) {
        self.kill.cancel();
    }

    /// Waits until it is over.
    pub async fn join(&self) -> Exit {
        let mut report = self.report.clone();
        let ended = |it: &BehaviourReport| matches!(it.phase, Phase::Ended(_));
        match report.wait_for(ended).await.as_deref() {
            Ok(BehaviourReport { phase: Phase::Ended(exit), .. }) => exit.clone(),
            _ => Exit::Killed,
        }
    }

    /// Waits until it is over, but no longer than `limit`.
    pub async fn join_within(&self, limit: Duration) -> Option<Exit> {
        tokio::time::timeout(limit, self.join()).await.ok()
    }

    /// Waits until it is in the state called `name`, or over.
    pub async fn reaches(&self, name: &str) {
        let mut report = self.report.clone();
        let there = |it: &BehaviourReport| it.state == name || matches!(it.phase, Phase::Ended(_));
        // The behaviour is gone when its report is; then nothing is reached any more.
        drop(report.wait_for(there).await);
    }
}
