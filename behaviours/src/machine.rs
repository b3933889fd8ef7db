//! Runs a state machine that a file describes, and takes on another one when the file changes.

mod action;
mod assign;
mod condition;
mod definition;
mod effect;
mod graph;
mod moves;
mod scalar;
mod source;
mod text;
mod timers;

use std::{borrow::Cow, sync::Arc, time::Duration};

use runtime::{
    Context, Failure, Fields, Interrupted, Machine, Message, Performative, Setting, Spec,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use types::Diagram;

use definition::{Definition, Way};
use effect::Effect;
use scalar::Scalar;
use source::{Look, Source};
use timers::Timers;

use crate::patience::until;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait when there is no room on disk.
const NO_ROOM: Duration = Duration::from_secs(1);
/// Moves without waiting for anything, at most; more are a circle.
const HASTE: u32 = 1_000;
/// Messages that may wait.
const MAILBOX: usize = 1024;

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "file",
        about: "the file of the machine; it is looked at every second",
        example: "file = \"machines/door.toml\"",
        required: false,
    },
    Setting {
        key: "machine",
        about: "the machine itself, instead of a file",
        example: "[behaviour.machine.state.closed]",
        required: false,
    },
];

/// Which machine.
#[derive(Clone, Debug)]
pub struct Settings {
    definition: Arc<Definition>,
    source: Option<Source>,
}

impl Settings {
    /// Reads a machine and tells every problem, those of its file with the file's name.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        match (fields.has("file"), fields.has("machine")) {
            (true, false) => {
                let name: String = fields.take("file", "the path of a file")?;
                let path = fields.folder().join(&name);
                let (source, definition) = Source::read(path, name, fields.problems())?;
                Some(Self { definition: Arc::new(definition), source: Some(source) })
            }
            (false, true) => {
                let table = fields.table("machine")?;
                let path = fields.path("machine");
                let mut problems = Vec::new();
                let definition = Definition::read(table, &mut problems);
                for problem in problems {
                    fields.problems().push(runtime::Problem {
                        key: format!("{path}.{}", problem.key),
                        ..problem
                    });
                }
                Some(Self { definition: Arc::new(definition?), source: None })
            }
            (true, true) => {
                fields.complain("machine", "there is a `file` already; keep one of the two");
                None
            }
            (false, false) => {
                let example = "for example `file = \"machines/door.toml\"`";
                fields.complain("file", format!("missing, and no `machine` either; {example}"));
                None
            }
        }
    }

    /// How it is run: what it is called, and which messages it wants.
    pub fn spec(&self) -> Spec {
        Spec {
            name: self.definition.name.clone(),
            template: self.definition.template(),
            mailbox: MAILBOX,
            ..Spec::default()
        }
    }

    /// Its states and moves.
    pub fn diagram(&self) -> Diagram {
        self.definition.diagram()
    }
}

/// Where a machine is, as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    state: String,
    variables: Vec<(String, Scalar)>,
    heard: Option<Message>,
    /// When it came into the state, in milliseconds since 1970 UTC.
    since_ms: i64,
    /// How much of the time in the state was dealt with, in milliseconds.
    dealt_ms: u64,
    owed: Vec<Effect>,
}

/// A state machine at work.
#[derive(Debug)]
pub struct Automaton {
    definition: Arc<Definition>,
    source: Option<Source>,
    variables: Vec<Scalar>,
    /// The last message that set it in motion.
    heard: Option<Message>,
    timers: Timers,
    next_look: Instant,
    /// Whether it has just been made, and enters its first state.
    is_new: bool,
    /// What the world was not told yet of the last move before a restart.
    owed: Vec<Effect>,
    haste: u32,
}

impl From<Settings> for Automaton {
    fn from(settings: Settings) -> Self {
        let Settings { definition, source } = settings;
        let variables = definition.variables.iter().map(|(_, it)| it.clone()).collect();
        Self {
            definition,
            source,
            variables,
            heard: None,
            timers: Timers::default(),
            next_look: Instant::now() + LOOK,
            is_new: true,
            owed: Vec::new(),
            haste: 0,
        }
    }
}

