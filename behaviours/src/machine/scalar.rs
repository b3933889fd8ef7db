//! What a variable of a machine holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::clip;

/// How long a text in a variable may be, in bytes; what is longer is cut.
pub(super) const LONGEST: usize = 4_096;

/// A number, a text, or yes or no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    /// Reads one from a file. What is no finite number is none.
    pub(super) fn of(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Boolean(it) => Some(Self::Bool(*it)),
            toml::Value::Integer(it) => it.to_string().parse().ok().map(Self::Number),
            toml::Value::Float(it) => it.is_finite().then_some(Self::Number(*it + 0.0)),
            toml::Value::String(it) if it.len() <= LONGEST => Some(Self::Text(it.clone())),
            toml::Value::String(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_)
            | toml::Value::Table(_) => None,
        }
    }

    /// The same kind of thing, read from text.
    pub(super) fn like(&self, text: &str) -> Option<Self> {
        match self {
            Self::Bool(_) => text.trim().parse().ok().map(Self::Bool),
            Self::Number(_) => number(text.trim()),
            Self::Text(_) => Some(Self::Text(clip(text, LONGEST).to_owned())),
        }
    }

    /// What kind of thing it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
        }
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.kind() == other.kind()
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(it) => (*it).into(),
            // What is whole is written so.
            Self::Number(it) => serde_json::from_str(&self.to_string()).unwrap_or((*it).into()),
            Self::Text(it) => it.as_str().into(),
        }
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<Scalar> {
    // There is one zero.
    text.parse::<f64>().ok().filter(|it| it.is_finite()).map(|it| Scalar::Number(it + 0.0))
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(it) => it.fmt(f),
            Self::Number(it) => it.fmt(f),
            Self::Text(it) => it.fmt(f),
        }
    }
}
