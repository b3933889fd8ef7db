//! How somebody is spoken to.

use serde::{Deserialize, Serialize};

/// How somebody is spoken to, and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Sealed only: what comes in plain is refused.
    Sealed,
    /// Sealed as soon as there is a key of theirs that is believed, in plain until then.
    Prefer,
    /// In plain, for who can do nothing else.
    Plain,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Sealed, Self::Prefer, Self::Plain];

    /// Its name in files and on the dashboard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Prefer => "prefer",
            Self::Plain => "plain",
        }
    }
}
