//! How a machine moves: which way it takes, and in which order what comes of it is done.

use std::sync::Arc;

use runtime::{Context, Failure, Message, StoreError};

use crate::chain;

use super::{
    Automaton, NO_ROOM, Note,
    action::Action,
    definition::{Event, Way},
    effect::{Effect, Effects, Setting},
    scalar::Scalar,
};

impl Automaton {
    /// The way that is taken at once, if there is one.
    pub(super) fn at_once(&self, place: usize) -> Option<Way> {
        let now = |it: &&Way| matches!(it.event, Event::Now);
        let ways = || self.state(place).into_iter().flat_map(|it| &it.on).filter(now);
        let taken = ways().find(|it| !it.is_otherwise && it.when.holds(&self.variables));
        taken.or_else(|| ways().find(|it| it.is_otherwise)).cloned()
    }

    /// The way that a message makes it take, if there is one.
    pub(super) fn way_for(&self, place: usize, message: &Message) -> Option<Way> {
        let ways = || self.state(place).into_iter().flat_map(|it| &it.on);
        let fits = |way: &&Way, is_otherwise: bool| match &way.event {
            Event::Message(template) => {
                way.is_otherwise == is_otherwise
                    && way.when.holds(&self.variables)
                    && template.matches(message)
            }
            _ => false,
        };
        let taken = ways().find(|it| fits(it, false)).or_else(|| ways().find(|it| fits(it, true)));
        taken.or_else(|| ways().find(|it| matches!(it.event, Event::Other))).cloned()
    }

    /// The way whose time has come, if there is one and it may be taken.
    pub(super) fn due(&mut self, place: usize, ctx: &Context) -> Option<Way> {
        let definition = Arc::clone(&self.definition);
        let state = definition.states.get(place)?;
        let nth = self.timers.pop(state, ctx.clock())?;
        state.on.get(nth).filter(|it| it.when.holds(&self.variables)).cloned()
    }

    /// Enters the first state.
    pub(super) async fn begin_anew(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let definition = Arc::clone(&self.definition);
        let mut effects = Effects::default();
        let mut variables = self.variables.clone();
        if let Some(state) = definition.states.first() {
            let heard = self.heard.take();
            self.add(
                ctx,
                &mut effects,
                &state.enter,
                (&state.name, heard.as_ref()),
                &mut variables,
            )?;
            self.heard = heard;
        }
        self.settle(ctx, 0, variables, effects).await?;
        self.is_new = false;
        Ok(())
    }

    /// Takes a way. First all of it is worked out; then where the machine is, and what must not
    /// be lost, is written to disk at once; then the rest of the world is told.
    pub(super) async fn take(
        &mut self,
        ctx: &mut Context,
        place: usize,
        way: &Way,
        message: Option<Arc<Message>>,
    ) -> Result<usize, Failure> {
        let definition = Arc::clone(&self.definition);
        let (mut effects, mut variables) = (Effects::default(), self.variables.clone());
        let heard = match message {
            Some(message) => Some(Message::clone(&message)),
            None => self.heard.clone(),
        };
        let (target, next) =
            (way.go.unwrap_or(place), way.go.and_then(|it| definition.states.get(it)));
        if let Some(state) = definition.states.get(place) {
            let scene = (state.name.as_str(), heard.as_ref());
            if next.is_some() {
                self.add(ctx, &mut effects, &state.leave, scene, &mut variables)?;
            }
            self.add(ctx, &mut effects, &way.actions, scene, &mut variables)?;
        }
        if let Some(next) = next {
            let scene = (next.name.as_str(), heard.as_ref());
            self.add(ctx, &mut effects, &next.enter, scene, &mut variables)?;
            self.timers.enter(Some(next), ctx.clock());
        }
        self.heard = heard;
        self.settle(ctx, target, variables, effects).await?;
        Ok(target)
    }

    fn add(
        &self,
        ctx: &Context,
        effects: &mut Effects,
        actions: &[Action],
        (state, heard): (&str, Option<&Message>),
        variables: &mut [Scalar],
    ) -> Result<(), Failure> {
        let machine = self.definition.name.as_str();
        let setting = Setting { machine, state, heard, now: ctx.clock().now() };
        for action in actions {
            effects.add(ctx, action, setting, variables)?;
        }
        Ok(())
    }

    async fn settle(
        &mut self,
        ctx: &mut Context,
        place: usize,
        variables: Vec<Scalar>,
        effects: Effects,
    ) -> Result<(), Failure> {
        self.variables = variables;
        self.owed = effects.owed;
        self.write_down(ctx, place, effects.changes).await?;
        self.tell_what_is_owed(ctx, place).await
    }

    /// Tells the world what it was not told yet.
    pub(super) async fn tell_what_is_owed(
        &mut self,
        ctx: &mut Context,
        place: usize,
    ) -> Result<(), Failure> {
        let owed: Vec<Effect> = std::mem::take(&mut self.owed);
        if owed.is_empty() {
            return Ok(());
        }
        for effect in owed {
            effect.perform(ctx).await?;
        }
        self.write_down(ctx, place, Vec::new()).await
    }

    /// Writes down where it is, together with `changes`, and that the letter that moved it is dealt
    /// with. While there is no room it waits.
    pub(super) async fn write_down(
        &self,
        ctx: &mut Context,
        place: usize,
        mut changes: Vec<runtime::Change>,
    ) -> Result<(), Failure> {
        if self.definition.remember {
            changes.push(ctx.reminder(&self.note(place))?);
        }
        if changes.is_empty() {
            return Ok(());
        }
        loop {
            let links = chain::link(ctx, &changes).await?;
            match ctx.commit(links.changes).await {
                Err(StoreError::Full { .. }) => ctx.sleep(NO_ROOM).await?,
                done => return Ok(done?),
            }
        }
    }

    fn note(&self, place: usize) -> Note {
        let names = self.definition.variables.iter().map(|(name, _)| name.clone());
        Note {
            state: self.label_of(place),
            variables: names.zip(self.variables.iter().cloned()).collect(),
            heard: self.heard.clone(),
            since_ms: self.timers.since_ms(),
            dealt_ms: self.timers.dealt_ms(),
            owed: self.owed.clone(),
        }
    }

    fn label_of(&self, place: usize) -> String {
        self.state(place).map(|it| it.name.clone()).unwrap_or_default()
    }
}
