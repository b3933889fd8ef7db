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
    /// Further authorities that say so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Word>,
    /// Codes of further tokens that do not count: nobody named their authority, they do not hold,
    /// or their authority has said so already (`repeated`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_counted: Vec<&'static str>,
    /// Where the record is in an append-only log that was stamped with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Place>,
    /// What the record was made after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Before>,
    /// The number of the record among those of its source, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The key that signed the record (Ed25519, hexadecimal), if one did. Whose it is, the
    /// registry's list of members says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// The word of one authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// The authority, as whoever checks calls it.
    pub authority: String,
    /// How far its word carries.
    pub trust: Trust,
    /// What its time stamp says.
    #[serde(flatten)]
    pub verified: Verified,
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The name of the log.
    pub origin: String,
    /// How many entries it had when it was stamped.
    pub size: u64,
    /// The place, from 0.
    pub index: u64,
}

/// A checkpoint that was stamped before the record was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Before {
    /// The name of the log.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// Who stamped it, and when.
    #[serde(flatten)]
    pub word: Word,
}
