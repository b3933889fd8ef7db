//! What a bundle that holds shows.

use serde::Serialize;

use crate::trust::Trust;
use crate::verify::Verified;

/// Who says since when the record has existed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// SHA-256 of the record, hexadecimal.
    pub record_sha256: String,
    /// The authority, as whoever checks calls it.
    pub authority: String,
    /// How far its word carries.
    pub trust: Trust,
    /// How often the evidence has been renewed; every renewal has been checked too.
    pub renewals: usize,
    /// What the first time stamp says.
    #[serde(flatten)]
    pub verified: Verified,
}
