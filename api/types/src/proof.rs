//! What shows that a batch of items existed at a time.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A time stamp over a batch: one RFC 3161 token for the root of the batch's hash tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Identity of the batch.
    pub batch: Uuid,
    /// The name of the authority that stamped it.
    pub authority: String,
    /// The leaves, in the order in which the tree was built.
    pub leaves: Vec<Leaf>,
    /// Root of the tree (RFC 4998 section 4.2), SHA-256 in hexadecimal.
    pub root: String,
    /// The token (DER of RFC 3161's `TimeStampToken`) over the root, base64.
    pub token: String,
    /// Further tokens over the same root, each of another authority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Stamp>,
    /// The log that the batch goes on with, if whoever made it keeps one. The digest of its
    /// checkpoint is then the last leaf of the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPart>,
}

/// A token and who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The name of the authority.
    pub authority: String,
    /// The token in DER, base64.
    pub token: String,
}

/// A part of an append-only log (RFC 6962): the leaves of the batch are its newest entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// How many entries the log had before.
    pub first: u64,
    /// The roots of its whole subtrees before, the largest first, SHA-256 in hexadecimal.
    pub peaks: Vec<String>,
    /// What the log was afterwards: a checkpoint as a signed note (C2SP tlog-checkpoint).
    pub checkpoint: String,
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Which item.
    pub uuid: Uuid,
    /// SHA-256 of its canonical record, in hexadecimal.
    pub sha256: String,
}
