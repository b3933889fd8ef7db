//! Whether an item's proof holds, found out anew from what is stored.

use evidence::{Authority, Trust, Verified, sha256, verify_any};
use serde::Serialize;

use crate::store::{Batch, StoredItem};

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) valid: bool,
    /// `ok`, `pending`, or which check failed.
    pub(crate) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust: Option<Trust>,
    #[serde(flatten)]
    pub(crate) verified: Option<Verified>,
}

impl Finding {
    /// Checks everything from the record up to the authority.
    pub(crate) fn of(item: &StoredItem, batch: Option<&Batch>, trusted: &[Authority]) -> Self {
        let Some((batch, place)) = batch.zip(item.place.as_ref()) else {
            return Self::no("pending", "no authority has stamped it yet");
        };
        if batch.leaves.get(place.1) != Some(&sha256(&item.canonical)) {
            return Self::no("record", "the record is not what was stamped");
        }
        let root = batch.tree().map(|tree| tree.root());
        if root != Some(batch.root) {
            return Self::no("root", "the leaves of the batch do not lead to its root");
        }
        match verify_any(&batch.token, &batch.root, trusted) {
            Ok((authority, verified)) => Self {
                valid: true,
                code: "ok",
                reason: None,
                authority: Some(authority.name().to_owned()),
                trust: Some(authority.trust()),
                verified: Some(verified),
            },
            Err(cause) => Self::no(cause.code(), &cause.to_string()),
        }
    }

    fn no(code: &'static str, reason: &str) -> Self {
        Self {
            valid: false,
            code,
            reason: Some(reason.to_owned()),
            authority: None,
            trust: None,
            verified: None,
        }
    }
}