/// What set a machine in motion.
enum Occasion {
    Message(Arc<Message>),
    Timer,
    Look,
}

impl Machine for Automaton {
    type Place = usize;

    fn diagram(&self) -> Diagram {
        self.definition.diagram()
    }

    fn begin(&mut self, ctx: &Context) -> Result<usize, Failure> {
        // It may have been taken on since it was read first, and this run be another one. What is
        // wrong with it is told by the next look.
        let mut source = self.source.clone();
        if let Some(Look::Other(definition)) = source.as_mut().map(Source::look) {
            self.variables = definition.variables.iter().map(|(_, it)| it.clone()).collect();
            (self.definition, self.source) = (Arc::new(*definition), source);
            ctx.want(self.definition.template());
        }
        let note = if self.definition.remember { ctx.recall::<Note>()? } else { None };
        let known = note.and_then(|it| Some((self.definition.place_of(&it.state)?, it)));
        let Some((place, note)) = known else {
            self.timers.enter(self.definition.states.first(), ctx.clock());
            return Ok(0);
        };
        self.is_new = false;
        self.variables = carried(&self.definition, &note.variables);
        self.heard = note.heard;
        self.owed = note.owed;
        let state = self.definition.states.get(place);
        self.timers.resume(state, ctx.clock(), note.since_ms, note.dealt_ms);
        Ok(place)
    }

    fn label(&self, place: usize) -> Cow<'static, str> {
        self.state(place).map_or_else(|| "?".into(), |it| it.name.clone().into())
    }

    fn allows(&self, from: usize, to: usize) -> bool {
        let leads = |way: &Way| way.go == Some(to);
        from == to || self.state(from).is_some_and(|it| it.on.iter().any(leads))
    }

    fn is_final(&self, place: usize) -> bool {
        // What is done on the way in is done before the end.
        !self.is_new && self.owed.is_empty() && self.state(place).is_none_or(|it| it.is_final)
    }

    async fn step(&mut self, place: usize, ctx: &mut Context) -> Result<usize, Failure> {
        if !self.owed.is_empty() {
            self.tell_what_is_owed(ctx, place).await?;
            return Ok(place);
        }
        if self.is_new {
            self.begin_anew(ctx).await?;
            return Ok(place);
        }
        if let Some(way) = self.at_once(place) {
            self.haste += 1;
            if self.haste > HASTE {
                return Err(Circle(self.label(place).into_owned()).into());
            }
            return self.take(ctx, place, &way, None).await;
        }
        self.haste = 0;
        loop {
            match self.wait(ctx).await? {
                Occasion::Message(message) => {
                    if let Some(way) = self.way_for(place, &message) {
                        return self.take(ctx, place, &way, Some(message)).await;
                    }
                    turn_away(ctx, &message, &self.label(place)).await?;
                }
                Occasion::Timer => {
                    ctx.unpaused().await?;
                    if let Some(way) = self.due(place, ctx) {
                        return self.take(ctx, place, &way, None).await;
                    }
                }
                Occasion::Look => {
                    if let Some(place) = self.look(ctx, place).await? {
                        return Ok(place);
                    }
                }
            }
        }
    }
}

/// A machine that only ever asks for its variables, in a circle.
#[derive(Debug, thiserror::Error)]
#[error("{HASTE} moves without waiting for anything, the last from `{0}`")]
struct Circle(String);

impl Automaton {
    fn state(&self, place: usize) -> Option<&definition::StateOf> {
        self.definition.states.get(place)
    }

    /// Waits for a message, for a time, or for a change of the file.
    async fn wait(&self, ctx: &mut Context) -> Result<Occasion, Interrupted> {
        let due = self.timers.next(ctx.clock());
        let look = self.source.as_ref().map(|_| self.next_look);
        tokio::select! {
            biased;
            () = until(due) => Ok(Occasion::Timer),
            () = until(look) => Ok(Occasion::Look),
            message = ctx.receive() => Ok(Occasion::Message(message?)),
        }
    }

