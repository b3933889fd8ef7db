//! What an item tells of an alert. What is not in order is no alert, and stays an item.

use std::{fmt, net::IpAddr};

use serde::Serialize;
use serde_json::Value;

use crate::clock;

/// Longest name of an alert, in bytes.
const ID: usize = 256;
/// Longest name of a family, a detector or a technique, in bytes.
const NAME: usize = 64;
/// Most detectors, and most techniques.
const NAMES: usize = 64;

/// How bad an alert is, from what is only to be known to the worst.
pub(crate) const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
/// What can happen to an alert.
const CHANGES: [&str; 3] = ["opened", "grown", "moved"];

/// How an alert stands. It only goes forward, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertState {
    /// Nobody has looked.
    New,
    /// It is true.
    Confirmed,
    /// A person has taken it on.
    Acknowledged,
    /// Something was done about it.
    Mitigated,
    /// It is over.
    Expired,
}

impl AlertState {
    pub(crate) const ALL: [Self; 5] =
        [Self::New, Self::Confirmed, Self::Acknowledged, Self::Mitigated, Self::Expired];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Confirmed => "confirmed",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Which states may follow.
    pub(crate) fn next(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |to| *to > self)
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change of an alert, as its source tells it.
#[derive(Clone, Debug)]
pub(crate) struct AlertNews {
    /// When, in nanoseconds since 1970.
    pub(crate) at_ns: i64,
    /// `opened`, `grown` or `moved`.
    pub(crate) change: &'static str,
    /// What the source calls the alert.
    pub(crate) id: String,
    pub(crate) host: IpAddr,
    pub(crate) family: String,
    pub(crate) severity: &'static str,
    pub(crate) state: AlertState,
    pub(crate) score: f64,
    pub(crate) opened_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) detectors: Vec<String>,
    pub(crate) techniques: Vec<String>,
    /// How many pieces of evidence there were.
    pub(crate) evidence: i64,
    /// How many conversations they have.
    pub(crate) flows: i64,
}

impl AlertNews {
    /// Reads the payload of an item of type `alert`.
    pub(super) fn read(payload: &Value) -> Option<Self> {
        let change = payload.get("change")?;
        let alert = change.get("alert")?;
        let text = |key: &str| alert.get(key).and_then(Value::as_str);
        let time = |key: &str| alert.get(key).and_then(clock::nanoseconds);
        let count = |key: &str| alert.get(key).and_then(Value::as_i64).filter(|it| *it >= 0);
        Some(Self {
            at_ns: clock::nanoseconds(change.get("at")?)?,
            change: one_of(&CHANGES, change.get("change")?.as_str()?)?,
            id: text("id").filter(|it| is_name(it, ID) && !it.contains('/'))?.to_owned(),
            host: text("host")?.parse().ok()?,
            family: text("family").filter(|it| is_name(it, NAME))?.to_owned(),
            severity: one_of(&SEVERITIES, text("severity")?)?,
            state: AlertState::named(text("state")?)?,
            score: alert.get("score")?.as_f64().filter(|it| it.is_finite())?,
            opened_ms: time("opened")?.div_euclid(1_000_000),
            last_ms: time("last")?.div_euclid(1_000_000),
            detectors: names(alert.get("detectors")?)?,
            techniques: names(alert.get("techniques")?)?,
            evidence: count("count")?,
            flows: count("flows")?,
        })
    }
}

fn one_of(words: &[&'static str], word: &str) -> Option<&'static str> {
    words.iter().find(|it| **it == word).copied()
}

fn is_name(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

fn names(list: &Value) -> Option<Vec<String>> {
    let list = list.as_array().filter(|it| it.len() <= NAMES)?;
    let name = |it: &Value| Some(it.as_str().filter(|it| is_name(it, NAME))?.to_owned());
    list.iter().map(name).collect()
}
