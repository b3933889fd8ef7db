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
    /// On which side of it the figure had to be.
    #[serde(default, skip_serializing_if = "Bound::is_usual")]
    pub bound: Bound,
}

/// On which side of a threshold a figure has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// At or above it.
    #[default]
    AtLeast,
    /// At or below it.
    AtMost,
}

impl Bound {
    /// As it is written before a threshold.
    pub fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => "≥",
            Self::AtMost => "≤",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_usual(&self) -> bool {
        *self == Self::AtLeast
    }
}

impl Reason {
    /// A figure and what it had to reach.
    pub fn new(name: &str, value: f64, threshold: f64) -> Self {
        Self { threshold: Some(threshold), ..Self::plain(name, value) }
    }

    /// A figure and what it had to stay within.
    pub fn within(name: &str, value: f64, threshold: f64) -> Self {
        Self { bound: Bound::AtMost, ..Self::new(name, value, threshold) }
    }

    /// A figure that explains.
    pub fn plain(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), value, threshold: None, bound: Bound::default() }
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

    /// What a model says of one conversation that ended then: the score that it gave, the threshold
    /// that was held against it, and the features that weighed most. It is about who started it; in
    /// an alert several verdicts on the same peer must come together. It is at least half sure, so
    /// that five which are high are an alert wherever a model's threshold lies.
    pub fn verdict(
        flow: &Example,
        ended: Moment,
        severity: Severity,
        [score, threshold]: [f64; 2],
        contributions: &[(&str, f64)],
    ) -> Self {
        let mut why = vec![Reason::new("score", score, threshold)];
        let named = contributions.iter().take(Self::EXAMPLES);
        why.extend(named.map(|(name, value)| Reason::plain(name, *value)));
        Self {
            detector: Kind::Model,
            subject: flow.originator.address,
            severity,
            confidence: score.clamp(0.5, 1.0),
            technique: None,
            why,
            note: None,
            peers: vec![flow.responder.address],
            first: flow.start,
            last: ended,
            flows: 1,
            examples: vec![*flow],
        }
    }

    /// What it weighs in an alert: severity times confidence.
    pub fn weight(&self) -> f64 {
        let confidence = if self.confidence.is_finite() { self.confidence } else { 0.0 };
        self.severity.weight() * confidence.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_on_which_side_of_its_threshold_it_had_to_be() {
        let (reached, kept) = (Reason::new("ports", 20.0, 15.0), Reason::within("gap", 0.1, 0.2));
        assert_eq!((reached.bound.sign(), kept.bound.sign()), ("≥", "≤"));
        let written = [&reached, &kept].map(|it| serde_json::to_string(it).unwrap());
        assert!(!written[0].contains("bound"), "{}", written[0]);
        assert!(written[1].contains(r#""bound":"at-most""#), "{}", written[1]);
        let read: Reason = serde_json::from_str(&written[1]).unwrap();
        assert_eq!(read, kept);
    }
}
