//! Who is there, and what for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Content, Policy};

/// How available somebody is (RFC 6121 section 4.7.2.1, and gone).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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
    #[default]
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
    /// What it runs: `check`, `report`, …, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
}

/// One agent's presence at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How busy it is, in percent, by its own account.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub load: u8,
    /// What made it so, as far as the server says: `connection lost`, a goodbye in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it comes and goes so often that its coming says little.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flapping: bool,
    /// How who saw it speaks with it, if who saw it can seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Since when, in milliseconds since 1970 UTC, by the clock of who saw it.
    pub since_ms: i64,
    /// What it said of itself when it came.
    #[serde(flatten)]
    pub announcement: Announcement,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(load: &u8) -> bool {
    *load == 0
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
    /// Which duties; none: whatever they do.
    #[serde(default)]
    pub duties: Vec<String>,
    /// Which labels they must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How available they must be; none: however they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shows: Vec<Show>,
}

impl Content for RollCall {
    const ONTOLOGY: &'static str = "vedette:roll";
}

impl Content for Roll {
    const ONTOLOGY: &'static str = "vedette:roll";
}
