//! The behaviours of one agent while it lives, and what they share.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};
use types::Diagram;

use crate::{
    Behaviour, Clock, Context, Door, EvidenceKey, Handle, Road, Spec, State, Store, Template,
    handed::Handed,
    handle::{Drawing, Nudge},
    machine::{Machine, Typed},
    mailbox::mailbox,
    recent::Recent,
    run::{Board, supervise},
    shown::{Changes, Gate},
};

/// Behaviours of one agent at a time, at most.
const MOST: usize = 100_000;

/// Behaviours that were added while the agent ran, are over, and can still be looked at, about;
/// then those that came first are forgotten.
const OVER: usize = 64;

/// The agent has as many behaviours as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent has no more than {MOST} behaviours")]
pub struct TooMany;

type Launch = Box<dyn FnOnce(&Arc<Crew>) + Send>;

/// What all behaviours of an agent share.
pub(crate) struct Crew {
    pub(crate) door: Door,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Moves with every change of any behaviour.
    pub(crate) changes: Arc<Changes>,
    pub(crate) stop: CancellationToken,
    pub(crate) road: OnceLock<Arc<dyn Road>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) recent: Recent,
    pub(crate) handed: Handed,
    /// Who holds it writes results down; one after the other, since each names the one before.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) evidence_key: Option<Arc<dyn EvidenceKey>>,
    members: RwLock<Members>,
    /// Behaviours that were added before the agent started.
    launches: Mutex<Vec<Launch>>,
}

#[derive(Default)]
struct Members {
    all: Vec<Handle>,
    /// As it was read last; none when something changed since.
    shown: Option<Arc<[Handle]>>,
    names: HashSet<String>,
    /// How often a name was asked for.
    namesakes: HashMap<String, u32>,
    /// Behaviours added since it was last looked who is over.
    passing: usize,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("me", self.door.me()).finish_non_exhaustive()
    }
}

impl Crew {
    pub(crate) fn new(
        door: Door,
        store: Arc<dyn Store>,
        clock: Clock,
        evidence_key: Option<Arc<dyn EvidenceKey>>,
    ) -> Self {
        Self {
            door,
            store,
            clock,
            changes: Arc::default(),
            stop: CancellationToken::new(),
            road: OnceLock::new(),
            tasks: TaskTracker::new(),
            recent: Recent::default(),
            handed: Handed::default(),
            turn: Arc::default(),
            evidence_key,
            members: RwLock::default(),
            launches: Mutex::default(),
        }
    }

    /// Adds a behaviour whose states are written in code.
    pub(crate) fn add<B: Behaviour>(
        self: &Arc<Self>,
        spec: Spec,
        stop: &CancellationToken,
        mut factory: impl FnMut() -> B + Send + 'static,
    ) -> Result<Handle, TooMany> {
        let drawing = Drawing::Typed(crate::diagram::<B::State>);
        let start = B::State::START.name().into();
        self.take_in(spec, B::NAME.into(), start, drawing, stop, move || Typed(factory()))
    }

    /// Adds a machine; `diagram` is what is shown of it before it runs.
    pub(crate) fn add_machine<M: Machine>(
        self: &Arc<Self>,
        spec: Spec,
        run: &str,
        diagram: Diagram,
        stop: &CancellationToken,
        factory: impl FnMut() -> M + Send + 'static,
    ) -> Result<Handle, TooMany> {
        let start = diagram.states.first().map(|it| it.name.clone()).unwrap_or_default();
        let drawing = Drawing::made(diagram);
        self.take_in(spec, run.to_owned().into(), start, drawing, stop, factory)
    }

