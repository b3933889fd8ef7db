//! What the author of a behaviour writes.

use std::{error::Error, fmt, ops::ControlFlow};

use crate::{Context, State};

/// A state machine that an agent runs.
pub trait Behaviour: Send + 'static {
    /// The states it goes through.
    type State: State;

    /// Its name in configuration files and on the dashboard.
    const NAME: &'static str;

    /// Where a run starts: in the first state, unless it knows better from what it kept
    /// ([`Context::recall`]).
    fn begin(&mut self, _: &Context) -> Result<Self::State, Failure> {
        Ok(Self::State::START)
    }

    /// Does the work of `state` and says which state is next.
    ///
    /// The future may be dropped at any `.await` when the behaviour is killed, so keep what must
    /// not be lost in `self` or in the agent's [`Store`](crate::Store).
    fn step(
        &mut self,
        state: Self::State,
        ctx: &mut Context,
    ) -> impl Future<Output = Result<Self::State, Failure>> + Send;

    /// Says the last words of a run that is stopped, whatever it was about to do; a second at
    /// most. Who is killed says nothing.
    fn stopped(&mut self, _: &mut Context) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A piece of work without states of its own, to be run once, again and again, or on a schedule.
pub trait Task: Send + 'static {
    /// Its name in configuration files and on the dashboard.
    const NAME: &'static str;

    /// Runs once. `Break` ends the behaviour, `Continue` lets its schedule go on.
    fn run(
        &mut self,
        ctx: &mut Context,
    ) -> impl Future<Output = Result<ControlFlow<()>, Failure>> + Send;
}

/// The agent is shutting down. Pass it up with `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Why a step did not name a next state.
pub enum Failure {
    /// The agent is shutting down; not an error.
    Interrupted,
    /// The work failed.
    Error(Box<dyn Error + Send + Sync>),
}

impl From<Interrupted> for Failure {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(Box::new(error))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("Interrupted"),
            Self::Error(error) => write!(f, "Error({})", Chain(error.as_ref())),
        }
    }
}

/// Shows an error with all its causes, `outer: inner: innermost`.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
