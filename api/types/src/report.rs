//! What an agent says of itself: its behaviours and where they are.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Announcement, Content};

/// What an agent is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who: a bare JID.
    pub jid: String,
    /// When it said so, in milliseconds since 1970 UTC, by its own clock.
    pub sent_ms: i64,
    /// What it is for.
    #[serde(flatten)]
    pub announcement: Announcement,
    /// Results that are kept here and not delivered yet.
    #[serde(default)]
    pub backlog: u64,
    /// Messages that no behaviour wanted, since the start.
    #[serde(default)]
    pub unwanted: u64,
    /// What went against a protocol lately, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// Its behaviours, in the order of its file.
    pub behaviours: Vec<BehaviourReport>,
}

impl Content for Report {
    const ONTOLOGY: &'static str = "vedette:report";
}

/// Something that went against an interaction protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Which protocol: `fipa-request`, …
    pub protocol: String,
    /// Which conversation.
    pub conversation: String,
    /// Who the other one is: a bare JID.
    pub with: String,
    /// What happened, or did not.
    pub what: String,
}

/// Where one behaviour is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BehaviourReport {
    /// Its name, unique in its agent: `check`, or `check:2`, or as configured.
    pub name: Cow<'static, str>,
    /// What it runs: `check`, `collect`, …
    pub run: Cow<'static, str>,
    /// Whether it runs.
    pub phase: Phase,
    /// The state it is in, by name.
    pub state: Cow<'static, str>,
    /// Since when it is in that state, in milliseconds since 1970 UTC.
    pub since_ms: i64,
    /// Steps taken.
    pub steps: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// How it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Its mailbox.
    pub mailbox: Depth,
    /// By when it is to have made its next result, in milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<i64>,
    /// Its states and moves. Left out of most reports, since it does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagram: Option<Diagram>,
}

/// Whether a behaviour is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "phase", content = "exit")]
pub enum Phase {
    /// Its steps are being run.
    Running,
    /// It was told to pause, and takes no step until it is told to go on.
    Paused,
    /// It failed and will be started again.
    Restarting,
    /// It is over.
    Ended(Exit),
}

/// How a behaviour ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how", content = "why")]
pub enum Exit {
    /// Reached a final state.
    Done,
    /// Was asked to stop and did.
    Stopped,
    /// Was dropped in the middle of a step.
    Killed,
    /// A step failed.
    Failed(String),
    /// A step panicked.
    Panicked(String),
}

/// How full a mailbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Messages waiting.
    pub queued: u64,
    /// How many may wait.
    pub capacity: u64,
    /// Messages turned away since the start, because it was full.
    pub dropped: u64,
}

/// A behaviour's states and moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagram {
    /// States in the order they were declared; a run starts in the first.
    pub states: Vec<Node>,
}

/// One state of a [`Diagram`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the state.
    pub name: Cow<'static, str>,
    /// What happens there, in one line.
    pub about: Cow<'static, str>,
    /// Names of the states that may follow; none: the state is final.
    pub moves: Vec<Cow<'static, str>>,
}
