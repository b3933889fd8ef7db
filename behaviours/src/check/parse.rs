//! How the output of a check is read.

use runtime::Fields;
use serde_json::{Value, json};

use super::{Observation, perfdata};

/// Lines that are kept as lines.
const LINES: usize = 1000;

/// How to read the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Parse {
    /// As it is.
    #[default]
    Raw,
    /// A list of lines.
    Lines,
    /// A JSON document.
    Json,
    /// What a Nagios plugin says: status by exit code, a line of text, performance data.
    Nagios,
}

impl Parse {
    const ALL: [Self; 4] = [Self::Raw, Self::Lines, Self::Json, Self::Nagios];

    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.parse("parse", "one of raw, lines, json, nagios", |text| {
            Self::ALL.into_iter().find(|it| it.name() == text)
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Lines => "lines",
            Self::Json => "json",
            Self::Nagios => "nagios",
        }
    }
}

impl Parse {
    /// Reads the output; what cannot be read is told in words.
    pub(super) fn apply(self, seen: &Observation) -> Result<Option<Value>, String> {
        match self {
            Self::Raw => Ok(None),
            Self::Lines => Ok(Some(seen.text().lines().take(LINES).collect())),
            Self::Json => {
                serde_json::from_slice(seen.output.bytes.get(seen.head..).unwrap_or_default())
                    .map(Some)
                    .map_err(|error| format!("its output is not JSON: {error}"))
            }
            Self::Nagios => Ok(Some(nagios(seen))),
        }
    }
}

/// Reads the output of a plugin (Nagios plugin guidelines, "Plugin Output" and "Return Codes").
fn nagios(seen: &Observation) -> Value {
    let status = match seen.facts.get("exit").and_then(Value::as_i64) {
        Some(0) => "ok",
        Some(1) => "warning",
        Some(2) => "critical",
        _ => "unknown",
    };
    let text = seen.text();
    let first = text.lines().next().unwrap_or_default();
    let said = first.split('|').next().unwrap_or_default().trim();
    let data = perfdata::read(&text);
    json!({ "status": status, "text": said, "perfdata": data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Facts, output::Captured};

    fn seen(output: &str, exit: i64) -> Observation {
        Observation {
            output: Captured { bytes: output.as_bytes().to_vec(), cut: false },
            facts: Facts::from([("exit".to_owned(), exit.into())]),
            ..Observation::default()
        }
    }

    #[test]
    fn a_plugin_is_understood() {
        let output = "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968";
        let read = Parse::Nagios.apply(&seen(output, 1)).unwrap().unwrap();
        assert_eq!(read["status"], "warning");
        assert_eq!(read["text"], "DISK OK - free space: / 3326 MB (56%);");
        assert_eq!(read["perfdata"]["/"]["value"], 2643.0);
    }

    #[test]
    fn what_is_no_json_is_told() {
        let error = Parse::Json.apply(&seen("{", 0)).unwrap_err();
        assert!(error.starts_with("its output is not JSON: EOF"), "{error}");
    }
}
