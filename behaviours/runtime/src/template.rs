//! Which messages a behaviour wants.

use std::{
    ops::{BitAnd, BitOr, Not},
    sync::Arc,
};

use crate::{AgentId, Message, Performative, Slot};

/// A condition on messages. Combine with `&`, `|` and `!`.
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
    /// Matches the sender: the account, or one connection of it.
    From(AgentId),
    /// Matches when all do.
    All(Vec<Template>),
    /// Matches when one does.
    Either(Vec<Template>),
    /// Matches when the other does not.
    Not(Box<Template>),
}

impl Template {
    /// Matches the vocabulary.
    pub fn ontology(name: &str) -> Self {
        Self::Slot(Slot::Ontology, name.into())
    }

    /// Whether `message` matches.
    pub fn matches(&self, message: &Message) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Performative(performative) => message.performative == Some(*performative),
            Self::Slot(slot, value) => message.slot(slot) == Some(value),
            Self::From(agent) => message.from.as_ref().is_some_and(|from| agent.covers(from)),
            Self::All(templates) => templates.iter().all(|it| it.matches(message)),
            Self::Either(templates) => templates.iter().any(|it| it.matches(message)),
            Self::Not(template) => !template.matches(message),
        }
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
        Self::All(vec![self, other])
    }
}

impl BitOr for Template {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::Either(vec![self, other])
    }
}

impl Not for Template {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_combine() {
        let mut message =
            Message::text(Performative::Inform, "b@test", "").with(Slot::Ontology, "finding");
        message.from = Some("a@test/1".into());
        let inform = || Template::from(Performative::Inform);
        let check = |template: Template, expected| assert_eq!(template.matches(&message), expected);
        check(inform() & Template::ontology("finding"), true);
        check(inform() & Template::ontology("other"), false);
        check(Template::from(Performative::Agree) | Template::From("a@test".into()), true);
        check(!Template::From("a@test/2".into()), true);
        check(Template::default(), false);
    }
}
