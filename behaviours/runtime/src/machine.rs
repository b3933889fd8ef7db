//! What the runtime drives: a state machine, whether its states are written in code or in a file.

use std::{borrow::Cow, fmt};

use types::Diagram;

use crate::{Behaviour, Context, Failure, State, diagram};

/// A state machine whose states are known once it is made.
///
/// Whoever knows them when the program is written writes a [`Behaviour`] instead.
pub trait Machine: Send + 'static {
    /// One of its states.
    type Place: Copy + Eq + fmt::Debug + Send + 'static;

    /// Its states and moves.
    fn diagram(&self) -> Diagram;

    /// Where this run starts.
    fn begin(&mut self, ctx: &Context) -> Result<Self::Place, Failure>;

    /// What a state is called in the diagram.
    fn label(&self, place: Self::Place) -> Cow<'static, str>;

    /// Whether the diagram has a move from one state to the other.
    fn allows(&self, from: Self::Place, to: Self::Place) -> bool;

    /// Whether a run ends on reaching this state.
    fn is_final(&self, place: Self::Place) -> bool;

    /// Does the work of `place` and says which state is next. The same holds as for
    /// [`Behaviour::step`].
    fn step(
        &mut self,
        place: Self::Place,
        ctx: &mut Context,
    ) -> impl Future<Output = Result<Self::Place, Failure>> + Send;

    /// Says the last words of a run that is stopped. The same holds as for
    /// [`Behaviour::stopped`].
    fn stopped(&mut self, _: &mut Context) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A behaviour as a machine.
pub(crate) struct Typed<B>(pub(crate) B);

impl<B: Behaviour> Machine for Typed<B> {
    type Place = B::State;

    fn diagram(&self) -> Diagram {
        diagram::<B::State>()
    }

    fn begin(&mut self, ctx: &Context) -> Result<B::State, Failure> {
        self.0.begin(ctx)
    }

    fn label(&self, place: B::State) -> Cow<'static, str> {
        place.name().into()
    }

    fn allows(&self, from: B::State, to: B::State) -> bool {
        from.moves().contains(&to)
    }

    fn is_final(&self, place: B::State) -> bool {
        place.is_final()
    }

    async fn step(&mut self, place: B::State, ctx: &mut Context) -> Result<B::State, Failure> {
        self.0.step(place, ctx).await
    }

    async fn stopped(&mut self, ctx: &mut Context) {
        self.0.stopped(ctx).await;
    }
}
