//! What the registrar keeps of an enrolment, and of an account that is to go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{EnrolmentAnswer, Fate};

/// Enrolments, by name.
pub(super) const ENROLMENTS: &str = "enrolments";
/// Accounts that are to go, by name.
pub(super) const REMOVALS: &str = "removals";
/// What the API has not heard yet.
pub(super) const NEWS: &str = "enrolment news";

/// How far an enrolment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// It has no account yet.
    Wanted,
    /// Its account is being made; after a crash it may be there.
    Making,
    /// Its account is there.
    Ready,
    /// It was taken in, by a request with this nonce, and was answered so.
    Joined {
        /// The request's.
        nonce: String,
        /// What was answered.
        answer: Box<EnrolmentAnswer>,
        /// Whether we let it see us.
        is_let_in: bool,
    },
    /// The account is somebody's, or cannot be made.
    Failed,
}

/// One enrolment.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The order that it is for.
    pub(super) number: i64,
    pub(super) role: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) expires_ms: i64,
    pub(super) stage: Stage,
    /// What the request is proved with; empty once it was.
    pub(super) proof_key: String,
    /// What the account begins with; empty once it does.
    pub(super) password: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Entry {
    /// Whether it is over at a time, if nobody joins.
    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Wanted | Stage::Making | Stage::Ready | Stage::Failed)
    }

    /// Whether there is, or may be, an account that is for it.
    pub(super) fn has_account(&self) -> bool {
        matches!(self.stage, Stage::Making | Stage::Ready | Stage::Joined { .. })
    }
}

/// An account that is to go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Removal {
    /// The order that it is for.
    pub(super) number: i64,
    pub(super) jid: String,
    /// What is said once it is gone.
    pub(super) fate: Fate,
}
