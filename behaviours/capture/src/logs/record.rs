//! What a line of a log says, and what may be wrong with it.

use std::io;

use crate::{Flow, Seen};

/// One thing that a log tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The number of its line; the first is 1.
    pub line: u64,
    /// What it tells.
    pub seen: Seen,
    /// What the log says of it, where it says something.
    pub label: Option<Label>,
}

impl Record {
    /// The conversation, if it tells one.
    pub fn flow(&self) -> Option<&Flow> {
        match &self.seen {
            Seen::Flow(flow) => Some(flow),
            Seen::Dns(_) | Seen::Arp(_) | Seen::Dhcp(_) => None,
        }
    }
}

/// What somebody says of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Whether it is an attack; `None` where that is not said. What another program merely
    /// suspects (an alert of Suricata) is not said.
    pub malicious: Option<bool>,
    /// In more words: the family, or the alert's signature.
    pub detail: String,
}

/// Why a log, or a line of it, could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file itself.
    #[error("the log could not be read on after line {line}")]
    Unreadable {
        /// The last line that was read.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is none of those that are known.
    #[error(
        "line {line} is `{start}`; it would have to begin a `conn.log` of Zeek (TSV, CSV, JSON), \
         an `eve.json` of Suricata, or what `ra -n -c ,` prints, names of columns first"
    )]
    Unknown {
        /// The line.
        line: u64,
        /// How it begins.
        start: String,
    },
    /// One line. The next may be in order.
    #[error("line {line} cannot be read")]
    Line {
        /// Which.
        line: u64,
        /// Why.
        #[source]
        fault: Fault,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not end.
    #[error("it has more than {} bytes", super::LONGEST)]
    TooLong,
    /// It has no JSON in it.
    #[error("it is no JSON object: {0}")]
    Json(String),
    /// What must be there is not.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// What is there is not what it should be.
    #[error("`{column}` is `{value}`, not {wanted}")]
    Value {
        /// Where.
        column: &'static str,
        /// What is there; at most 64 characters.
        value: String,
        /// What would have been right.
        wanted: &'static str,
    },
    /// The names of columns are too many.
    #[error("it names more than {0} columns")]
    Columns(usize),
}

impl Fault {
    /// A value that is not what it should be.
    pub(super) fn value(column: &'static str, value: &str, wanted: &'static str) -> Self {
        Self::Value { column, value: value.chars().take(64).collect(), wanted }
    }
}
