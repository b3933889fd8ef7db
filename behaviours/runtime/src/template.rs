//! Which messages a behaviour wants.

mod overlap;
mod read;
mod write;

use std::{
    ops::{BitAnd, BitOr, BitXor, Not},
    sync::Arc,
};

use crate::{Address, AgentId, Message, Pattern, Performative, Slot, pattern::Spelling};

pub use read::{BadTemplate, TemplateFault};

/// A condition on messages. Combine with `&`, `|`, `^` and `!`.
///
/// [`parse`](Self::parse) reads one from a configuration file, and `Display` writes it so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// Matches every message.
    Any,
    /// Matches no message.
    #[default]
    None,
    /// Matches the performative.
    Performative(Performative),
    /// Matches what a slot holds.
    Slot(Slot, Arc<str>),
    /// Matches what a slot holds by what it looks like.
    SlotLike(Slot, Pattern),
    /// Matches when a slot holds something.
    Has(Slot),
    /// Matches what is said.
    Body(Pattern),
    /// Matches the sender: the account, or one connection of it.
    From(AgentId),
    /// Matches the sender's account by what it looks like.
    FromLike(Pattern),
    /// Matches the receiver: the account, or one connection of it.
    To(AgentId),
    /// Matches when all do.
    All(Vec<Template>),
    /// Matches when one does.
    Either(Vec<Template>),
    /// Matches when exactly one of the two does.
    OneOf(Box<[Template; 2]>),
    /// Matches when the other does not.
    Not(Box<Template>),
}

impl Template {
    /// Matches the vocabulary.
    pub fn ontology(name: &str) -> Self {
        Self::Slot(Slot::Ontology, name.into())
    }

    /// Matches the interaction protocol.
    pub fn protocol(name: &str) -> Self {
        Self::Slot(Slot::Protocol, name.into())
    }

    /// Matches the conversation.
    pub fn thread(id: &str) -> Self {
        Self::Slot(Slot::ConversationId, id.into())
    }

    /// Matches what is said.
    pub fn body(pattern: impl Into<Pattern>) -> Self {
        Self::Body(pattern.into())
    }

    /// Matches what a slot holds.
    pub fn slot(slot: Slot, pattern: impl Into<Pattern>) -> Self {
        let pattern = pattern.into();
        match pattern.spelling() {
            Spelling::Exact => Self::Slot(slot, pattern.source().into()),
            Spelling::Glob | Spelling::Regex => Self::SlotLike(slot, pattern),
        }
    }

    /// Matches when a slot holds something.
    pub fn has(slot: Slot) -> Self {
        Self::Has(slot)
    }

    /// Matches the sender: an exact one is an account or one connection of it, what is like a
    /// pattern is an account.
    pub fn from_like(pattern: impl Into<Pattern>) -> Self {
        let pattern = pattern.into();
        match pattern.spelling() {
            Spelling::Exact => Self::From(pattern.source().into()),
            Spelling::Glob | Spelling::Regex => Self::FromLike(pattern),
        }
    }

    /// Matches the receiver.
    pub fn to(agent: impl Into<AgentId>) -> Self {
        Self::To(agent.into())
    }

    /// Reads what a configuration file says: conditions such as `performative=request`,
    /// `ontology=door`, `body~"open*"` (a glob), `body=/^shut/` (a regular expression),
    /// `reply-by` (the slot holds something), `any` and `none`, joined by `!`, `&`, `^`, `|` (which
    /// bind in this order) and parentheses. The keys are `performative`, `from`, `to`, `body`,
    /// `thread` and the name of any slot; a slot with an odd name is `slot:"odd name"`.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        read::read(text)
    }

    /// Whether `message` matches.
    pub fn matches(&self, message: &Message) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Performative(performative) => message.performative == Some(*performative),
            Self::Slot(slot, value) => message.slot(slot) == Some(value),
            Self::SlotLike(slot, like) => message.slot(slot).is_some_and(|it| like.matches(it)),
            Self::Has(slot) => message.slot(slot).is_some(),
            Self::Body(like) => like.matches(&message.body),
            Self::From(agent) => message.from.as_ref().is_some_and(|from| agent.covers(from)),
            Self::FromLike(like) => {
                message.from.as_ref().is_some_and(|from| like.matches(from.bare()))
            }
            Self::To(agent) => match &message.to {
                Address::Agent(to) => agent.covers(to),
                Address::Duty(_) => false,
            },
            Self::All(templates) => templates.iter().all(|it| it.matches(message)),
            Self::Either(templates) => templates.iter().any(|it| it.matches(message)),
            Self::OneOf(both) => {
                let [one, other] = &**both;
                one.matches(message) != other.matches(message)
            }
            Self::Not(template) => !template.matches(message),
        }
    }

    /// Whether some message could match both. `false` is certain; `true` is not, where regular
    /// expressions, or many conditions on one slot, leave it open.
    pub fn may_overlap(&self, other: &Self) -> bool {
        overlap::may_overlap(self, other)
    }
}

impl From<Performative> for Template {
    fn from(performative: Performative) -> Self {
        Self::Performative(performative)
    }
}

impl BitAnd for Template {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self::All(match self {
            Self::All(mut templates) if templates.len() > 1 => {
                templates.push(other);
                templates
            }
            one => vec![one, other],
        })
    }
}

impl BitOr for Template {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::Either(match self {
            Self::Either(mut templates) if templates.len() > 1 => {
                templates.push(other);
                templates
            }
            one => vec![one, other],
        })
    }
}

impl BitXor for Template {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self::OneOf(Box::new([self, other]))
    }
}

impl Not for Template {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

#[cfg(test)]
mod tests;
