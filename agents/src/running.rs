//! An agent at work.

use std::{path::PathBuf, sync::Arc, time::Duration};

use registry::{
    DeviceIdentity, KeyFileError, LinkState, RoadError, Sealing, SigningKey, Trust, TrustError,
    XmppRoad,
};
use runtime::{AgentHandle, Clock, Handle, Hub, POST, Store, StoreError};
use tokio::sync::watch;
use types::{BehaviourReport, Exit, Phase, Presence, Show};

use crate::{Config, DiskStore};

/// The queue of what was not confirmed yet.
const OUTBOX: &str = "outbox";

/// All queues of what is on its way.
const QUEUES: [&str; 4] = [OUTBOX, POST, "anchor", "forward"];

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its state cannot be opened.
    #[error("cannot open the state in `{}`", folder.display())]
    State {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// Its list of members cannot be believed.
    #[error("cannot open the list of members of `{jid}`")]
    Trust {
        /// Which agent.
        jid: String,
        /// Why.
        source: TrustError,
    },
    /// Its keys cannot be read.
    #[error("cannot open the keys of `{jid}`")]
    Keys {
        /// Which agent.
        jid: String,
        /// Why.
        source: KeyFileError,
    },
    /// It has no way to others.
    #[error("cannot connect `{jid}`")]
    Road {
        /// Which agent.
        jid: String,
        /// Why.
        source: RoadError,
    },
}

/// A running agent.
#[derive(Clone, Debug)]
pub struct Running {
    agent: AgentHandle,
    road: XmppRoad,
    store: Arc<dyn Store>,
    named: Arc<[Handle]>,
}

impl Running {
    /// Starts an agent with its own state on disk.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let folder = config.state.clone();
        let disk = DiskStore::open(&folder)
            .await
            .map_err(|source| StartError::State { folder, source })?;
        Self::start_beside(config, &disk, &Hub::default())
    }

    /// Starts an agent beside others: its state shares a disk store with theirs, and what they
    /// say to each other goes through `hub` and needs no server.
    pub fn start_beside(config: Config, disk: &DiskStore, hub: &Hub) -> Result<Self, StartError> {
        let store: Arc<dyn Store> = disk.of(config.account.jid.as_str());
        let jid = config.account.jid.to_string();
        let open = |key| Trust::open(&config.state, key, Clock::system().now_ms());
        let trust = config.trust.map(open).transpose();
        let trust = trust.map_err(|source| StartError::Trust { jid: jid.clone(), source })?;
        let trust = trust.map(Arc::new);
        if trust.is_none() {
            tracing::warn!(agent.jid = jid, "not enrolled: what it says is not sealed end to end");
        }
        let sealing = trust.as_deref().map(|trust| sealing(&config, trust)).transpose()?;
        let evidence_key = match SigningKey::open(&SigningKey::evidence_file(&config.state)) {
            Ok(key) => Some(key),
            // Only who is enrolled has one.
            Err(KeyFileError::Absent(_)) => None,
            Err(source) => return Err(StartError::Keys { jid, source }),
        };
        let (agent, named, account) =
            config.build(Arc::clone(&store), trust.as_ref(), evidence_key);
        let road = XmppRoad::connect_sealed(account, agent.door().clone(), sealing)
            .map_err(|source| StartError::Road { jid, source })?;
        let lane = hub.join_beside(agent.door(), Arc::new(road.clone()));
        let agent = agent.start(lane);
        Ok(Self { agent, road, store, named: named.into() })
    }

    /// Its account.
    pub fn jid(&self) -> &str {
        self.agent.me().bare()
    }

    /// How its connection is; wakes when that changes.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.road.state()
    }

    /// Where every behaviour is now.
    pub fn reports(&self) -> Vec<BehaviourReport> {
        self.agent.reports()
    }

    /// Waits until everything that its file names is over and every result has been confirmed.
    /// Says how many ended otherwise than they should. An agent with periodic behaviours is
    /// never over.
    pub async fn finished(&self) -> usize {
        let mut failed = 0;
        for behaviour in self.named.iter() {
            match behaviour.join().await {
                Exit::Done | Exit::Stopped => {}
                Exit::Killed | Exit::Failed(_) | Exit::Panicked(_) => failed += 1,
            }
        }
        let mut commits = self.store.watch();
        loop {
            commits.mark_unchanged();
            // What cannot be counted is not waited for.
            let left = [OUTBOX, POST].map(|queue| self.store.count(queue).unwrap_or(0));
            if left == [0, 0] {
                return failed;
            }
            if commits.changed().await.is_err() {
                return failed;
            }
        }
    }

    /// Asks what its file names to stop; what it runs by itself goes on.
    pub fn hush(&self) {
        self.named.iter().for_each(Handle::stop);
    }

    /// Waits until nothing of it is left to be delivered, no longer than `limit`.
    pub async fn empty(&self, limit: Duration) {
        let mut commits = self.store.watch();
        let emptying = async {
            loop {
                commits.mark_unchanged();
                let left = QUEUES.iter().map(|queue| self.store.count(queue).unwrap_or(0));
                if left.sum::<u64>() == 0 || commits.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(limit, emptying).await.is_err() {
            tracing::info!(agent.jid = self.jid(), "results are left for the next start");
        }
    }

    /// Waits until it knows that `jid` is gone, no longer than `limit`.
    pub async fn sees_gone(&self, jid: &str, limit: Duration) {
        let mut members = self.agent.directory().watch();
        let gone = |it: Option<Presence>| it.is_none_or(|it| it.show == Show::Unavailable);
        let noticing = async {
            while !gone(self.agent.directory().get(&jid.into())) {
                if members.changed().await.is_err() {
                    return;
                }
            }
        };
        // It is only nicer to know.
        drop(tokio::time::timeout(limit, noticing).await);
    }

    /// Whether a behaviour of it has ended in a way that needs a person.
    pub fn is_broken(&self) -> bool {
        let broken = |it: &BehaviourReport| {
            matches!(it.phase, Phase::Ended(Exit::Failed(_) | Exit::Panicked(_)))
        };
        self.reports().iter().any(broken)
    }

    /// Waits until it is connected, or will not be; no longer than `limit`.
    pub async fn connected(&self, limit: Duration) -> LinkState {
        let mut link = self.link();
        let settled = |it: &LinkState| matches!(it, LinkState::Online | LinkState::Refused(_));
        // When time is over, the state says what the trouble is.
        drop(tokio::time::timeout(limit, link.wait_for(settled)).await);
        link.borrow_and_update().clone()
    }

    /// Stops its behaviours, then takes leave. What was not confirmed stays on disk.
    pub async fn stop(&self) {
        self.agent.shutdown().await;
    }
}

/// What an agent that is enrolled seals with.
fn sealing(config: &Config, trust: &Trust) -> Result<Sealing, StartError> {
    let jid = || config.account.jid.to_string();
    let device = DeviceIdentity::open_or_make(&config.state)
        .map_err(|source| StartError::Keys { jid: jid(), source })?;
    Ok(Sealing {
        device,
        store: config.state.join("omemo.sqlite"),
        members: trust.members(),
        policies: config.policies.clone(),
    })
}
