//! What a person is told.

use std::net::IpAddr;

use capture::Moment;
use serde::{Deserialize, Serialize};

use super::AlertState;
use crate::detect::{Evidence, Family, Kind, Severity};

/// One alert: one host, one family of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is called: family, host and when it was opened, in milliseconds since 1970.
    pub id: String,
    /// Whom it is about.
    pub host: IpAddr,
    /// What it is about.
    pub family: Family,
    /// How it stands.
    pub state: AlertState,
    /// The worst that any evidence says.
    pub severity: Severity,
    /// What the evidence came to when it was told last.
    pub score: f64,
    /// When it was opened.
    pub opened: Moment,
    /// When the evidence begins.
    pub first: Moment,
    /// When the evidence ends.
    pub last: Moment,
    /// Who says so.
    pub detectors: Vec<Kind>,
    /// Techniques of MITRE ATT&CK.
    pub techniques: Vec<String>,
    /// With whom; at most 16.
    pub peers: Vec<IpAddr>,
    /// How many pieces of evidence there were, each growth counted.
    pub count: u64,
    /// How many conversations the kept evidence has.
    pub flows: u64,
    /// The heaviest pieces of evidence, the heaviest first; at most [`Alert::EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// What became of it.
    pub history: Vec<Step>,
}

impl Alert {
    /// The most pieces of evidence that are told.
    pub const EVIDENCE: usize = 8;
}

/// One move of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// Whence.
    pub from: AlertState,
    /// Where to.
    pub to: AlertState,
    /// By whom, or why.
    pub by: String,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Opened,
    /// It got worse, another detector joined, or it has tenfold evidence.
    Grown,
    /// It moved, as the last step of its history says.
    Moved,
}

/// An alert that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertChange {
    /// When.
    pub at: Moment,
    /// What happened.
    pub change: Change,
    /// The alert as it is now.
    pub alert: Alert,
}
