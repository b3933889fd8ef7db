//! What agents say to each other.

use std::{borrow::Cow, fmt, sync::Arc};

use types::Content;

use crate::Performative;

/// An agent's address: its JID, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(Arc<str>);

impl AgentId {
    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account, without the connection that speaks for it (`name@domain`).
    pub fn bare(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(bare, _resource)| bare)
    }

    /// Whether no connection is named.
    pub fn is_bare(&self) -> bool {
        !self.0.contains('/')
    }

    /// The address of the account.
    #[must_use]
    pub fn to_bare(&self) -> Self {
        if self.is_bare() { self.clone() } else { Self::from(self.bare()) }
    }

    /// The domain of the account.
    pub fn domain(&self) -> &str {
        let bare = self.bare();
        bare.split_once('@').map_or(bare, |(_name, domain)| domain)
    }

    /// Whether both mean the same account, or the same connection where this one names it.
    pub fn covers(&self, other: &Self) -> bool {
        if self.is_bare() { self.bare() == other.bare() } else { self == other }
    }
}

impl From<&str> for AgentId {
    fn from(jid: &str) -> Self {
        Self(jid.into())
    }
}

impl From<String> for AgentId {
    fn from(jid: String) -> Self {
        Self(jid.into())
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom: an agent, or whoever does a duty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// This agent.
    Agent(AgentId),
    /// Whoever the registry finds for this duty.
    Duty(Duty),
}

/// A duty, and what whoever does it must be labelled with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Duty {
    /// What is to be done: `aggregate`, …
    pub name: Arc<str>,
    /// Labels and what they must say, by name.
    pub labels: Arc<[(Arc<str>, Arc<str>)]>,
}

impl From<&str> for Duty {
    /// Reads `aggregate`, or `aggregate[site=lux1,net=dmz]`.
    fn from(text: &str) -> Self {
        let Some((name, labels)) = text.strip_suffix(']').and_then(|it| it.split_once('[')) else {
            return Self { name: text.into(), labels: Arc::from([]) };
        };
        let pair = |label: &str| {
            let (name, value) = label.split_once('=').unwrap_or((label, ""));
            (Arc::from(name.trim()), Arc::from(value.trim()))
        };
        let labels = labels.split(',').filter(|it| !it.trim().is_empty()).map(pair);
        let mut labels: Vec<_> = labels.collect();
        labels.sort_unstable();
        Self { name: name.into(), labels: labels.into() }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.labels.is_empty() {
            return Ok(());
        }
        let labels: Vec<_> = self.labels.iter().map(|(name, it)| format!("{name}={it}")).collect();
        write!(f, "[{}]", labels.join(","))
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        text.strip_prefix("duty:")
            .map_or_else(|| Self::Agent(text.into()), |duty| Self::Duty(duty.into()))
    }
}

impl From<AgentId> for Address {
    fn from(agent: AgentId) -> Self {
        Self::Agent(agent)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => agent.fmt(f),
            Self::Duty(duty) => write!(f, "duty:{duty}"),
        }
    }
}

/// A slot of FIPA's message (SC00061G), or whatever else its sender attached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The vocabulary of the content.
    Ontology,
    /// The language of the content.
    Language,
    /// The encoding of the content.
    Encoding,
    /// The media type of the content.
    ContentType,
    /// The interaction protocol.
    Protocol,
    /// The conversation.
    ConversationId,
    /// What a reply is to repeat.
    ReplyWith,
    /// What it replies to.
    InReplyTo,
    /// Until when a reply is awaited.
    ReplyBy,
    /// To whom replies go.
    ReplyTo,
    /// When it was made.
    CreationTimestamp,
    /// Something that FIPA does not name.
    Other(Cow<'static, str>),
}

impl Slot {
    const NAMED: [(Self, &'static str); 11] = [
        (Self::Ontology, "ontology"),
        (Self::Language, "language"),
        (Self::Encoding, "encoding"),
        (Self::ContentType, "content-type"),
        (Self::Protocol, "protocol"),
        (Self::ConversationId, "conversation-id"),
        (Self::ReplyWith, "reply-with"),
        (Self::InReplyTo, "in-reply-to"),
        (Self::ReplyBy, "reply-by"),
        (Self::ReplyTo, "reply-to"),
        (Self::CreationTimestamp, "creation-timestamp"),
    ];

    /// Its name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            named => Self::NAMED
                .iter()
                .find_map(|(slot, name)| (slot == named).then_some(*name))
                .unwrap_or_default(),
        }
    }
}

