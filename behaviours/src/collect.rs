//! Takes results in, keeps them, and confirms.

use std::sync::Arc;

use evidence::{Link, Record};
use runtime::{
    AgentId, Behaviour, Chain, Change, Context, Failure, Message, Performative, Slot, StoreError,
    Template, states,
};
use serde_json::{Value, value::RawValue};
use types::{Content, Item, Items, KnownCheckpoint, Presences, Receipt};

use crate::{
    anchor::STAMPED,
    queue::{self, ANCHOR, FORWARD, Parcel, Pending},
    report::presence_key,
};

/// Messages that are taken in at once, so that one write to disk serves all.
const AT_ONCE: usize = 64;
/// Results in one message, at most.
const RESULTS: usize = 1000;
/// Characters of a reason in a receipt, at most.
const WORDS: usize = 200;

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

/// Whom it believes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who keeps the directory: only it may say who came and went.
    pub registrar: AgentId,
}

/// A collector at work.
#[derive(Debug)]
pub struct Collect {
    settings: Settings,
    messages: Vec<Arc<Message>>,
    changes: Vec<Change>,
    answers: Vec<Message>,
    /// The newest stamped checkpoint of the log in which these items will be.
    checkpoint: Option<KnownCheckpoint>,
}

impl From<Settings> for Collect {
    fn from(settings: Settings) -> Self {
        Self {
            settings,
            messages: Vec::new(),
            changes: Vec::new(),
            answers: Vec::new(),
            checkpoint: None,
        }
    }
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
                let stamped = ctx.store().note(STAMPED)?;
                self.checkpoint = stamped.map(|it| serde_json::from_slice(&it)).transpose()?;
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
        let checkpoint = self.checkpoint.clone();
        let mut receipt = Receipt { checkpoint, ..Receipt::default() };
        if message.ontology() == Some(Presences::ONTOLOGY) {
            self.take_presences(message, &mut receipt)?;
        } else {
            self.take_items(message, &mut receipt)?;
        }
        let answer = message.reply_with(Performative::Confirm, &receipt)?;
        self.answers.extend(answer.map(|it| it.without(&Slot::Protocol)));
        Ok(())
    }

    fn take_presences(
        &mut self,
        message: &Message,
        receipt: &mut Receipt,
    ) -> Result<(), serde_json::Error> {
        let registrar = &self.settings.registrar;
        if !message.from.as_ref().is_some_and(|from| registrar.covers(&from.to_bare())) {
            let what = format!("only `{registrar}` says who came and went");
            receipt.refused.push((String::new(), brief(&what)));
            return Ok(());
        }
        let presences = match message.read::<Presences>() {
            Ok(Presences(presences)) => presences,
            Err(error) => {
                receipt.refused.push((String::new(), brief(&format!("not presences: {error}"))));
                return Ok(());
            }
        };
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
        let items = match items(&message.body) {
            Ok(items) => items,
            Err(error) => {
                receipt.refused.push((String::new(), brief(&format!("not items: {error}"))));
                return Ok(());
            }
        };
        for item in items.into_iter().take(RESULTS) {
            match admit(item, message) {
                Ok((key, record)) => {
                    let leaf = Pending { uuid: key, sha256: record.digest_hex() };
                    let item = Parcel::Item(record.value().clone());
                    self.changes.push(queue::push(FORWARD, key, &item)?);
                    self.changes.push(queue::push(ANCHOR, key, &leaf)?);
                    receipt.stored.push(key.to_string());
                }
                Err((key, why)) => receipt.refused.push((brief(&key), brief(&why))),
            }
        }
        Ok(())
    }
}

/// Takes the items of a message in; one that is taken is whole and its sender's.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(body: &str) {
    let mut message = Message::text(Performative::Inform, "c@test", "");
    message.from = Some("a@test/1".into());
    for item in items(body).unwrap_or_default() {
        match admit(item, &message) {
            Ok((id, record)) => {
                let value = record.value();
                assert_eq!(
                    value
                        .pointer("/meta/source")
                        .and_then(Value::as_str)
                        .and_then(|it| it.split('/').next()),
                    Some("a@test")
                );
                let again = Record::parse(value.to_string().as_bytes()).map(|it| it.digest_hex());
                assert_eq!(again.ok(), Some(record.digest_hex()), "{id}");
            }
            Err((_, why)) => assert!(!why.is_empty()),
        }
    }
}

/// The items of a body: one, or a list of them. Each is read by itself, so that one that is not
/// in order does not take the others with it.
fn items(body: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    if body.trim_start().starts_with('[') {
        return serde_json::from_str(body);
    }
    serde_json::from_str(body).map(|item| vec![item])
}

/// Checks one item; what is refused is told with its uuid, if it has one.
fn admit(item: &RawValue, message: &Message) -> Result<(uuid::Uuid, Record), (String, String)> {
    let name = name(item);
    let refuse = |why: String| (name.clone(), why);
    let record =
        Record::parse(item.get().as_bytes()).map_err(|error| refuse(Chain(&error).to_string()))?;
    let read: Item = serde::Deserialize::deserialize(record.value())
        .map_err(|error| refuse(format!("not an item: {error}")))?;
    Link::read(&record).map_err(|error| refuse(Chain(&error).to_string()))?;
    let Some(sender) = message.from.as_ref().map(AgentId::bare) else {
        return Err(refuse("nobody says to have sent it".to_owned()));
    };
    match read.meta.source.as_deref() {
        // Older probes leave it out; then it is who the server says has sent it.
        None => {
            let mut item = record.value().clone();
            if let Some(meta) = item.get_mut("meta").and_then(Value::as_object_mut) {
                meta.insert("source".to_owned(), sender.into());
            }
            let record = Record::of(&item).map_err(|error| refuse(Chain(&error).to_string()))?;
            Ok((read.meta.uuid, record))
        }
        Some(source) if source.split('/').next() == Some(sender) => Ok((read.meta.uuid, record)),
        Some(source) => Err(refuse(format!("its source is `{source}`, but `{sender}` sent it"))),
    }
}

/// What an item says its uuid is, as far as it can be read at all.
fn name(item: &RawValue) -> String {
    let value: Value = serde_json::from_str(item.get()).unwrap_or_default();
    value.pointer("/meta/uuid").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Words that fit into a receipt, whatever they quote.
fn brief(words: &str) -> String {
    words.chars().take(WORDS).collect()
}
