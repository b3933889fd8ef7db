//! Tells whoever aggregates what this agent is doing, whenever that changes.

use std::time::Duration;

use runtime::{
    Address, Behaviour, Context, Failure, Fields, Handle, Message, Performative, Setting, states,
};
use tokio::time::Instant;
use types::{BehaviourReport, Report};

use crate::queue::OUTBOX;

/// The least time between two reports, however much moves.
const LEAST: Duration = Duration::from_millis(500);
/// How often the diagrams go along.
const DIAGRAMS: Duration = Duration::from_secs(30);
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
}

impl From<Settings> for Heartbeat {
    fn from(settings: Settings) -> Self {
        Self { settings, told: None, drawn: None }
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
                    let limit = self.settings.every;
                    // Whether something moved or time has passed: it is time to tell.
                    if let Ok(moved) = tokio::time::timeout(limit, others_move(ctx)).await {
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
    async fn tell(&mut self, ctx: &Context) -> Result<(), Failure> {
        let now = Instant::now();
        let draw = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= DIAGRAMS);
        let behaviours = ctx.handles().iter().map(|it| shown(it, draw)).collect();
        let report = Report {
            jid: ctx.me().bare().to_owned(),
            sent_ms: ctx.clock().now_ms(),
            announcement: ctx.announcement().clone(),
            backlog: ctx.store().count(OUTBOX)?,
            behaviours,
        };
        let message = Message::new(Performative::Inform, self.settings.to.clone(), &report)?;
        self.told = Some(now);
        match ctx.until_stopped(ctx.send(message)).await? {
            Ok(()) if draw => self.drawn = Some(now),
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "nobody hears the heartbeat"),
        }
        Ok(())
    }
}

/// Waits until a behaviour other than the heartbeat moves.
async fn others_move(ctx: &mut Context) -> Result<(), runtime::Interrupted> {
    let steps = |ctx: &Context| -> Vec<(u64, u64)> {
        let others = ctx.siblings().into_iter().filter(|it| it.run != Heartbeat::NAME);
        others.map(|it| (it.steps, it.restarts)).collect()
    };
    let before = steps(ctx);
    while steps(ctx) == before {
        ctx.changed().await?;
    }
    Ok(())
}

fn shown(handle: &Handle, draw: bool) -> BehaviourReport {
    let diagram = draw.then(|| handle.diagram().clone());
    BehaviourReport { diagram, ..handle.report() }
}
