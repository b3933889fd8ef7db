//! What an agent's record says of its place among the agent's records, and who signed it.
//!
//! | where | what |
//! |---|---|
//! | `meta.seq` | its number among the records of its source, from 1 |
//! | `meta.prev` | SHA-256 of the record before it, 64 hexadecimal digits; the first has none |
//! | `meta.after` | a stamped checkpoint that the agent knew: `{"log", "size", "sha256"}` |
//! | `signature` | `{"alg": "Ed25519", "key", "value"}`: key in hexadecimal digits, signature in base64, over the canonical form of the record without `signature` |

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::digest::Digest;
use crate::record::{Record, RecordError};

/// Why a record is not as it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// A signature that is no signature.
    #[error("`signature.{0}` is not as a signature has it")]
    Malformed(&'static str),
    /// The signature is not that of the key over this record.
    #[error("the signature is not that of its key over this record")]
    Signature,
    /// What was signed is no record.
    #[error("what is signed is no record")]
    Record(#[from] RecordError),
}

/// The place of a record, as far as it names one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub seq: Option<u64>,
    /// SHA-256 of the record before it.
    pub prev: Option<Digest>,
    /// SHA-256 of a checkpoint that the agent knew.
    pub after: Option<Digest>,
    /// The key that signed it.
    pub key: Option<[u8; 32]>,
}

impl Link {
    /// Reads the place of a record, and checks the signature if it has one.
    pub fn read(record: &Record) -> Result<Self, LinkError> {
        let at = |pointer: &str| record.value().pointer(pointer);
        let digest = |pointer: &str| at(pointer).and_then(Value::as_str).and_then(digits::<32>);
        // Others may mean something else by these names.
        let seq = at("/meta/seq").and_then(Value::as_u64).filter(|it| *it > 0);
        Ok(Self {
            seq,
            prev: seq.and_then(|_| digest("/meta/prev")),
            after: digest("/meta/after/sha256"),
            key: signed(record)?,
        })
    }
}

/// The key that signed a record; none when it has no signature of a kind that we know.
fn signed(record: &Record) -> Result<Option<[u8; 32]>, LinkError> {
    let Some(signature) = record.value().get("signature") else { return Ok(None) };
    let field = |name| signature.get(name).and_then(Value::as_str);
    if field("alg") != Some("Ed25519") {
        return Ok(None);
    }
    let key = field("key").and_then(digits::<32>).ok_or(LinkError::Malformed("key"))?;
    let value = field("value").and_then(|it| BASE64_STANDARD.decode(it).ok());
    let value = value.ok_or(LinkError::Malformed("value"))?;
    let mut unsigned = record.value().clone();
    if let Some(unsigned) = unsigned.as_object_mut() {
        unsigned.remove("signature");
    }
    let unsigned = Record::of(&unsigned)?;
    UnparsedPublicKey::new(&ED25519, &key)
        .verify(unsigned.bytes(), &value)
        .map_err(|_| LinkError::Signature)?;
    Ok(Some(key))
}

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
