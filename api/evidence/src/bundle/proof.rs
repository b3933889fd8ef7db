//! `proof.json`: the way from the record to the stamped root, for a reader without ASN.1; see
//! [`Bundle`](super::Bundle) for its form.

use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::digest::Digest;

/// Longest path: a batch has fewer than 2^64 leaves.
const MAX_PATH: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) leaf: Digest,
    pub(super) path: Vec<Digest>,
    pub(super) root: Digest,
    pub(super) authority: String,
    pub(super) gen_time: String,
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
        };
        serde_json::to_vec_pretty(&text).map_err(BundleError::ProofSyntax)
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        let text: Text = serde_json::from_slice(json).map_err(BundleError::ProofSyntax)?;
        if text.path.len() > MAX_PATH {
            return Err(BundleError::Proof { field: "path" });
        }
        let path: Result<_, _> = text.path.iter().map(|node| digest("path", node)).collect();
        Ok(Self {
            leaf: digest("leaf", &text.leaf)?,
            path: path?,
            root: digest("root", &text.root)?,
            authority: text.authority,
            gen_time: text.gen_time,
        })
    }
}

/// 64 hexadecimal digits, in small letters so that there is one way to write them.
fn digest(field: &'static str, text: &str) -> Result<Digest, BundleError> {
    let mut bytes = Digest::default();
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if hex::encode(bytes) == text => Ok(bytes),
        _ => Err(BundleError::Proof { field }),
    }
}
