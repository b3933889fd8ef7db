//! How lists are written, and what is found by them.

use capture::Moment;
use serde::{Deserialize, Serialize};

use super::Indicator;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One entry a line, or `/etc/hosts`.
    Plain,
    /// One entry a row.
    Csv,
    /// An event of MISP, or a list of them.
    Misp,
    /// A bundle of STIX 2.1.
    Stix,
    /// A warninglist of MISP; of the good only.
    Warninglist,
}

/// Where in what is seen an indicator was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// Who started a conversation.
    Originator,
    /// Who was spoken to.
    Responder,
    /// The name that TLS asked for.
    ServerName,
    /// The host that HTTP asked for.
    Host,
    /// The host and path that HTTP asked for.
    Url,
    /// A fingerprint of TLS.
    Fingerprint,
    /// A name that DNS was asked for.
    Question,
    /// What DNS answered.
    Answer,
}

impl Spot {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Originator => "originator",
            Self::Responder => "responder",
            Self::ServerName => "server name",
            Self::Host => "host",
            Self::Url => "url",
            Self::Fingerprint => "fingerprint",
            Self::Question => "question",
            Self::Answer => "answer",
        }
    }
}

/// An indicator that was found in what is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The indicator as it is written.
    pub indicator: String,
    /// Which list says so.
    pub source: String,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Where it was found.
    pub spot: Spot,
}

/// An indicator and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The indicator; where several lists name it, the surest, and the longest time.
    pub indicator: Indicator,
    /// How often it was found.
    pub hits: u64,
    /// When it was found last.
    pub last: Option<Moment>,
}

/// How much is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Indicators.
    pub indicators: usize,
    /// Entries of allowlists.
    pub allowed: usize,
    /// Entries of warninglists.
    pub known_good: usize,
    /// Matches.
    pub hits: u64,
    /// Matches that were not told because a list of the good wins.
    pub outweighed: u64,
}
