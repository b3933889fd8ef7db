//! Someone else's hold on a behaviour.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle};
use tokio_util::sync::CancellationToken;
use types::{BehaviourReport, Diagram, Exit, Phase};

use crate::{
    mailbox::Slit,
    shown::{Changes, Gate, Shown},
};

/// A hold on a behaviour: see it, pause it, stop it, kill it, wait for it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) drawing: Drawing,
    pub(crate) report: Arc<Shown<BehaviourReport>>,
    pub(crate) slit: Slit,
    pub(crate) stop: CancellationToken,
    pub(crate) kill: Arc<Kill>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) nudge: Arc<Nudge>,
    pub(crate) changes: Arc<Changes>,
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

/// Has a behaviour do at once what it would do at its time.
#[derive(Debug, Default)]
pub(crate) struct Nudge {
    is_heeded: AtomicBool,
    nudged: Notify,
}

impl Nudge {
    /// Waits for it.
    pub(crate) async fn heed(&self) {
        self.is_heeded.store(true, Ordering::Release);
        self.nudged.notified().await;
    }

    /// Whether anybody heeds it.
    fn now(&self) -> bool {
        let is_heeded = self.is_heeded.load(Ordering::Acquire);
        if is_heeded {
            self.nudged.notify_one();
        }
        is_heeded
    }
}

/// How a running behaviour is dropped where it stands.
#[derive(Debug, Default)]
pub(crate) struct Kill(Mutex<Killing>);

#[derive(Debug, Default)]
enum Killing {
    #[default]
    NotStarted,
    Running(AbortHandle),
    Killed,
}

impl Kill {
    fn now(&self) {
        let mut killing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Killing::Running(task) = std::mem::replace(&mut *killing, Killing::Killed) {
            task.abort();
        }
    }

    /// The behaviour runs, and is dropped when it was killed before it did.
    pub(crate) fn arm(&self, task: AbortHandle) {
        let mut killing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *killing {
            Killing::Killed => task.abort(),
            other => *other = Killing::Running(task),
        }
    }
}

impl Handle {
    /// Its states and moves.
    pub fn diagram(&self) -> Arc<Diagram> {
        self.drawing.show()
    }

    /// Where it is now, without its diagram.
    pub fn report(&self) -> BehaviourReport {
        let mut report = self.report.look().clone();
        report.mailbox = self.slit.depth();
        if report.phase == Phase::Running && self.gate.is_closed() {
            report.phase = Phase::Paused;
        }
        report
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.report.look().phase, Phase::Ended(_))
    }

    /// Has it take no further step and no further message, until it may go on. The step that it
    /// is in is finished.
    pub fn pause(&self) {
        if self.gate.set(true) {
            self.changes.bump();
        }
    }

    /// Lets it go on.
    pub fn resume(&self) {
        if self.gate.set(false) {
            self.changes.bump();
        }
    }

    /// Has it do at once what it waits to do at its time, if it is one of those that wait for a
    /// time: a check, say. Its rounds keep their phase. Whether it is one of those.
    pub fn nudge(&self) -> bool {
        self.nudge.now()
    }

    /// Asks it to finish the step it is in, then stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Drops it where it stands.
    pub fn kill(&self) {
        self.kill.now();
    }

    /// Waits until it is over.
    pub async fn join(&self) -> Exit {
        let ended = |it: &BehaviourReport| match &it.phase {
            Phase::Ended(exit) => Some(exit.clone()),
            Phase::Running | Phase::Paused | Phase::Restarting => None,
        };
        self.report.wait_for(ended).await
    }

    /// Waits until it is over, but no longer than `limit`.
    pub async fn join_within(&self, limit: Duration) -> Option<Exit> {
        tokio::time::timeout(limit, self.join()).await.ok()
    }

    /// Waits until it is in the state called `name`, or over.
    pub async fn reaches(&self, name: &str) {
        let there = |it: &BehaviourReport| {
            (it.state == name || matches!(it.phase, Phase::Ended(_))).then_some(())
        };
        self.report.wait_for(there).await;
    }
}
