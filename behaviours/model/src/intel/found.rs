//! How lists are written, and what is found by them.

use std::path::Path;

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

impl Format {
    /// How the list of that file name is written, as far as it shows: JSON by what is in it, CSV by
    /// its name; everything else is plain.
    pub fn of(name: &Path, text: &str) -> Self {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with('{') || start.starts_with('[') {
            return match text {
                _ if text.contains("\"bundle\"") => Self::Stix,
                _ if text.contains("\"Attribute\"") || text.contains("\"Event\"") => Self::Misp,
                _ => Self::Warninglist,
            };
        }
        let is_csv = name.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::Plain }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_a_list_shows_in_its_content_and_name() {
        for (name, text, format) in [
            ("a.txt", "192.0.2.1\n", Format::Plain),
            ("a.csv", "ip\n192.0.2.1\n", Format::Csv),
            ("a.CSV", "", Format::Csv),
            ("a.csv", r#" {"Event": {"Attribute": []}}"#, Format::Misp),
            ("a", r#"[{"Event": {}}]"#, Format::Misp),
            ("a.json", r#"{"type": "bundle", "objects": []}"#, Format::Stix),
            ("a.json", r#"{"type": "cidr", "list": ["192.0.2.0/24"]}"#, Format::Warninglist),
        ] {
            assert_eq!(Format::of(Path::new(name), text), format, "{name} {text}");
        }
    }
}
