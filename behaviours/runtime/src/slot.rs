//! The slots of a message (FIPA SC00061G).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// Every slot that has a name of its own here. FIPA's performative, sender, receiver and
    /// content are the fields of a [`Message`](crate::Message).
    pub fn named() -> impl Iterator<Item = Self> {
        Self::NAMED.iter().map(|(slot, _name)| slot.clone())
    }

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

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::from(&*name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_fipa_names_are_recognised() {
        assert_eq!(Slot::from("reply-by"), Slot::ReplyBy);
        assert_eq!(Slot::from("mood").as_str(), "mood");
    }

    #[test]
    fn every_slot_of_fipa_and_of_spade_reads_its_own_name() {
        let slots: Vec<Slot> = Slot::named().collect();
        let names: Vec<&str> = slots.iter().map(Slot::as_str).collect();
        // SC00061G table 1 without performative, sender, receiver and content.
        let fipa = [
            "reply-to",
            "language",
            "encoding",
            "ontology",
            "protocol",
            "conversation-id",
            "reply-with",
            "in-reply-to",
            "reply-by",
        ];
        for name in fipa.iter().chain(&["content-type", "creation-timestamp"]) {
            assert!(names.contains(name), "{name}");
        }
        assert!(slots.iter().all(|slot| Slot::from(slot.as_str()) == *slot));
    }
}
