//! `proof.json`: the way from the record to the stamped root, for a reader without ASN.1; see
//! [`Bundle`](super::Bundle) for its form.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::digest::Digest;

/// Longest path: a batch has fewer than 2^64 leaves.
const MAX_PATH: usize = 64;
/// Further tokens, at most.
const MAX_ALSO: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) leaf: Digest,
    pub(super) path: Vec<Digest>,
    pub(super) root: Digest,
    pub(super) authority: String,
    pub(super) gen_time: String,
    pub(super) also: Vec<Also>,
    pub(super) log: Option<LogPlace>,
    pub(super) after: Option<After>,
}

/// A further token over the same root, of another authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Also {
    pub(super) authority: String,
    pub(super) token: Vec<u8>,
    pub(super) certificates: String,
}

/// Where a record is in the log of whoever had it stamped, and that this log was stamped with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The log with the batch of the record: a checkpoint as a signed note.
    pub checkpoint: String,
    /// The siblings on the way from the digest of the checkpoint to the root of the batch.
    pub checkpoint_path: Vec<Digest>,
    /// The record's place in the log, from 0.
    pub index: u64,
    /// The hashes that lead from it to the root of the log.
    pub inclusion: Vec<Digest>,
}

/// The stamped checkpoint that a record names: the record was made after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The checkpoint as a signed note.
    pub checkpoint: String,
    /// The siblings on the way from its digest to the root of its batch.
    pub path: Vec<Digest>,
    /// The token over that root, in DER.
    pub token: Vec<u8>,
    /// What the maker of the bundle calls the authority, and its certificates in PEM.
    pub authority: (String, String),
}

/// The file itself; digests in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    hash: Hash,
    leaf: String,
    path: Vec<String>,
    root: String,
    authority: String,
    gen_time: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<LogText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<AfterText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlsoText {
    authority: String,
    token: String,
    certificates: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogText {
    checkpoint: String,
    checkpoint_path: Vec<String>,
    index: u64,
    inclusion: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterText {
    checkpoint: String,
    path: Vec<String>,
    token: String,
    authority: String,
    certificates: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hash {
    Sha256,
}

impl Proof {
    pub(super) fn to_json(&self) -> Result<Vec<u8>, BundleError> {
        let text = Text {
            hash: Hash::Sha256,
            leaf: hex::encode(self.leaf),
            path: self.path.iter().map(hex::encode).collect(),
            root: hex::encode(self.root),
            authority: self.authority.clone(),
            gen_time: self.gen_time.clone(),
            also: self.also.iter().map(AlsoText::of).collect(),
            log: self.log.as_ref().map(LogText::of),
            after: self.after.as_ref().map(AfterText::of),
        };
        serde_json::to_vec_pretty(&text).map_err(BundleError::ProofSyntax)
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        let text: Text = serde_json::from_slice(json).map_err(BundleError::ProofSyntax)?;
        if text.also.len() > MAX_ALSO {
            return Err(BundleError::Proof { field: "also" });
        }
        Ok(Self {
            leaf: digest("leaf", &text.leaf)?,
            path: path("path", &text.path)?,
            root: digest("root", &text.root)?,
            authority: text.authority,
            gen_time: text.gen_time,
            also: text.also.into_iter().map(AlsoText::read).collect::<Result<_, _>>()?,
            log: text.log.map(LogText::read).transpose()?,
            after: text.after.map(AfterText::read).transpose()?,
        })
    }
}

impl AlsoText {
    fn of(also: &Also) -> Self {
        Self {
            authority: also.authority.clone(),
            token: BASE64_STANDARD.encode(&also.token),
            certificates: also.certificates.clone(),
        }
    }

    fn read(self) -> Result<Also, BundleError> {
        let token = token("also", &self.token)?;
        Ok(Also { authority: self.authority, token, certificates: self.certificates })
    }
}

impl LogText {
    fn of(place: &LogPlace) -> Self {
        Self {
            checkpoint: place.checkpoint.clone(),
            checkpoint_path: place.checkpoint_path.iter().map(hex::encode).collect(),
            index: place.index,
            inclusion: place.inclusion.iter().map(hex::encode).collect(),
        }
    }

    fn read(self) -> Result<LogPlace, BundleError> {
        Ok(LogPlace {
            checkpoint: self.checkpoint,
            checkpoint_path: path("log.checkpoint_path", &self.checkpoint_path)?,
            index: self.index,
            inclusion: path("log.inclusion", &self.inclusion)?,
        })
    }
}

impl AfterText {
    fn of(after: &After) -> Self {
        let (authority, certificates) = after.authority.clone();
        Self {
            checkpoint: after.checkpoint.clone(),
            path: after.path.iter().map(hex::encode).collect(),
            token: BASE64_STANDARD.encode(&after.token),
            authority,
            certificates,
        }
    }

    fn read(self) -> Result<After, BundleError> {
        Ok(After {
            checkpoint: self.checkpoint,
            path: path("after.path", &self.path)?,
            token: token("after.token", &self.token)?,
            authority: (self.authority, self.certificates),
        })
    }
}

fn path(field: &'static str, nodes: &[String]) -> Result<Vec<Digest>, BundleError> {
    if nodes.len() > MAX_PATH {
        return Err(BundleError::Proof { field });
    }
    nodes.iter().map(|node| digest(field, node)).collect()
}

fn token(field: &'static str, text: &str) -> Result<Vec<u8>, BundleError> {
    BASE64_STANDARD.decode(text).map_err(|_| BundleError::Proof { field })
}

/// 64 hexadecimal digits, in small letters so that there is one way to write them.
fn digest(field: &'static str, text: &str) -> Result<Digest, BundleError> {
    let mut bytes = Digest::default();
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if hex::encode(bytes) == text => Ok(bytes),
        _ => Err(BundleError::Proof { field }),
    }
}
