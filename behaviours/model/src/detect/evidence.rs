//! What a detector has found: who, why, and by which figures.

use std::net::IpAddr;

use capture::{Endpoint, Flow, Moment, Protocol};
use serde::{Deserialize, Serialize};

use super::Kind;

/// How bad it would be if it were true. The weights are those of Slips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To know, not to act on.
    Info,
    /// Odd.
    Low,
    /// Somebody should look.
    Medium,
    /// An attack.
    High,
    /// An attack that succeeded, or that stops others from working.
    Critical,
}

impl Severity {
    /// What it weighs when evidence is added up: 0, 0.2, 0.5, 0.8, 1.
    pub fn weight(self) -> f64 {
        match self {
            Self::Info => 0.0,
            Self::Low => 0.2,
            Self::Medium => 0.5,
            Self::High => 0.8,
            Self::Critical => 1.0,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A figure that was held against a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What was counted or measured.
    pub name: String,
    /// How much it came to.
    pub value: f64,
    /// What it was held against; `None` where it only explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl Reason {
    /// A figure and what it was held against.
    pub fn new(name: &str, value: f64, threshold: f64) -> Self {
        Self { name: name.to_owned(), value, threshold: Some(threshold) }
    }

    /// A figure that explains.
    pub fn plain(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), value, threshold: None }
    }
}

/// A conversation that shows it, by what tells it from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// When it started.
    pub start: Moment,
    /// Who started it.
    pub originator: Endpoint,
    /// Who was spoken to.
    pub responder: Endpoint,
    /// What carried it.
    pub protocol: Protocol,
}

impl From<&Flow> for Example {
    fn from(flow: &Flow) -> Self {
        Self {
            start: flow.start,
            originator: flow.originator,
            responder: flow.responder,
            protocol: flow.protocol,
        }
    }
}

/// What speaks against a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who says so.
    pub detector: Kind,
    /// Whom it is about.
    pub subject: IpAddr,
    /// How bad it would be.
    pub severity: Severity,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// The technique of MITRE ATT&CK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// The figures that made it so.
    pub why: Vec<Reason>,
    /// What figures cannot say: a name, an indicator, a card's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// With whom; at most 16.
    pub peers: Vec<IpAddr>,
    /// When it began.
    pub first: Moment,
    /// When it was seen last.
    pub last: Moment,
    /// How many conversations or messages belong to it.
    pub flows: u64,
    /// The first of them; at most 8.
    pub examples: Vec<Example>,
}

impl Evidence {
    /// The most peers that are named.
    pub const PEERS: usize = 16;
    /// The most conversations that are named.
    pub const EXAMPLES: usize = 8;

    /// What a model says of one conversation: the score that it gave, the threshold that was held
    /// against it, and which features weighed most. It is medium, and about who started it; in an
    /// alert several verdicts on the same peer must come together.
    pub fn verdict(flow: &Flow, score: f64, threshold: f64, contributions: &[(&str, f64)]) -> Self {
        let mut why = vec![Reason::new("score", score, threshold)];
        let named = contributions.iter().take(Self::EXAMPLES);
        why.extend(named.map(|(name, value)| Reason::plain(name, *value)));
        Self {
            detector: Kind::Model,
            subject: flow.originator.address,
            severity: Severity::Medium,
            confidence: score.clamp(0.0, 1.0),
            technique: None,
            why,
            note: None,
            peers: vec![flow.responder.address],
            first: flow.start,
            last: flow.end,
            flows: 1,
            examples: vec![flow.into()],
        }
    }

    /// What it weighs in an alert: severity times confidence.
    pub fn weight(&self) -> f64 {
        let confidence = if self.confidence.is_finite() { self.confidence } else { 0.0 };
        self.severity.weight() * confidence.clamp(0.0, 1.0)
    }
}
