//! Someone else's hold on a behaviour.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use types::{BehaviourReport, Diagram, Exit, Phase};

use crate::mailbox::Slit;

/// A hold on a behaviour: see it, stop it, kill it, wait for it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) diagram: Diagram,
    pub(crate) report: watch::Receiver<BehaviourReport>,
    pub(crate) slit: Slit,
    pub(crate) stop: CancellationToken,
    pub(crate) kill: CancellationToken,
}

impl Handle {
    /// Its states and moves.
    pub fn diagram(&self) -> &Diagram {
        &self.diagram
    }

    /// Where it is now, without its diagram.
    pub fn report(&self) -> BehaviourReport {
        let mut report = self.report.borrow().clone();
        report.mailbox = self.slit.depth();
        report
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