    fn take_in<M: Machine>(
        self: &Arc<Self>,
        spec: Spec,
        run: Cow<'static, str>,
        start: Cow<'static, str>,
        drawing: Drawing,
        stop: &CancellationToken,
        factory: impl FnMut() -> M + Send + 'static,
    ) -> Result<Handle, TooMany> {
        let running = self.road.get().is_some();
        // Who wants no message is not asked about each.
        let listens = spec.template != Template::None;
        let (slit, inbox) = mailbox(spec.template, spec.mailbox, spec.takes_letters);
        let (gate, nudge) = (Arc::<Gate>::default(), Arc::<Nudge>::default());
        let (handle, board) = {
            let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
            if members.all.len() >= MOST {
                return Err(TooMany);
            }
            let wanted = if spec.name.is_empty() { &*run } else { &*spec.name };
            let name = members.free_name(wanted);
            let board =
                Board::new(name, run, start, drawing.clone(), listens.then(|| slit.clone()), self);
            let handle = Handle {
                drawing,
                report: Arc::clone(&board.report),
                slit: slit.clone(),
                stop: stop.child_token(),
                kill: Arc::default(),
                gate: Arc::clone(&gate),
                nudge: Arc::clone(&nudge),
                changes: Arc::clone(&self.changes),
                is_passing: running,
            };
            members.push(handle.clone());
            (handle, board)
        };
        if listens {
            self.door.add(slit);
        }
        let (stop, kill) = (handle.stop.clone(), Arc::clone(&handle.kill));
        let launch = move |crew: &Arc<Self>| {
            let name = board.report.look().name.clone();
            let span = info_span!("behaviour", agent.jid = %crew.door.me(), behaviour.name = %name);
            let changes = crew.changes.count();
            let ctx = Context {
                crew: Arc::clone(crew),
                name,
                mailbox: inbox,
                stop,
                gate,
                nudge,
                changes,
                due_ms: None,
                redrawn: false,
                shown_error: None,
                taken: Vec::new(),
                dealt_with: Vec::new(),
            };
            let run = supervise(factory, spec.supervision, ctx, board);
            kill.arm(crew.tasks.spawn(run.instrument(span)).abort_handle());
        };
        if running {
            launch(self);
            self.changed();
        } else {
            let mut launches = self.launches.lock().unwrap_or_else(PoisonError::into_inner);
            launches.push(Box::new(launch));
        }
        Ok(handle)
    }

    /// Lets everybody run over `road`.
    pub(crate) fn start(self: &Arc<Self>, road: Arc<dyn Road>) {
        self.door.talks().start(self.clock, self.stop.clone());
        self.door.opens_on(Arc::clone(&road));
        // A crew starts once: its agent is gone then.
        drop(self.road.set(road));
        let launches =
            std::mem::take(&mut *self.launches.lock().unwrap_or_else(PoisonError::into_inner));
        for launch in launches {
            launch(self);
        }
        self.tasks.close();
    }

    /// Everybody, in the order in which they were added.
    pub(crate) fn handles(&self) -> Arc<[Handle]> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = &members.shown {
            return Arc::clone(shown);
        }
        drop(members);
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let shown: Arc<[Handle]> = members.all.clone().into();
        members.shown = Some(Arc::clone(&shown));
        shown
    }

    pub(crate) fn changed(&self) {
        self.changes.bump();
    }
}

impl Members {
    fn push(&mut self, handle: Handle) {
        self.shown = None;
        self.passing += usize::from(handle.is_passing);
        self.all.push(handle);
        if self.passing > OVER {
            self.passing = 0;
            self.forget();
        }
    }

    /// Forgets who is over, but for the last [`OVER`].
    fn forget(&mut self) {
        let is_over = |it: &Handle| it.is_passing && it.is_over();
        let over = self.all.iter().filter(|it| is_over(it)).count();
        let mut surplus = over.saturating_sub(OVER);
        let names = &mut self.names;
        self.all.retain(|it| {
            let goes = surplus > 0 && is_over(it);
            if goes {
                surplus -= 1;
                names.remove(&*it.report.look().name);
            }
            !goes
        });
    }

    /// `check`, or where there is one already `check:2` and so on.
    fn free_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.names.contains(&name) {
            let number = self.namesakes.entry(wanted.to_owned()).or_insert(1);
            *number += 1;
            name = format!("{wanted}:{number}");
        }
        self.names.insert(name.clone());
        name
    }
}
