//! Who is there, and what for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Content;

/// How available somebody is (RFC 6121 section 4.7.2.1, and gone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    /// Eager to talk.
    Chat,
    /// There.
    Available,
    /// Away for a short time.
    Away,
    /// Away for longer.
    Xa,
    /// Busy.
    Dnd,
    /// Not there.
    Unavailable,
}

/// What an agent announces of itself along with its presence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its role: `probe`, `aggregator`, …
    #[serde(default)]
    pub role: String,
    /// What it can be asked to do: `aggregate`, …
    #[serde(default)]
    pub duties: Vec<String>,
    /// What its operator calls it by: site, network, …
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The version of the program it runs.
    #[serde(default)]
    pub version: String,
}

/// One agent's presence at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Whose: a bare JID.
    pub jid: String,
    /// How available.
    pub show: Show,
    /// In its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// -128 to 127; the highest of an account's connections speaks for it.
    #[serde(default)]
    pub priority: i8,
    /// Since when, in milliseconds since 1970 UTC, by the clock of who saw it.
    pub since_ms: i64,
    /// What it said of itself when it came.
    #[serde(flatten)]
    pub announcement: Announcement,
}

impl Content for Presence {
    const ONTOLOGY: &'static str = "vedette:presence";
}

/// Presences in one message, as they are handed on to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Presences(pub Vec<Presence>);

impl Content for Presences {
    const ONTOLOGY: &'static str = "vedette:presences";
}

/// Everybody the registry knows, as it answers who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// One entry an account.
    pub members: Vec<Presence>,
}

/// Asks the registry who does these duties, now and whenever that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollCall {
    /// Which duties.
    pub duties: Vec<String>,
}

impl Content for RollCall {
    const ONTOLOGY: &'static str = "vedette:roll";
}

impl Content for Roll {
    const ONTOLOGY: &'static str = "vedette:roll";
}
