//! Takes results in, keeps them, and confirms.

use std::sync::Arc;

use evidence::Record;
use runtime::{
    Behaviour, Change, Context, Failure, Message, Performative, Slot, StoreError, Template, states,
};
use serde_json::Value;
use types::{Content, Item, Items, Presences, Receipt};

use crate::{
    queue::{self, ANCHOR, FORWARD, Parcel, Pending},
    report::presence_key,
};

/// Messages that are taken in at once, so that one write to disk serves all.
const AT_ONCE: usize = 64;
/// Results in one message, at most.
const RESULTS: usize = 1000;

/// Which messages it wants: results, and what the registrar saw.
pub fn template() -> Template {
    Template::from(Performative::Inform)
        & (Template::ontology(Items::ONTOLOGY)
            | Template::ontology(Presences::ONTOLOGY)
            | Template::ontology(SCANDALE))
}

/// The vocabulary of SCANDALE's probes, whose results are items too.
const SCANDALE: &str = "probeAgentOntology";

states! {
    /// Where a collector is.
    pub enum State {
        /// Waits for results.
        Listening => [Keeping],
        /// Writes them to disk; they are not lost from here on.
        Keeping => [Confirming, Full],
        /// Tells who sent them that they are kept.
        Confirming => [Listening],
        /// The disk queue is full; waits until results have left. Nothing is confirmed meanwhile.
        Full => [Keeping],
    }
}

/// A collector at work.
#[derive(Debug, Default)]
pub struct Collect {
    messages: Vec<Arc<Message>>,
    changes: Vec<Change>,
    answers: Vec<Message>,
}

impl Behaviour for Collect {
    type State = State;
    const NAME: &'static str = "collect";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Listening => {
                self.messages = vec![ctx.receive().await?];
                while self.messages.len() < AT_ONCE
                    && let Some(message) = ctx.try_receive()
                {
                    self.messages.push(message);
                }
                for message in std::mem::take(&mut self.messages) {
                    self.take_in(&message)?;
                }
                State::Keeping
            }
            State::Keeping => match ctx.store().commit(self.changes.clone()).await {
                Ok(()) => {
                    self.changes.clear();
                    State::Confirming
                }
                Err(StoreError::Full { .. }) => State::Full,
                Err(error) => return Err(error.into()),
            },
            State::Confirming => {
                for answer in std::mem::take(&mut self.answers) {
                    // Who does not hear it will say it all again.
                    if let Err(error) = ctx.until_stopped(ctx.send(answer)).await? {
                        tracing::debug!(%error, "a confirmation could not be sent");
                    }
                }
                State::Listening
            }
            State::Full => {
                ctx.sleep(std::time::Duration::from_secs(1)).await?;
                State::Keeping
            }
        })
    }
}

impl Collect {
    fn take_in(&mut self, message: &Message) -> Result<(), serde_json::Error> {
        let mut receipt = Receipt::default();
        if message.ontology() == Some(Presences::ONTOLOGY) {
            self.take_presences(message, &mut receipt)?;
        } else {
            self.take_items(message, &mut receipt)?;
        }
        let answer = message.reply_with(Performative::Confirm, &receipt)?;
        self.answers.extend(answer.map(|it| it.with(Slot::Protocol, "fipa-request")));
        Ok(())
    }

    fn take_presences(
        &mut self,
        message: &Message,
        receipt: &mut Receipt,
    ) -> Result<(), serde_json::Error> {
        let presences = message.read::<Presences>().map(|it| it.0).unwrap_or_default();
        for presence in presences.into_iter().take(RESULTS) {
            let key = presence_key(&presence);
            self.changes.push(queue::push(FORWARD, key.as_str(), &Parcel::Presence(presence))?);
            receipt.stored.push(key);
        }
        Ok(())
    }

    fn take_items(
        &mut self,
        message: &Message,
        receipt: &mut Receipt,
    ) -> Result<(), serde_json::Error> {
        for item in items(&message.body) {
            match admit(item, message) {
                Ok((key, record)) => {
                    let leaf = Pending { uuid: key, sha256: record.digest_hex() };
                    let item = Parcel::Item(record.value().clone());
                    self.changes.push(queue::push(FORWARD, key, &item)?);
                    self.changes.push(queue::push(ANCHOR, key, &leaf)?);
                    receipt.stored.push(key.to_string());
                }
                Err((key, why)) => receipt.refused.push((key, why)),
            }
        }
        Ok(())
    }
}

/// The items of a body: one, or a list of them.
fn items(body: &str) -> Vec<Value> {
    match serde_json::from_str(body) {
        Ok(Value::Array(items)) => items.into_iter().take(RESULTS).collect(),
        Ok(item) => vec![item],
        Err(_) => Vec::new(),
    }
}

/// Checks one item; what is refused is told with its uuid, if it has one.
fn admit(mut item: Value, message: &Message) -> Result<(uuid::Uuid, Record), (String, String)> {
    let name = item.pointer("/meta/uuid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let refuse = |why: String| (name.clone(), why);
    let read: Item = serde::Deserialize::deserialize(&item)
        .map_err(|error| refuse(format!("not an item: {error}")))?;
    let sender = message.from.as_ref().map(runtime::AgentId::bare).unwrap_or_default();
    match read.meta.source.as_deref() {
        // Older probes leave it out; then it is who the server says has sent it.
        None => {
            if let Some(meta) = item.get_mut("meta").and_then(Value::as_object_mut) {
                meta.insert("source".to_owned(), sender.into());
            }
        }
        Some(source) if source.split('/').next() == Some(sender) => {}
        Some(source) => {
            return Err(refuse(format!("its source is `{source}`, but `{sender}` sent it")));
        }
    }
    let record = Record::of(&item).map_err(|error| refuse(error.to_string()))?;
    Ok((read.meta.uuid, record))
}
