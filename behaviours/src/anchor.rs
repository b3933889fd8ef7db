//! Has batches of items time-stamped: one token a batch (RFC 3161 over an RFC 4998 tree).

use std::time::Duration;

use evidence::client::Stamp;
use runtime::{Behaviour, Change, Context, Failure, StoreError, states};
use tokio::time::{Instant, timeout_at};

use crate::{
    patience::Patience,
    queue::{self, ANCHOR, FORWARD, Parcel},
};

mod batch;
mod settings;

pub(crate) use batch::STAMPED;
use batch::{Batch, LOG, Log};
pub use settings::{SETTINGS, Settings};

/// The longest rest after a failure.
const LONGEST: Duration = Duration::from_mins(1);
/// How long to wait when there is no room for a proof.
const NO_ROOM: Duration = Duration::from_secs(1);

states! {
    /// Where an anchor is.
    pub enum State {
        /// Waits for items.
        Waiting => [Gathering],
        /// Lets more come, up to a number and a time.
        Gathering => [Stamping],
        /// Builds the tree and asks the authority; its answer is verified before it counts.
        Stamping => [Keeping, Resting, Waiting],
        /// Writes the proof to disk.
        Keeping => [Waiting, NoRoom],
        /// The disk queue is full; waits until results have left.
        NoRoom => [Keeping],
        /// The authority does not stamp now; tries again soon.
        Resting => [Stamping],
    }
}

/// An anchor at work.
#[derive(Debug)]
pub struct Anchor {
    settings: Settings,
    patience: Patience,
    rest: Duration,
    /// What is being stamped, and the time stamps that it has.
    batch: Option<(Batch, Vec<Stamp>)>,
}

impl From<Settings> for Anchor {
    fn from(settings: Settings) -> Self {
        let patience = Patience::new(LONGEST);
        Self { settings, patience, rest: Duration::ZERO, batch: None }
    }
}

impl Behaviour for Anchor {
    type State = State;
    const NAME: &'static str = "anchor";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting => {
                queue::wait_for(ctx, ANCHOR).await?;
                State::Gathering
            }
            State::Gathering => {
                self.gather(ctx).await?;
                State::Stamping
            }
            State::Stamping => self.stamp(ctx).await?,
            State::Keeping => self.keep(ctx).await?,
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
            State::Resting => {
                ctx.sleep(self.rest).await?;
                State::Stamping
            }
        })
    }
}

impl Anchor {
    /// Waits until there are enough items, or the first has waited long enough.
    async fn gather(&self, ctx: &Context) -> Result<(), Failure> {
        let until = Instant::now() + self.settings.gather;
        let enough = u64::try_from(self.settings.batch).unwrap_or(u64::MAX);
        let mut changes = ctx.store().watch();
        loop {
            changes.mark_unchanged();
            if ctx.store().count(ANCHOR)? >= enough {
                return Ok(());
            }
            match ctx.until_stopped(timeout_at(until, changes.changed())).await? {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Failure::Interrupted),
                Err(_) => return Ok(()),
            }
        }
    }

    async fn stamp(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        // What has some of its time stamps already is not built anew.
        let is_begun = self.batch.as_ref().is_some_and(|(_, stamps)| !stamps.is_empty());
        if !is_begun {
            let batch = Batch::read(ctx, self.settings.batch).await?;
            self.batch = batch.map(|batch| (batch, Vec::new()));
        }
        let Some((batch, stamps)) = &mut self.batch else { return Ok(State::Waiting) };
        let root = batch.root();
        match ctx.until_stopped(self.settings.client.stamps(&root, stamps)).await? {
            Ok(()) => {
                self.patience.restore();
                ctx.show_error("");
                Ok(State::Keeping)
            }
            Err(error) => {
                self.rest = self.patience.lose().max(error.retry_after);
                if self.patience.is_first() {
                    tracing::warn!(%error, "no time stamp now; the items wait");
                }
                ctx.show_error(format!("no time stamp now; the items wait: {error}"));
                Ok(State::Resting)
            }
        }
    }

    /// Writes down the proof, and that the log is so long now, in one step: killed before it, the
    /// batch is stamped again, and nothing is in the log twice.
    async fn keep(&mut self, ctx: &Context) -> Result<State, Failure> {
        let Some((batch, stamps)) = &self.batch else { return Ok(State::Waiting) };
        let Some(proof) = batch.proof(stamps) else { return Ok(State::Waiting) };
        let mut changes = queue::drop_all(ANCHOR, &batch.entries);
        changes.push(queue::push(FORWARD, proof.batch.to_string(), &Parcel::Proof(proof))?);
        let log = serde_json::to_vec(&Log::of(&batch.log))?.into();
        changes.push(Change::Put { key: LOG.to_owned(), value: log });
        let known = serde_json::to_vec(&batch.known())?.into();
        changes.push(Change::Put { key: STAMPED.to_owned(), value: known });
        match ctx.store().commit(changes).await {
            Err(StoreError::Full { .. }) => return Ok(State::NoRoom),
            kept => kept?,
        }
        self.batch = None;
        Ok(State::Waiting)
    }
}
