//! The canonical form of an item (RFC 8785): what is hashed, stamped and kept byte for byte.

mod strict;

use serde::de::DeserializeSeed;
use serde_json::Value;
use strict::{Refusal, Strict, Why};

use crate::digest::{Digest, sha256};

/// Most bytes of a record, before and after it is made canonical.
const MAX_BYTES: usize = 1024 * 1024;

/// A JSON object in canonical form.
///
/// What canonicalising would silently change is refused first: a key that occurs twice, and
/// numbers that a double cannot hold exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    bytes: Vec<u8>,
    value: Value,
}

/// Why something is not a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// More than 1 MiB.
    #[error("a record of {size} bytes; at most {MAX_BYTES} are taken")]
    TooLarge {
        /// How many bytes there are.
        size: usize,
    },
    /// Not JSON at all.
    #[error("not JSON")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("a record is a JSON object, not {found}")]
    NotAnObject {
        /// What there is instead.
        found: &'static str,
    },
    /// A key that occurs twice in one object.
    #[error("key `{path}` occurs twice")]
    DuplicateKey {
        /// Where, as a JSON pointer (RFC 6901).
        path: String,
    },
    /// Objects and arrays inside each other, too many times.
    #[error("`{path}` is more than {} levels deep", strict::MAX_DEPTH)]
    TooDeep {
        /// Where, as a JSON pointer (RFC 6901).
        path: String,
    },
    /// A number that would not come out as it went in.
    #[error("number at `{path}` is beyond ±(2^53−1) and would lose digits; send it as a string")]
    NumberOutOfRange {
        /// Where, as a JSON pointer (RFC 6901).
        path: String,
    },
    /// The canonical form could not be written.
    #[error("no canonical form")]
    Canonical(#[source] serde_json::Error),
}

impl Record {
    /// Reads JSON from outside and makes it canonical.
    pub fn parse(json: &[u8]) -> Result<Self, RecordError> {
        within_limit(json.len())?;
        let mut source = serde_json::Deserializer::from_slice(json);
        let refusal = Refusal::default();
        let value = Strict::new(&refusal)
            .deserialize(&mut source)
            .and_then(|value| source.end().map(|()| value))
            .map_err(|error| explain(refusal, error))?;
        Self::from_checked(value)
    }

    /// Makes a JSON value canonical.
    pub fn of(value: &Value) -> Result<Self, RecordError> {
        let refusal = Refusal::default();
        let value =
            Strict::new(&refusal).deserialize(value).map_err(|error| explain(refusal, error))?;
        Self::from_checked(value)
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same as a value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// SHA-256 of the canonical bytes: the leaf in a batch.
    pub fn digest(&self) -> Digest {
        sha256(&self.bytes)
    }

    /// [`Record::digest`] in hexadecimal.
    pub fn digest_hex(&self) -> String {
        hex::encode(self.digest())
    }

    fn from_checked(value: Value) -> Result<Self, RecordError> {
        let found = match &value {
            Value::Object(_) => None,
            Value::Array(_) => Some("an array"),
            Value::String(_) => Some("a string"),
            Value::Number(_) => Some("a number"),
            Value::Bool(_) => Some("a boolean"),
            Value::Null => Some("null"),
        };
        if let Some(found) = found {
            return Err(RecordError::NotAnObject { found });
        }
        let bytes = serde_json_canonicalizer::to_vec(&value).map_err(RecordError::Canonical)?;
        within_limit(bytes.len())?;
        Ok(Self { bytes, value })
    }
}

fn within_limit(size: usize) -> Result<(), RecordError> {
    if size > MAX_BYTES {
        return Err(RecordError::TooLarge { size });
    }
    Ok(())
}

fn explain(refusal: Refusal, error: serde_json::Error) -> RecordError {
    let Some((why, path)) = refusal.into_reason() else {
        return RecordError::Syntax(error);
    };
    match why {
        Why::DuplicateKey => RecordError::DuplicateKey { path },
        Why::TooDeep => RecordError::TooDeep { path },
        Why::Number => RecordError::NumberOutOfRange { path },
    }
}
