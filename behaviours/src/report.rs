//! Hands results over to whoever aggregates, until they are confirmed.

use std::time::Duration;

use runtime::{
    Address, AgentId, Behaviour, Context, Failure, Kept, Message, Performative, SendError, Slot,
    Template, states,
};
use serde_json::Value;
use tokio::{sync::watch, time::Instant};
use types::{Content, Items, Presence, Presences, Receipt, Show};
use uuid::Uuid;

use crate::{
    chain,
    patience::Patience,
    queue::{self, OUTBOX, Parcel},
};

/// Results in one message, at most.
const BATCH: usize = 500;
/// Bytes of results in one message, as far as more than one is in it.
const BATCH_BYTES: usize = 64 * 1024;
/// How long a confirmation may take before everything is said again.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long one who confirmed nothing is passed over while there are others.
const SUSPICION: Duration = Duration::from_secs(30);
/// The least rest, however many come and go who are not asked for.
const LEAST: Duration = Duration::from_millis(100);
/// The longest rest while nobody is there.
const LONGEST: Duration = Duration::from_secs(5);

/// To whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An agent, or a duty.
    pub to: Address,
}

/// Which messages it wants: confirmations.
pub fn template() -> Template {
    Template::ontology(Receipt::ONTOLOGY)
}

states! {
    /// Where a report is.
    pub enum State {
        /// There is nothing to report.
        Waiting => [Telling],
        /// Sends what is kept.
        Telling => [Awaiting, Resting, Waiting],
        /// Waits until the receiver says that it keeps it now.
        Awaiting => [Waiting, Telling, Awaiting, Resting],
        /// Nobody is there to tell; tries again soon, or when somebody comes.
        Resting => [Telling],
    }
}

/// A reporter at work.
#[derive(Debug)]
pub struct Report {
    settings: Settings,
    patience: Patience,
    told: Vec<Kept>,
    /// Results in the next message, at most.
    batch: usize,
    /// The same for as long as nothing is confirmed, so that a late confirmation counts.
    conversation: String,
    deadline: Instant,
    /// Who is there, as seen just before the last attempt.
    members: Option<watch::Receiver<u64>>,
    /// Who was told.
    receiver: Option<AgentId>,
}

impl From<Settings> for Report {
    fn from(settings: Settings) -> Self {
        Self {
            settings,
            patience: Patience::new(LONGEST),
            told: Vec::new(),
            batch: BATCH,
            conversation: Uuid::new_v4().to_string(),
            deadline: Instant::now(),
            members: None,
            receiver: None,
        }
    }
}

impl Behaviour for Report {
    type State = State;
    const NAME: &'static str = "report";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting => {
                queue::wait_for(ctx, OUTBOX).await?;
                State::Telling
            }
            State::Telling => self.tell(ctx).await?,
            State::Awaiting => self.await_receipt(ctx).await?,
            State::Resting => {
                self.rest(ctx).await?;
                State::Telling
            }
        })
    }
}

impl Report {
    /// Whether somebody came or time has passed, the next thing to do is the same.
    async fn rest(&mut self, ctx: &Context) -> Result<(), Failure> {
        let until = Instant::now() + self.patience.lose();
        ctx.sleep(LEAST).await?;
        if let Some(members) = &mut self.members {
            let news = tokio::time::timeout_at(until, members.changed());
            drop(ctx.until_stopped(news).await?);
        }
        Ok(())
    }

    async fn tell(&mut self, ctx: &Context) -> Result<State, Failure> {
        self.members = Some(ctx.directory().watch());
        let kept = ctx.store().read(OUTBOX, 0, self.batch, BATCH_BYTES)?;
        let mut same = Same::default();
        self.told.clear();
        for entry in kept {
            let parcel = serde_json::from_slice(&entry.value);
            let Ok(parcel @ (Parcel::Item(_) | Parcel::Presence(_))) = parcel else {
                // It was written by a version that knew more than this one: kept aside.
                tracing::warn!(entry.key, "an entry of the outbox cannot be read");
                queue::settle(ctx, queue::set_aside(OUTBOX, &entry).into()).await?;
                continue;
            };
            if !same.takes(parcel) {
                break;
            }
            self.told.push(entry);
        }
        if self.told.is_empty() {
            return Ok(State::Waiting);
        }
        let receiver = match ctx.resolve(&self.settings.to) {
            Ok(receiver) => receiver,
            Err(error) => {
                tracing::debug!(%error, "nobody to report to");
                return Ok(State::Resting);
            }
        };
        self.receiver = Some(receiver.clone());
        let message = same
            .message(&receiver.into())?
            .with(Slot::ConversationId, self.conversation.as_str())
            .with(Slot::ReplyWith, self.conversation.as_str());
        match ctx.until_stopped(ctx.send(message)).await? {
            Ok(()) => {
                self.batch = BATCH;
                self.deadline = Instant::now() + PATIENCE;
                Ok(State::Awaiting)
            }
            Err(SendError::TooLarge { .. }) if self.told.len() == 1 => {
                tracing::warn!("a result is larger than a message; it is set aside");
                let entries = self.told.iter();
                let changes = entries.flat_map(|it| queue::set_aside(OUTBOX, it)).collect();
                queue::settle(ctx, changes).await?;
                Ok(State::Waiting)
            }
            Err(SendError::TooLarge { .. }) => {
                self.batch = self.told.len() / 2;
                Ok(State::Waiting)
            }
            Err(error) => {
                tracing::debug!(%error, "nobody to report to");
                Ok(State::Resting)
            }
        }
    }

