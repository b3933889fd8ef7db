//! Behaviours made of behaviours: one after the other, or at the same time.
//!
//! The parts are behaviours of their own: each has its mailbox, its rule of supervision and its
//! states, and can be looked at, paused and stopped by itself. They end when the whole does.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use types::{Diagram, Exit, Node};

use crate::{Behaviour, Context, Failure, Handle, Interrupted, Machine, Spec, TooMany};

/// Parts of one whole, at most.
const PARTS: usize = 256;

/// How long parts may take to stop when another one has done the work.
const GRACE: Duration = Duration::from_secs(5);

type Launch = dyn Fn(&Context, Spec) -> Result<Handle, TooMany> + Send + Sync;

/// A behaviour that is part of another.
#[derive(Clone)]
pub struct Part {
    name: Cow<'static, str>,
    spec: Spec,
    launch: Arc<Launch>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Part {
    /// A part that is run as `spec` says; `factory` makes it, anew for each run.
    pub fn new<B: Behaviour>(
        spec: Spec,
        factory: impl Fn() -> B + Clone + Send + Sync + 'static,
    ) -> Self {
        let name = if spec.name.is_empty() { B::NAME.into() } else { spec.name.clone().into() };
        let launch = move |ctx: &Context, spec| {
            let factory = factory.clone();
            ctx.spawn_part(spec, factory)
        };
        Self { name, spec, launch: Arc::new(launch) }
    }

    fn launch(&self, ctx: &Context) -> Result<Leash, Failure> {
        Ok(Leash((self.launch)(ctx, self.spec.clone())?))
    }
}

/// Why a whole ended before its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("`{0}` was killed")]
    Killed(Cow<'static, str>),
    #[error("`{0}` was stopped")]
    Stopped(Cow<'static, str>),
    #[error("`{0}` failed: {1}")]
    Failed(Cow<'static, str>, String),
}

fn judge(part: &Part, exit: Exit) -> Result<(), Broken> {
    let name = &part.name;
    match exit {
        Exit::Done => Ok(()),
        Exit::Killed => Err(Broken::Killed(name.clone())),
        Exit::Stopped => Err(Broken::Stopped(name.clone())),
        Exit::Failed(why) | Exit::Panicked(why) => Err(Broken::Failed(name.clone(), why)),
    }
}

/// A part that does not outlive its whole.
#[derive(Debug)]
struct Leash(Handle);

impl Drop for Leash {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.kill();
        }
    }
}

/// Runs its parts one after the other. The first that does not reach its end ends the whole.
#[derive(Debug)]
pub struct Sequence {
    parts: Arc<[Part]>,
}

impl Sequence {
    /// A whole of up to 256 parts; further ones are left out.
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self { parts: parts.into_iter().take(PARTS).collect() }
    }
}

impl Machine for Sequence {
    /// Which part runs; the one after the last: done.
    type Place = usize;

    fn diagram(&self) -> Diagram {
        let labels: Vec<_> = (0..=self.parts.len()).map(|place| self.label(place)).collect();
        let node = |(place, name): (usize, &Cow<'static, str>)| Node {
            name: name.clone(),
            about: match self.parts.get(place) {
                Some(part) => format!("Runs `{}`.", part.name).into(),
                None => "Every part has reached its end.".into(),
            },
            moves: labels.get(place + 1).cloned().into_iter().collect(),
        };
        Diagram { states: labels.iter().enumerate().map(node).collect() }
    }

    fn begin(&mut self, _: &Context) -> Result<usize, Failure> {
        Ok(0)
    }

    fn label(&self, place: usize) -> Cow<'static, str> {
        match self.parts.get(place) {
            Some(part) => format!("{}. {}", place + 1, part.name).into(),
            None => "Done".into(),
        }
    }

    fn allows(&self, from: usize, to: usize) -> bool {
        to == from + 1 && to <= self.parts.len()
    }

    fn is_final(&self, place: usize) -> bool {
        place >= self.parts.len()
    }

    async fn step(&mut self, place: usize, ctx: &mut Context) -> Result<usize, Failure> {
        if let Some(part) = self.parts.get(place) {
            let leash = part.launch(ctx)?;
            let exit = leash.0.join().await;
            if ctx.is_stopping() {
                return Err(Interrupted.into());
            }
            judge(part, exit)?;
        }
        Ok(place + 1)
    }
}

/// When parts that run at the same time have done their work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When all have reached their end. One that cannot ends the whole.
    All,
    /// When one has; the others are stopped. The whole fails when none can.
    First,
}

/// Runs its parts at the same time.
#[derive(Debug)]
pub struct Parallel {
    parts: Arc<[Part]>,
    until: Until,
}

/// Where parts that run at the same time are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// They run.
    Running,
    /// They have done their work.
    Done,
}

impl Parallel {
    /// A whole of up to 256 parts; further ones are left out.
    pub fn new(until: Until, parts: impl IntoIterator<Item = Part>) -> Self {
        Self { parts: parts.into_iter().take(PARTS).collect(), until }
    }
}

impl Machine for Parallel {
    type Place = Together;

    fn diagram(&self) -> Diagram {
        let names: Vec<&str> = self.parts.iter().map(|it| &*it.name).collect();
        let until = match self.until {
            Until::All => "until all are done",
            Until::First => "until one is done",
        };
        let about = format!("Runs {} at the same time, {until}.", names.join(", "));
        let running =
            Node { name: "Running".into(), about: about.into(), moves: vec!["Done".into()] };
        let done =
            Node { name: "Done".into(), about: "The parts did their work.".into(), moves: vec![] };
        Diagram { states: vec![running, done] }
    }

    fn begin(&mut self, _: &Context) -> Result<Together, Failure> {
        Ok(Together::Running)
    }

    fn label(&self, place: Together) -> Cow<'static, str> {
        match place {
            Together::Running => "Running".into(),
            Together::Done => "Done".into(),
        }
    }

    fn allows(&self, from: Together, to: Together) -> bool {
        (from, to) == (Together::Running, Together::Done)
    }

    fn is_final(&self, place: Together) -> bool {
        place == Together::Done
    }

    async fn step(&mut self, _: Together, ctx: &mut Context) -> Result<Together, Failure> {
        let leashes: Result<Vec<_>, _> = self.parts.iter().map(|it| it.launch(ctx)).collect();
        let leashes = leashes?;
        let ends = self.parts.iter().zip(&leashes);
        let mut ends: FuturesUnordered<_> =
            ends.map(|(part, leash)| async { judge(part, leash.0.join().await) }).collect();
        let mut last = None;
        while let Some(end) = ends.next().await {
            if ctx.is_stopping() {
                // The others are being stopped too.
                let others = async { while ends.next().await.is_some() {} };
                drop(tokio::time::timeout(GRACE, others).await);
                return Err(Interrupted.into());
            }
            match (self.until, end) {
                (Until::All, Ok(())) => {}
                (Until::All, Err(broken)) => return Err(broken.into()),
                (Until::First, Ok(())) => {
                    for leash in &leashes {
                        leash.0.stop();
                    }
                    // Who takes longer than that is killed when its leash is dropped.
                    let others = async { while ends.next().await.is_some() {} };
                    drop(tokio::time::timeout(GRACE, others).await);
                    return Ok(Together::Done);
                }
                (Until::First, Err(broken)) => last = Some(broken),
            }
        }
        match last {
            Some(broken) => Err(broken.into()),
            None => Ok(Together::Done),
        }
    }
}
