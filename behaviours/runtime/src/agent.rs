//! One agent: a road and the behaviours that share it.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};
use types::{Announcement, BehaviourReport};

use crate::{
    AgentId, Behaviour, Clock, Context, Directory, Door, Handle, Road, Store, Supervision,
    Template, diagram,
    mailbox::{Mailbox, mailbox},
    run::{Board, supervise},
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
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            name: String::new(),
            template: Template::None,
            mailbox: 256,
            supervision: Supervision::default(),
        }
    }
}

type Launch = Box<dyn FnOnce(Ground, &TaskTracker) + Send>;

/// What all behaviours of a running agent share.
#[derive(Clone)]
struct Ground {
    road: Arc<dyn Road>,
    siblings: Arc<OnceLock<Arc<[Handle]>>>,
}

/// An agent that has not started yet.
pub struct Agent {
    door: Door,
    store: Arc<dyn Store>,
    clock: Clock,
    changes: Arc<watch::Sender<u64>>,
    stop: CancellationToken,
    behaviours: Vec<Handle>,
    launches: Vec<Launch>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("me", self.door.me()).finish_non_exhaustive()
    }
}

/// A hold on a running agent.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    door: Door,
    road: Arc<dyn Road>,
    behaviours: Arc<[Handle]>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Agent {
    /// An agent without behaviours.
    pub fn new(me: AgentId, announcement: Announcement, store: Arc<dyn Store>) -> Self {
        Self {
            door: Door::new(me, announcement),
            store,
            clock: Clock::system(),
            changes: Arc::new(watch::Sender::new(0)),
            stop: CancellationToken::new(),
            behaviours: Vec::new(),
            launches: Vec::new(),
        }
    }

    /// The same agent with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where a road brings in what is for this agent.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Adds a behaviour; `factory` makes it, and makes it again after a failure.
    pub fn add<B: Behaviour>(
        &mut self,
        spec: Spec,
        factory: impl FnMut() -> B + Send + 'static,
    ) -> Handle {
        let name = self.free_name(if spec.name.is_empty() { B::NAME } else { &spec.name });
        let (slit, inbox) = mailbox(spec.template, spec.mailbox);
        self.door.add(slit.clone());
        let board = Board::new::<B>(&name, self.clock, Arc::clone(&self.changes));
        let handle = Handle {
            diagram: diagram::<B::State>(),
            report: board.report.subscribe(),
            slit,
            stop: self.stop.child_token(),
            kill: CancellationToken::new(),
        };
        self.behaviours.push(handle.clone());
        let context = self.context(inbox, handle.stop.clone());
        let kill = handle.kill.clone();
        let span = info_span!("behaviour", agent.jid = %self.door.me(), behaviour.name = name);
        self.launches.push(Box::new(move |ground, tasks| {
            let run = supervise(factory, spec.supervision, context(ground), kill, board);
            tasks.spawn(run.instrument(span));
        }));
        handle
    }

    /// Lets the behaviours run over `road`.
    pub fn start(self, road: Arc<dyn Road>) -> AgentHandle {
        let Self { door, stop, behaviours, launches, .. } = self;
        let behaviours: Arc<[Handle]> = behaviours.into();
        let siblings = Arc::new(OnceLock::from(Arc::clone(&behaviours)));
        let ground = Ground { road: Arc::clone(&road), siblings };
        let tasks = TaskTracker::new();
        for launch in launches {
            launch(ground.clone(), &tasks);
        }
        tasks.close();
        AgentHandle { door, road, behaviours, stop, tasks }
    }

    fn context(
        &self,
        mailbox: Mailbox,
        stop: CancellationToken,
    ) -> impl FnOnce(Ground) -> Context + Send + 'static {
        let (door, store, clock) = (self.door.clone(), Arc::clone(&self.store), self.clock);
        let (changes, online) = (self.changes.subscribe(), self.door.watch_online());
        move |Ground { road, siblings }| Context {
            door,
            road,
            store,
            clock,
            mailbox,
            stop,
            siblings,
            changes,
            online,
        }
    }

    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.behaviours.iter().any(|it| it.report().name == name);
        let numbered = (2..).map(|number: u32| format!("{wanted}:{number}"));
        std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or_default()
    }
}

impl AgentHandle {
    /// Its address.
    pub fn me(&self) -> &AgentId {
        self.door.me()
    }

    /// Where every behaviour is now.
    pub fn reports(&self) -> Vec<BehaviourReport> {
        self.behaviours.iter().map(Handle::report).collect()
    }

    /// Its behaviours, in the order in which they were added.
    pub fn behaviours(&self) -> &[Handle] {
        &self.behaviours
    }

    /// Who else is there, as far as it knows.
    pub fn directory(&self) -> &Directory {
        self.door.directory()
    }

    /// Waits until every behaviour is over.
    pub async fn finished(&self) {
        self.tasks.wait().await;
    }

    /// Stops every behaviour, kills those that take longer than 5 seconds, then takes leave.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            self.behaviours.iter().for_each(Handle::kill);
            self.tasks.wait().await;
        }
        self.road.close().await;
    }
}