impl From<&str> for Slot {
    fn from(name: &str) -> Self {
        Self::NAMED
            .iter()
            .find_map(|(slot, it)| (*it == name).then(|| slot.clone()))
            .unwrap_or_else(|| Self::Other(Cow::Owned(name.to_owned())))
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its identity on the road, if it has one.
    pub id: Option<Arc<str>>,
    /// Who says it. The agent fills it in; a road checks it.
    pub from: Option<AgentId>,
    /// To whom.
    pub to: Address,
    /// To what end. What comes from others may not say, or may say something of its own.
    pub performative: Option<Performative>,
    /// The other slots, few and in the order in which they were set.
    slots: Vec<(Slot, Arc<str>)>,
    /// What is said.
    pub body: Arc<str>,
}

impl Message {
    /// A message with text in it.
    pub fn text(
        performative: Performative,
        to: impl Into<Address>,
        body: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            id: None,
            from: None,
            to: to.into(),
            performative: Some(performative),
            slots: Vec::new(),
            body: body.into(),
        }
    }

    /// A message with typed content.
    pub fn new<C: Content>(
        performative: Performative,
        to: impl Into<Address>,
        content: &C,
    ) -> Result<Self, serde_json::Error> {
        let message = Self::text(performative, to, serde_json::to_string(content)?);
        Ok(message.with(Slot::Ontology, C::ONTOLOGY))
    }

    /// The same message with a slot filled in.
    #[must_use]
    pub fn with(mut self, slot: Slot, value: impl Into<Arc<str>>) -> Self {
        self.set(slot, value);
        self
    }

    /// Fills a slot in, or anew.
    pub fn set(&mut self, slot: Slot, value: impl Into<Arc<str>>) {
        self.slots.retain(|(it, _)| *it != slot);
        self.slots.push((slot, value.into()));
    }

    /// What a slot holds.
    pub fn slot(&self, slot: &Slot) -> Option<&str> {
        self.slots.iter().find_map(|(it, value)| (it == slot).then_some(&**value))
    }

    /// All slots that hold something.
    pub fn slots(&self) -> impl Iterator<Item = (&Slot, &str)> {
        self.slots.iter().map(|(slot, value)| (slot, &**value))
    }

    /// In which vocabulary.
    pub fn ontology(&self) -> Option<&str> {
        self.slot(&Slot::Ontology)
    }

    /// Reads the content as `C`.
    pub fn read<C: Content>(&self) -> Result<C, serde_json::Error> {
        serde_json::from_str(&self.body)
    }

    /// An answer to whoever sent this: same conversation, same vocabulary and protocol, and
    /// `in-reply-to` repeats what `reply-with` asked for. Without a sender there is no answer.
    pub fn reply(&self, performative: Performative, body: impl Into<Arc<str>>) -> Option<Self> {
        let to = self.slot(&Slot::ReplyTo).map(AgentId::from).or_else(|| self.from.clone())?;
        let mut answer = Self::text(performative, to, body);
        for slot in [Slot::ConversationId, Slot::Ontology, Slot::Protocol, Slot::Language] {
            if let Some(value) = self.slot(&slot) {
                answer.set(slot, value);
            }
        }
        if let Some(asked) = self.slot(&Slot::ReplyWith) {
            answer.set(Slot::InReplyTo, asked);
        }
        Some(answer)
    }

    /// An answer with typed content.
    pub fn reply_with<C: Content>(
        &self,
        performative: Performative,
        content: &C,
    ) -> Result<Option<Self>, serde_json::Error> {
        let body = serde_json::to_string(content)?;
        Ok(self.reply(performative, body).map(|it| it.with(Slot::Ontology, C::ONTOLOGY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_covers_every_connection_of_its_account() {
        let account = AgentId::from("probe@test");
        assert!(account.covers(&"probe@test/1".into()));
        assert!(!AgentId::from("probe@test/2").covers(&"probe@test/1".into()));
        assert_eq!(AgentId::from("probe@test/1").domain(), "test");
    }

    #[test]
    fn a_duty_is_an_address() {
        assert_eq!(Address::from("duty:aggregate"), Address::Duty("aggregate".into()));
        assert_eq!(Address::from("a@b").to_string(), "a@b");
        let labelled = Address::from("duty:aggregate[site=lux1, net=dmz]");
        assert_eq!(labelled.to_string(), "duty:aggregate[net=dmz,site=lux1]");
        assert_eq!(Address::from(labelled.to_string().as_str()), labelled);
    }

    #[test]
    fn a_reply_keeps_the_conversation_and_repeats_what_was_asked_for() {
        let mut asked = Message::text(Performative::QueryRef, "b@test", "who?")
            .with(Slot::ConversationId, "c1")
            .with(Slot::ReplyWith, "r1");
        assert_eq!(asked.reply(Performative::Inform, "me"), None);
        asked.from = Some("a@test/x".into());
        let answer = asked.reply(Performative::Inform, "me").unwrap();
        assert_eq!(answer.to, Address::from("a@test/x"));
        assert_eq!(answer.slot(&Slot::ConversationId), Some("c1"));
        assert_eq!(answer.slot(&Slot::InReplyTo), Some("r1"));
    }

    #[test]
    fn slots_that_fipa_names_are_recognised() {
        assert_eq!(Slot::from("reply-by"), Slot::ReplyBy);
        assert_eq!(Slot::from("mood").as_str(), "mood");
    }
}
