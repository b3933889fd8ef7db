//! How a conversation stands, in Zeek's words.

use serde::{Deserialize, Serialize};

/// Zeek's `conn_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Tried, no answer.
    S0,
    /// Established, not ended.
    S1,
    /// Established and ended in order.
    Sf,
    /// Tried, and turned away.
    Rej,
    /// Established; the originator wanted to end, the responder said nothing to it.
    S2,
    /// Established; the responder wanted to end, the originator said nothing to it.
    S3,
    /// Established; broken off by the originator.
    Rsto,
    /// Broken off by the responder.
    Rstr,
    /// The originator sent a SYN and then broke off; the responder was never heard.
    Rstos0,
    /// The responder sent a SYN-ACK and then broke off; the originator was never heard.
    Rstrh,
    /// The originator sent a SYN and then a FIN; the responder was never heard.
    Sh,
    /// The responder sent a SYN-ACK and then a FIN; the originator was never heard.
    Shr,
    /// No start was seen.
    Oth,
}

impl State {
    /// All of them, in Zeek's order.
    pub const ALL: [Self; 13] = [
        Self::S0,
        Self::S1,
        Self::Sf,
        Self::Rej,
        Self::S2,
        Self::S3,
        Self::Rsto,
        Self::Rstr,
        Self::Rstos0,
        Self::Rstrh,
        Self::Sh,
        Self::Shr,
        Self::Oth,
    ];

    /// As Zeek writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing came of it: no answer, or turned away.
    pub fn failed(self) -> bool {
        matches!(self, Self::S0 | Self::Rej | Self::Rstos0 | Self::Sh | Self::Rstrh)
    }
}
