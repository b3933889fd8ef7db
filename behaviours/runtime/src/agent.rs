//! One agent: a road and the behaviours that share it.

use std::{fmt, sync::Arc, time::Duration};

use types::{Announcement, BehaviourReport, Diagram};

use crate::{
    AgentId, Behaviour, Clock, Directory, Door, EvidenceKey, Handle, Machine, Road, Store,
    Supervision, Template, TooMany, crew::Crew,
};

/// How long behaviours may take to stop before they are killed.
const GRACE: Duration = Duration::from_secs(5);

/// How to run a behaviour.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name, unique in its agent; empty: the name of what it runs.
    pub name: String,
    /// Which messages it wants.
    pub template: Template,
    /// How many messages may wait for it.
    pub mailbox: usize,
    /// When to start it again.
    pub supervision: Supervision,
    /// Whether it is the one that takes letters in as they come, to keep them and hand them over.
    /// Nobody else sees a letter before.
    pub takes_letters: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            name: String::new(),
            template: Template::None,
            mailbox: 256,
            supervision: Supervision::default(),
            takes_letters: false,
        }
    }
}

/// An agent that has not started yet.
pub struct Agent {
    crew: Arc<Crew>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("me", self.crew.door.me()).finish_non_exhaustive()
    }
}

/// A hold on a running agent.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    crew: Arc<Crew>,
    road: Arc<dyn Road>,
}

impl Agent {
    /// An agent without behaviours, which believes nobody to be the registrar.
    pub fn new(me: AgentId, announcement: Announcement, store: Arc<dyn Store>) -> Self {
        Self::on(Door::new(me, announcement, None), store, Clock::system(), None)
    }

    /// The same agent with another clock. Behaviours are added afterwards.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        let Crew { door, store, evidence_key, .. } = &*self.crew;
        Self::on(door.clone(), Arc::clone(store), clock, evidence_key.clone())
    }

    /// The same agent, which takes what `registrar` says of who is there for true. Behaviours are
    /// added afterwards.
    #[must_use]
    pub fn with_registrar(self, registrar: AgentId) -> Self {
        let door = &self.crew.door;
        let door = Door::new(door.me().clone(), door.announcement().clone(), Some(registrar));
        let Crew { store, clock, evidence_key, .. } = &*self.crew;
        Self::on(door, Arc::clone(store), *clock, evidence_key.clone())
    }

    /// The same agent, which signs its results. Behaviours are added afterwards.
    #[must_use]
    pub fn with_evidence_key(self, key: Arc<dyn EvidenceKey>) -> Self {
        let Crew { door, store, clock, .. } = &*self.crew;
        Self::on(door.clone(), Arc::clone(store), *clock, Some(key))
    }

    fn on(
        door: Door,
        store: Arc<dyn Store>,
        clock: Clock,
        key: Option<Arc<dyn EvidenceKey>>,
    ) -> Self {
        Self { crew: Arc::new(Crew::new(door, store, clock, key)) }
    }

    /// Where a road brings in what is for this agent.
    pub fn door(&self) -> &Door {
        &self.crew.door
    }

    /// Adds a behaviour; `factory` makes it, and makes it again after a failure.
    ///
    /// # Panics
    ///
    /// When it has 100,000 already: a file has fewer.
    #[expect(clippy::expect_used, reason = "whoever adds that many has a mistake in the program")]
    pub fn add<B: Behaviour>(
        &mut self,
        spec: Spec,
        factory: impl FnMut() -> B + Send + 'static,
    ) -> Handle {
        self.crew.add(spec, &self.crew.stop, factory).expect("an agent has a bound")
    }

    /// Adds a machine that is called `run` where behaviours are listed, and looks like `diagram`
    /// before it runs.
    pub fn add_machine<M: Machine>(
        &mut self,
        spec: Spec,
        run: &str,
        diagram: Diagram,
        factory: impl FnMut() -> M + Send + 'static,
    ) -> Result<Handle, TooMany> {
        self.crew.add_machine(spec, run, diagram, &self.crew.stop, factory)
    }

    /// Lets the behaviours run over `road`.
    pub fn start(self, road: Arc<dyn Road>) -> AgentHandle {
        self.crew.start(Arc::clone(&road));
        AgentHandle { crew: self.crew, road }
    }
}

impl AgentHandle {
    /// Its address.
    pub fn me(&self) -> &AgentId {
        self.crew.door.me()
    }

    /// Its door.
    pub fn door(&self) -> &Door {
        &self.crew.door
    }

    /// Where every behaviour is now.
    pub fn reports(&self) -> Vec<BehaviourReport> {
        self.behaviours().iter().map(Handle::report).collect()
    }

    /// Its behaviours, in the order in which they were added.
    pub fn behaviours(&self) -> Arc<[Handle]> {
        self.crew.handles()
    }

    /// Adds a behaviour while it runs.
    pub fn add<B: Behaviour>(
        &self,
        spec: Spec,
        factory: impl FnMut() -> B + Send + 'static,
    ) -> Result<Handle, TooMany> {
        self.crew.add(spec, &self.crew.stop, factory)
    }

    /// Who else is there, as far as it knows.
    pub fn directory(&self) -> &Directory {
        self.crew.door.directory()
    }

    /// Waits until every behaviour is over.
    pub async fn finished(&self) {
        self.crew.tasks.wait().await;
    }

    /// Stops every behaviour, kills those that take longer than 5 seconds, then takes leave.
    pub async fn shutdown(&self) {
        self.crew.stop.cancel();
        if tokio::time::timeout(GRACE, self.crew.tasks.wait()).await.is_err() {
            self.behaviours().iter().for_each(Handle::kill);
            self.crew.tasks.wait().await;
        }
        self.door().talks().stopped().await;
        self.road.close().await;
    }
}
