//! Tells whoever aggregates what this agent is doing, whenever that changes.

use std::time::Duration;

use runtime::{
    Address, Behaviour, Context, Failure, Fields, Handle, Interrupted, Message, Performative,
    SendError, Setting, StoreError, states,
};
use tokio::time::Instant;
use types::{BehaviourReport, Diagram, Phase, Report};

use crate::{
    forward::Forward,
    queue::{ANCHOR, FORWARD, OUTBOX},
};

/// The least time between two reports, however much moves.
const LEAST: Duration = Duration::from_millis(500);
/// How often the diagrams go along.
const DIAGRAMS: Duration = Duration::from_secs(30);
/// So much that waits on disk makes an agent as busy as it can be.
const BACKLOG: u64 = 10_000;
/// Violations that are told where more are too many for one message.
const VIOLATIONS: usize = 10;
/// How often it tells even when nothing moves, unless said otherwise.
const EVERY: Duration = Duration::from_secs(10);

/// What can be set.
pub const SETTINGS: &[Setting] = &[Setting {
    key: "every",
    about: "how often to tell when nothing moves; 10s unless said otherwise",
    example: "every = \"10s\"",
    required: false,
}];

/// To whom, and how often.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An agent, or a duty.
    pub to: Address,
    /// How often when nothing moves.
    pub every: Duration,
}

impl Settings {
    /// The usual, to whom.
    pub fn to(to: Address) -> Self {
        Self { to, every: EVERY }
    }

    /// Reads how often; to whom is the agent's own setting.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let every = fields.parse("every", "a time of a second or more, such as \"10s\"", |text| {
            humantime::parse_duration(text).ok().filter(|it| *it >= Duration::from_secs(1))
        });
        Some(Self { every: every.unwrap_or(EVERY), ..Self::to("duty:aggregate".into()) })
    }
}

states! {
    /// Where a heartbeat is.
    pub enum State {
        /// Waits until something moves, or time passes.
        Waiting => [Telling],
        /// Tells it.
        Telling => [Waiting],
    }
}

/// A heartbeat.
#[derive(Debug)]
pub struct Heartbeat {
    settings: Settings,
    told: Option<Instant>,
    drawn: Option<Instant>,
    /// Where the others were when it looked last.
    seen: Vec<Place>,
}

/// How far a behaviour got.
type Place = (u64, u64, Phase);

impl From<Settings> for Heartbeat {
    fn from(settings: Settings) -> Self {
        Self { settings, told: None, drawn: None, seen: Vec::new() }
    }
}

impl Behaviour for Heartbeat {
    type State = State;
    const NAME: &'static str = "heartbeat";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting => {
                if let Some(told) = self.told {
                    ctx.until_stopped(tokio::time::sleep_until(told + LEAST)).await?;
                    let limit = self.settings.every.saturating_sub(LEAST);
                    // Whether something moved or time has passed: it is time to tell.
                    if let Ok(moved) = tokio::time::timeout(limit, self.others_move(ctx)).await {
                        moved?;
                    }
                }
                State::Telling
            }
            State::Telling => {
                self.tell(ctx).await?;
                State::Waiting
            }
        })
    }
}

impl Heartbeat {
    /// Waits until a behaviour is elsewhere than it was told to be.
    async fn others_move(&self, ctx: &mut Context) -> Result<(), Interrupted> {
        while places(ctx) == self.seen {
            ctx.changed().await?;
        }
        Ok(())
    }

    async fn tell(&mut self, ctx: &Context) -> Result<(), Failure> {
        let load = load(ctx)?;
        ctx.set_mood(|mood| mood.load = load);
        let now = Instant::now();
        let draw = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= DIAGRAMS);
        self.seen = places(ctx);
        let behaviours = ctx.handles().iter().map(|it| shown(it, draw)).collect();
        let mut report = Report {
            jid: ctx.me().bare().to_owned(),
            sent_ms: ctx.clock().now_ms(),
            announcement: ctx.announcement().clone(),
            backlog: ctx.store().count(OUTBOX)?,
            unwanted: ctx.unwanted(),
            violations: ctx.violations().1,
            behaviours,
        };
        self.told = Some(now);
        loop {
            let message = Message::new(Performative::Inform, self.settings.to.clone(), &report)?;
            match ctx.until_stopped(ctx.send(message)).await? {
                Ok(()) if draw => self.drawn = Some(now),
                Ok(()) => {}
                Err(SendError::TooLarge { .. }) if shrinks(&mut report) => continue,
                Err(error) => tracing::debug!(%error, "nobody hears the heartbeat"),
            }
            return Ok(());
        }
    }
}

/// Leaves out what can be missed most easily, of a report that no message carries; whether there
/// is less to tell now.
fn shrinks(report: &mut Report) -> bool {
    let surplus = report.violations.len().saturating_sub(VIOLATIONS);
    if surplus > 0 {
        report.violations.drain(..surplus);
        return true;
    }
    if report.behaviours.iter().any(|it| it.diagram.is_some()) {
        report.behaviours.iter_mut().for_each(|it| it.diagram = None);
        return true;
    }
    if !report.violations.is_empty() {
        report.violations.clear();
        return true;
    }
    let half = report.behaviours.len() / 2;
    report.behaviours.truncate(half);
    half > 0
}

/// How busy the agent is, in steps of a quarter: as full as its fullest mailbox, or as much as
/// waits on its disk.
fn load(ctx: &Context) -> Result<u8, StoreError> {
    let fullness = |queued: u64, capacity: u64| queued.saturating_mul(4) / capacity.max(1);
    let siblings = ctx.siblings();
    let mailboxes = siblings.iter().map(|it| fullness(it.mailbox.queued, it.mailbox.capacity));
    let mut quarters = mailboxes.max().unwrap_or_default();
    for queue in [OUTBOX, ANCHOR, FORWARD] {
        quarters = quarters.max(fullness(ctx.store().count(queue)?, BACKLOG));
    }
    Ok(u8::try_from(quarters.min(4) * 25).unwrap_or(100))
}

/// Where the others are. What a heartbeat itself sets in motion is no news: its own steps, and
/// those of a forwarder that takes its report on.
fn places(ctx: &Context) -> Vec<Place> {
    let others = ctx.siblings().into_iter().filter(|it| it.run != Heartbeat::NAME);
    others
        .map(|it| {
            let steps = if it.run == Forward::NAME { 0 } else { it.steps };
            (steps, it.restarts, it.phase)
        })
        .collect()
}

fn shown(handle: &Handle, draw: bool) -> BehaviourReport {
    let diagram = draw.then(|| Diagram::clone(&handle.diagram()));
    BehaviourReport { diagram, ..handle.report() }
}