    /// Whether the one who was told is gone, and another one may be there.
    fn is_forsaken(&self, ctx: &Context) -> bool {
        let Some(receiver) = &self.receiver else { return false };
        let is_gone = |it: Presence| it.show == Show::Unavailable;
        matches!(self.settings.to, Address::Duty(_))
            && ctx.directory().get(receiver).is_some_and(is_gone)
    }

    async fn await_receipt(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let mut members = ctx.directory().watch();
        let message = loop {
            if self.is_forsaken(ctx) {
                return Ok(State::Telling);
            }
            tokio::select! {
                message = ctx.receive() => break message?,
                changed = members.changed() => if changed.is_err() {
                    return Err(Failure::Interrupted);
                },
                // Said again, to another one if there is one: who receives it twice knows it by
                // its key.
                () = tokio::time::sleep_until(self.deadline) => {
                    if let (Some(receiver), Address::Duty(_)) = (&self.receiver, &self.settings.to)
                    {
                        ctx.directory().suspect(receiver, SUSPICION);
                    }
                    return Ok(State::Telling);
                }
            }
        };
        let ours = message.slot(&Slot::InReplyTo) == Some(&self.conversation);
        let (true, Ok(receipt)) = (ours, message.read::<Receipt>()) else {
            // A confirmation of something older.
            return Ok(State::Awaiting);
        };
        let stored = self.told.iter().filter(|it| receipt.stored.contains(&it.key));
        let mut changes = queue::drop_all(OUTBOX, stored);
        for (key, why) in &receipt.refused {
            if let Some(entry) = self.told.iter().find(|it| it.key == *key) {
                tracing::warn!(item.id = key, why, "a result was refused");
                changes.extend(queue::set_aside(OUTBOX, entry));
            }
        }
        if changes.is_empty() {
            tracing::debug!("the receiver keeps nothing of what it was told");
            return Ok(State::Resting);
        }
        if let Some(checkpoint) = &receipt.checkpoint {
            changes.extend(chain::remember(ctx, checkpoint)?);
        }
        queue::settle(ctx, changes).await?;
        if let Some(receiver) = &self.receiver {
            ctx.directory().trust(receiver);
        }
        self.conversation = Uuid::new_v4().to_string();
        self.patience.restore();
        Ok(State::Waiting)
    }
}

/// Results of one kind, for one message.
#[derive(Debug, Default)]
struct Same {
    items: Vec<Value>,
    presences: Vec<Presence>,
}

impl Same {
    /// Takes another one, if it is of the kind of those before.
    fn takes(&mut self, parcel: Parcel) -> bool {
        match parcel {
            Parcel::Item(item) if self.presences.is_empty() => self.items.push(item),
            Parcel::Presence(presence) if self.items.is_empty() => self.presences.push(presence),
            Parcel::Item(_) | Parcel::Presence(_) | Parcel::Proof(_) => return false,
        }
        true
    }

    fn message(self, to: &Address) -> Result<Message, serde_json::Error> {
        let inform = Performative::Inform;
        if self.presences.is_empty() {
            Message::new(inform, to.clone(), &Items(self.items))
        } else {
            Message::new(inform, to.clone(), &Presences(self.presences))
        }
    }
}

/// The key of a presence in a queue. Somebody may come and go within a millisecond.
pub(crate) fn presence_key(presence: &Presence) -> String {
    let flaps = if presence.flapping { "#flapping" } else { "" };
    let Presence { jid, since_ms, show, .. } = presence;
    format!("{jid}#{since_ms}#{show:?}{flaps}").to_lowercase()
}
