//! Why nothing was stamped.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::token::TokenError;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Not an address that can be asked.
    #[error("`{url}` of `{endpoint}` is not an http or https address")]
    Url {
        /// The endpoint's name.
        endpoint: String,
        /// What was given.
        url: String,
    },
    /// More authorities are wanted than there are, or none.
    #[error("a quorum of {quorum} of {authorities} authorities; it must be 1 to {authorities}")]
    Quorum {
        /// How many are wanted.
        quorum: usize,
        /// How many there are.
        authorities: usize,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up an HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why one endpoint did not stamp.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It was asked too recently, or failed and is left alone for a while.
    #[error("not asked again for another {}", seconds(.wait))]
    NotYet {
        /// For how long.
        wait: Duration,
    },
    /// No connection, or one that broke.
    #[error("no answer")]
    Http(#[source] reqwest::Error),
    /// An HTTP status other than success.
    #[error("HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Something else than an answer of an authority.
    #[error("`{found}` instead of `application/timestamp-reply`")]
    ContentType {
        /// What it calls itself.
        found: String,
    },
    /// More than is read.
    #[error("an answer of more than {limit} bytes")]
    TooLarge {
        /// How much is read at most.
        limit: usize,
    },
    /// The answer does not hold.
    #[error("its answer does not hold")]
    Refused(#[source] TokenError),
}

impl Reason {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// An endpoint that did not stamp.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its name.
    pub endpoint: String,
    /// Why not.
    pub reason: Reason,
}

/// No endpoint has stamped.
#[derive(Debug)]
#[non_exhaustive]
pub struct StampError {
    /// After which time the first endpoint may be asked again.
    pub retry_after: Duration,
    /// Every endpoint in order, with its reason.
    pub failures: Vec<Failure>,
}

impl Error for StampError {}

// The causes are in the text since there are several, of which `source` could name only one.
impl fmt::Display for StampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return f.write_str("no authority is configured");
        }
        f.write_str("no authority has stamped")?;
        for (place, failure) in self.failures.iter().enumerate() {
            let separator = if place == 0 { ":" } else { ";" };
            write!(f, "{separator} `{}`: {}", failure.endpoint, failure.reason)?;
            let mut cause = failure.reason.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

fn seconds(wait: &Duration) -> String {
    format!("{} s", wait.as_millis().div_ceil(1000))
}
