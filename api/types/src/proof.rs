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
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Which item.
    pub uuid: Uuid,
    /// SHA-256 of its canonical record, in hexadecimal.
    pub sha256: String,
}
