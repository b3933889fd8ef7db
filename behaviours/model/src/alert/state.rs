//! The life of an alert.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Enough speaks against the host; nobody has looked.
    New,
    /// It is true: much more speaks for it, or a person says so.
    Confirmed,
    /// A person has taken it on.
    Acknowledged,
    /// Something was done about it.
    Mitigated,
    /// Nothing new came for long, or a person closed it.
    Expired,
}

impl AlertState {
    /// All of them; an alert starts in the first.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Confirmed, Self::Acknowledged, Self::Mitigated, Self::Expired];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Confirmed => "confirmed",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Expired => "expired",
        }
    }

    /// What it means, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::New => "enough speaks against the host; nobody has looked",
            Self::Confirmed => "much more speaks for it, or a person says so",
            Self::Acknowledged => "a person has taken it on",
            Self::Mitigated => "something was done about it",
            Self::Expired => "nothing new came for long, or a person closed it",
        }
    }

    /// Which states may follow.
    pub fn moves(self) -> &'static [Self] {
        match self {
            Self::New => &[Self::Confirmed, Self::Acknowledged, Self::Mitigated, Self::Expired],
            Self::Confirmed => &[Self::Acknowledged, Self::Mitigated, Self::Expired],
            Self::Acknowledged => &[Self::Mitigated, Self::Expired],
            Self::Mitigated => &[Self::Expired],
            Self::Expired => &[],
        }
    }

    /// Whether it may go there from here.
    pub fn may(self, to: Self) -> bool {
        self.moves().contains(&to)
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_only_goes_forward_and_ends_expired() {
        for from in AlertState::ALL {
            for to in AlertState::ALL {
                assert_eq!(from.may(to), to > from, "{from} → {to}");
            }
        }
        assert!(AlertState::Expired.moves().is_empty());
    }
}
