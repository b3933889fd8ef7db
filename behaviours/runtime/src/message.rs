//! What agents say to each other.

use std::{sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use types::Content;

use crate::{Address, AgentId, Performative, Slot, timestamp};

/// The name under which an act that FIPA does not know is kept.
const UNKNOWN_ACT: Slot = Slot::Other(std::borrow::Cow::Borrowed("performative"));

/// One message.
///
/// As JSON it is what is kept on disk: an object of its fields, an address as `{"agent": …}` or
/// `{"duty": …}`, and the slots as pairs of name and value. What is read back is equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its identity on the road, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// Who says it. The agent fills it in; a road checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AgentId>,
    /// To whom.
    pub to: Address,
    /// To what end. What comes from others may not say, or may say something of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performative: Option<Performative>,
    /// The other slots, few and in the order in which they were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slots: Vec<(Slot, Arc<str>)>,
    /// What is said.
    pub body: Arc<str>,
    /// Under which key it is kept here until it is dealt with, if it is.
    #[serde(skip)]
    pub(crate) kept_as: Option<Arc<str>>,
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
            kept_as: None,
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

    /// The same message with a slot left empty.
    #[must_use]
    pub fn without(mut self, slot: &Slot) -> Self {
        self.slots.retain(|(it, _)| it != slot);
        self
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

    /// In which conversation.
    pub fn thread(&self) -> Option<&str> {
        self.slot(&Slot::ConversationId)
    }

    /// The same message in a conversation.
    #[must_use]
    pub fn in_conversation(self, id: impl Into<Arc<str>>) -> Self {
        self.with(Slot::ConversationId, id)
    }

    /// The same message in a conversation that it opens: with an id that nobody used before.
    #[must_use]
    pub fn in_new_conversation(self) -> Self {
        self.in_conversation(Self::new_conversation())
    }

    /// An id for a conversation that nobody used before: a random UUID (RFC 9562).
    pub fn new_conversation() -> Arc<str> {
        uuid::Uuid::new_v4().to_string().into()
    }

    /// Until when a reply is awaited, written as RFC 3339 or as FIPA does
    /// (`20261124T101500000Z`). What is neither, or relative, says nothing.
    pub fn reply_by(&self) -> Option<SystemTime> {
        self.slot(&Slot::ReplyBy).and_then(timestamp::read)
    }

    /// The same message with a time until which a reply is awaited, written as RFC 3339. A time
    /// outside of the years 0 to 9999 is as good as none and is left out.
    #[must_use]
    pub fn with_reply_by(self, until: SystemTime) -> Self {
        match timestamp::write(until) {
            Some(text) => self.with(Slot::ReplyBy, text),
            None => self,
        }
    }

    /// What it does, by name, also where FIPA does not know the act.
    pub fn act(&self) -> Option<&str> {
        let known = self.performative.map(Performative::as_str);
        known.or_else(|| self.slot(&UNKNOWN_ACT))
    }

    /// Whether its sender is to be told `not-understood` when nobody wants it.
    ///
    /// FIPA (SC00037J, `not-understood`) has whoever cannot make sense of an act say so, and an
    /// unknown act is one of those. But an answer is not answered, or two agents that do not
    /// understand each other would never be silent: nothing that says what it replies to (SC00061G
    /// `in-reply-to`), and no act that only ever answers, `not-understood` first of all. What
    /// names no act at all is people's chat, and no agent's business.
    pub fn wants_answer_if_not_understood(&self) -> bool {
        if self.slot(&Slot::InReplyTo).is_some() {
            return false;
        }
        match self.performative {
            Some(act) => act.deserves_an_answer(),
            None => self.slot(&UNKNOWN_ACT).is_some(),
        }
    }

    /// Whether it is a letter that is not kept here yet.
    pub(crate) fn is_unkept_letter(&self) -> bool {
        self.kept_as.is_none() && self.slot(&crate::LETTER).is_some()
    }

    /// Reads the content as `C`.
    pub fn read<C: Content>(&self) -> Result<C, serde_json::Error> {
        serde_json::from_str(&self.body)
    }

    /// An answer to whoever sent this: same conversation, vocabulary, language and protocol, and
    /// `in-reply-to` repeats what `reply-with` asked for. Encoding and content type belong to
    /// the body, and the answer has its own. Without a sender there is no answer.
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
    fn a_message_is_read_back_from_disk_as_it_was() {
        let mut message =
            Message::text(Performative::Request, "duty:open[site=lux1]", "the door \u{1f6aa}")
                .in_conversation("c1")
                .with(Slot::Other("mood".into()), "good");
        message.id = Some("m1".into());
        message.from = Some("a@test/x".into());
        let kept = serde_json::to_string(&message).unwrap();
        insta::assert_snapshot!(kept, @r#"{"id":"m1","from":"a@test/x","to":{"duty":{"name":"open","labels":[["site","lux1"]]}},"performative":"request","slots":[["conversation-id","c1"],["mood","good"]],"body":"the door 🚪"}"#);
        assert_eq!(serde_json::from_str::<Message>(&kept).unwrap(), message);
        let mut chat = Message::text(Performative::Inform, "b@test", "hello");
        chat.performative = None;
        let kept = serde_json::to_vec(&chat).unwrap();
        assert_eq!(serde_json::from_slice::<Message>(&kept).unwrap(), chat);
    }

    #[test]
    fn a_message_on_disk_with_an_act_of_nobody_is_refused() {
        let kept = r#"{"to":{"agent":"b@test"},"performative":"shout","body":""}"#;
        let error = serde_json::from_str::<Message>(kept).unwrap_err();
        assert!(error.to_string().contains("no performative `shout`"), "{error}");
    }

    #[test]
    fn new_conversations_are_all_different() {
        let talk = || Message::text(Performative::Inform, "b@test", "").in_new_conversation();
        assert_ne!(talk().thread(), talk().thread());
        assert_eq!(talk().thread().map(str::len), Some(36));
    }

    #[test]
    fn a_reply_keeps_no_encoding_since_the_body_is_another() {
        let mut asked = Message::text(Performative::QueryRef, "b@test", "d2hvPw==")
            .with(Slot::Encoding, "base64")
            .with(Slot::ContentType, "text/plain");
        asked.from = Some("a@test".into());
        let answer = asked.reply(Performative::Inform, "me").unwrap();
        assert_eq!(answer.slot(&Slot::Encoding), None);
        assert_eq!(answer.slot(&Slot::ContentType), None);
    }

    #[test]
    fn what_only_answers_is_never_answered_with_not_understood() {
        let silent: Vec<&str> = Performative::ALL
            .iter()
            .filter(|act| !Message::text(**act, "b@test", "").wants_answer_if_not_understood())
            .map(|act| act.as_str())
            .collect();
        let answers = [
            "agree",
            "confirm",
            "disconfirm",
            "failure",
            "not-understood",
            "refuse",
            "reject-proposal",
        ];
        assert_eq!(silent, answers);
        for act in Performative::ALL {
            let answer = Message::text(*act, "b@test", "").with(Slot::InReplyTo, "r1");
            assert!(!answer.wants_answer_if_not_understood(), "{act}");
        }
    }

    #[test]
    fn an_unknown_act_is_answered_and_chat_is_not() {
        let mut chat = Message::text(Performative::Inform, "b@test", "hello");
        chat.performative = None;
        assert!(!chat.wants_answer_if_not_understood());
        let unknown = chat.with(Slot::from("performative"), "shout");
        assert!(unknown.wants_answer_if_not_understood());
        assert_eq!(unknown.act(), Some("shout"));
        assert!(!unknown.with(Slot::InReplyTo, "r1").wants_answer_if_not_understood());
    }
}
