//! Writes a template as it is read.

use std::fmt;

use super::{
    Template,
    read::{is_plain, is_taken},
};
use crate::{Pattern, Slot, pattern::Spelling};

/// How tightly a template binds where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Either,
    OneOf,
    All,
    Single,
}

impl fmt::Display for Template {
    /// Writes what [`parse`](Template::parse) reads as an equal template, if this is one that
    /// can be read: one of nothing, or joining a single one, is written as what it amounts to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::None => f.write_str("none"),
            Self::Performative(performative) => write!(f, "performative={performative}"),
            Self::Slot(slot, value) => {
                key(slot, f)?;
                exact(value, f)
            }
            Self::SlotLike(slot, like) => {
                key(slot, f)?;
                pattern(like, f)
            }
            Self::Has(slot) => key(slot, f),
            Self::Body(like) => {
                f.write_str("body")?;
                pattern(like, f)
            }
            Self::From(agent) => {
                f.write_str("from")?;
                exact(agent.as_str(), f)
            }
            Self::FromLike(like) => {
                f.write_str("from")?;
                pattern(like, f)
            }
            Self::To(agent) => {
                f.write_str("to")?;
                exact(agent.as_str(), f)
            }
            Self::All(templates) if templates.is_empty() => f.write_str("any"),
            Self::Either(templates) if templates.is_empty() => f.write_str("none"),
            Self::All(templates) => join(templates, " & ", Binding::Single, f),
            Self::Either(templates) => join(templates, " | ", Binding::OneOf, f),
            Self::OneOf(both) => {
                let [one, other] = &**both;
                within(one, Binding::OneOf, f)?;
                f.write_str(" ^ ")?;
                within(other, Binding::All, f)
            }
            Self::Not(template) => {
                f.write_str("!")?;
                within(template, Binding::Single, f)
            }
        }
    }
}

fn join(
    templates: &[Template],
    by: &str,
    least: Binding,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (place, template) in templates.iter().enumerate() {
        if place > 0 {
            f.write_str(by)?;
        }
        within(template, least, f)?;
    }
    Ok(())
}

/// Writes a template that is part of another, in parentheses if it binds less tightly than `least`.
fn within(template: &Template, least: Binding, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if binding(template) < least { write!(f, "({template})") } else { write!(f, "{template}") }
}

fn binding(template: &Template) -> Binding {
    match template {
        Template::All(all) if all.len() > 1 => Binding::All,
        Template::Either(all) if all.len() > 1 => Binding::Either,
        Template::All(all) | Template::Either(all) => all.first().map_or(Binding::Single, binding),
        Template::OneOf(_) => Binding::OneOf,
        Template::Any
        | Template::None
        | Template::Performative(_)
        | Template::Slot(..)
        | Template::SlotLike(..)
        | Template::Has(_)
        | Template::Body(_)
        | Template::From(_)
        | Template::FromLike(_)
        | Template::To(_)
        | Template::Not(_) => Binding::Single,
    }
}

fn key(slot: &Slot, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if *slot == Slot::ConversationId {
        return f.write_str("thread");
    }
    let name = slot.as_str();
    if !name.is_empty() && name.chars().all(is_plain) && !is_taken(name) {
        return f.write_str(name);
    }
    f.write_str("slot:")?;
    quoted(name, f)
}

fn pattern(like: &Pattern, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match like.spelling() {
        Spelling::Exact => exact(like.source(), f),
        Spelling::Glob => {
            f.write_str("~")?;
            quoted(like.source(), f)
        }
        Spelling::Regex => regex(like.source(), f),
    }
}

fn exact(value: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("=")?;
    if !value.is_empty() && !value.starts_with('/') && value.chars().all(is_plain) {
        return f.write_str(value);
    }
    quoted(value, f)
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{letter}")?;
    }
    f.write_str("\"")
}

fn regex(source: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("=/")?;
    let mut escaped = false;
    for letter in source.chars() {
        if letter == '/' && !escaped {
            f.write_str("\\")?;
        }
        escaped = letter == '\\' && !escaped;
        write!(f, "{letter}")?;
    }
    f.write_str("/")
}
