//! What a probe tells an analyzer of the traffic that it saw.

use serde::{Deserialize, Serialize};

use crate::Content;

/// A batch of what was seen, packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Which probe's capture it is, as long as that goes on.
    pub capture: String,
    /// Its place among the batches of that capture, from 0 on: a gap is a batch that was lost.
    pub number: u64,
    /// How many things were seen.
    pub count: u32,
    /// How many were not told before this batch, because there was no room.
    #[serde(default)]
    pub unsent: u64,
    /// Whether it is a capture of the past: there is no time to learn from it what is usual.
    #[serde(default)]
    pub past: bool,
    /// The things, one JSON object a line, deflated (RFC 1951), in base64.
    pub packed: String,
}

impl Content for Traffic {
    const ONTOLOGY: &'static str = "vedette:traffic";
}