    /// Looks at the file. What is in order is what it runs from now on, and says where it is then.
    async fn look(&mut self, ctx: &mut Context, place: usize) -> Result<Option<usize>, Failure> {
        self.next_look = Instant::now() + LOOK;
        let Some(mut source) = self.source.clone() else { return Ok(None) };
        let looked = tokio::task::spawn_blocking(move || (source.look(), source));
        let (look, source) = ctx.until_stopped(looked).await??;
        let name = source.name().to_owned();
        self.source = Some(source);
        match look {
            Look::Same => Ok(None),
            Look::Wrong(why) => {
                tracing::warn!(machine.file = name, "the new machine is not taken on: {why}");
                ctx.show_error(why);
                Ok(Some(place))
            }
            Look::Other(definition) => {
                ctx.unpaused().await?;
                tracing::info!(machine.file = name, "took on the machine as it is now");
                ctx.show_error("");
                Ok(Some(self.take_on(ctx, place, *definition).await?))
            }
        }
    }

    /// Runs another machine: in the state of the same name, or else from the start.
    async fn take_on(
        &mut self,
        ctx: &mut Context,
        place: usize,
        new: Definition,
    ) -> Result<usize, Failure> {
        let before = Arc::clone(&self.definition);
        let name = self.label(place);
        self.definition = Arc::new(new);
        ctx.want(self.definition.template());
        ctx.redraw();
        let Some(place) = self.definition.place_of(&name) else {
            self.variables = self.definition.variables.iter().map(|(_, it)| it.clone()).collect();
            (self.heard, self.is_new) = (None, true);
            self.timers.enter(self.definition.states.first(), ctx.clock());
            return Ok(0);
        };
        let names = before.variables.iter().map(|(name, _)| name.clone());
        let held: Vec<_> = names.zip(self.variables.iter().cloned()).collect();
        self.variables = carried(&self.definition, &held);
        self.timers.change(self.definition.states.get(place), ctx.clock());
        self.write_down(ctx, place, Vec::new()).await?;
        Ok(place)
    }
}

/// What variables of the same name and kind held before, and what the others are at first.
fn carried(definition: &Definition, held: &[(String, Scalar)]) -> Vec<Scalar> {
    let held = |name: &str, first: &Scalar| {
        let same = held.iter().find(|(it, _)| it == name).map(|(_, value)| value);
        same.filter(|it| it.is_like(first)).unwrap_or(first).clone()
    };
    definition.variables.iter().map(|(name, first)| held(name, first)).collect()
}

/// A message that is wanted in another state only: it is counted as dropped, and who asked for
/// something is told that it is refused.
async fn turn_away(ctx: &Context, message: &Message, state: &str) -> Result<(), Interrupted> {
    ctx.count_dropped();
    tracing::debug!(machine.state = state, "a message that is not wanted now is passed over");
    let asks = matches!(
        message.performative,
        Some(
            Performative::Request
                | Performative::QueryIf
                | Performative::QueryRef
                | Performative::Cfp
                | Performative::Subscribe
        )
    );
    if !asks {
        return Ok(());
    }
    if let Some(refusal) = message.reply(Performative::Refuse, format!("not while `{state}`"))
        && let Err(error) = ctx.until_stopped(ctx.send(refusal)).await?
    {
        tracing::debug!(%error, "a refusal could not be sent");
    }
    Ok(())
}

/// Reads a machine's file; what is in order can be shown.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(text: &[u8]) {
    let mut problems = Vec::new();
    match source::parse(text, &mut problems) {
        Some(definition) => {
            assert_eq!(problems, []);
            let diagram = definition.diagram();
            assert_eq!(diagram.states.len(), definition.states.len());
            drop((runtime::mermaid(&diagram), runtime::dot(&definition.name, &diagram)));
            drop(definition.template().to_string());
        }
        None => assert!(!problems.is_empty(), "it is refused without a reason"),
    }
}
