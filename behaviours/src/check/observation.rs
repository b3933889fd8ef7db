//! What a check saw, and what it makes of it.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value};

use super::{Facts, output::Captured};

/// What was seen, before it is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    /// The output: what a command wrote, what a server answered.
    pub(super) output: Captured,
    /// How many bytes of it stand before what is read as a document: an HTTP status.
    pub(super) head: usize,
    /// What a command complained.
    pub(super) complaint: Captured,
    /// What else is known of it: `exit`, `signal`, `status`, …
    pub(super) facts: Facts,
    /// What a built-in check found to be other than it should.
    pub(super) unexpected: Option<String>,
    /// Why there is nothing to judge: it hung, it is missing, it died.
    pub(super) trouble: Option<String>,
    /// How long it took.
    pub(super) took: Duration,
}

impl Observation {
    /// Nothing was seen, and this is why.
    pub(super) fn trouble(why: impl Into<String>) -> Self {
        Self { trouble: Some(why.into()), ..Self::default() }
    }

    /// The output as text; bytes that are none become U+FFFD.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.bytes).into_owned()
    }

    pub(super) fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.output.bytes)
    }

    /// What goes into the item beside the output.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let mut facts: Map<String, Value> = self.facts.clone().into_iter().collect();
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        facts.insert("took_ms".to_owned(), took.into());
        if self.output.cut || self.complaint.cut {
            facts.insert("truncated".to_owned(), true.into());
        }
        if !self.complaint.bytes.is_empty() {
            let complaint = String::from_utf8_lossy(&self.complaint.bytes).into_owned();
            facts.insert("stderr".to_owned(), complaint.into());
        }
        facts
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As expected.
    Pass,
    /// Not as expected, and why.
    Fail(Vec<String>),
    /// It could not be seen, and why.
    Error(Vec<String>),
}

impl Verdict {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Error(_) => "error",
        }
    }

    pub(super) fn reasons(&self) -> &[String] {
        match self {
            Self::Pass => &[],
            Self::Fail(reasons) | Self::Error(reasons) => reasons,
        }
    }

    /// One line for a person.
    pub(super) fn summary(&self, seen: &Observation) -> String {
        let text = match self {
            Self::Pass => seen.text(),
            Self::Fail(reasons) | Self::Error(reasons) => reasons.join("; "),
        };
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        line.trim().chars().take(200).collect()
    }
}
