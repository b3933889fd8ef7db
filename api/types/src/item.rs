//! One result of one check, as it travels and as it is stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Content;

/// One result: SCANDALE's envelope, with room for more.
///
/// Fields that are not named here are kept as they came, since the whole record is what is stamped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Version of the envelope, `"1"`.
    pub version: String,
    /// How to read the payload: `raw`, `lines`, `json`, `nagios`, …
    pub format: String,
    /// What the item is and where it comes from.
    pub meta: Meta,
    /// What was found.
    pub payload: Payload,
    /// Whatever else the sender put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What an item is and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Its identity; the same item twice has the same one.
    pub uuid: Uuid,
    /// When it was found, in seconds since 1970 UTC.
    pub ts: i64,
    /// What kind of result it is: `check`, `nmap-scan`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Who found it: the JID of an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whatever else the sender put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The output itself, base64.
    pub raw: String,
    /// What a check adds: `verdict`, `reasons`, `exit`, `signal`, `took_ms`, …
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Items in one message.
///
/// Each is kept as the value that came, so that what is stamped is what was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Items(pub Vec<Value>);

impl Content for Items {
    const ONTOLOGY: &'static str = "vedette:item";
}

/// A stamped checkpoint of somebody's log: whoever names it knew it, and did so after it was
/// stamped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCheckpoint {
    /// Whose log.
    pub log: String,
    /// How many entries the log had.
    pub size: u64,
    /// SHA-256 of the checkpoint (its signed note), in hexadecimal: a leaf of a stamped batch.
    pub sha256: String,
}

/// Says that the sender keeps these now; who sent them may forget them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What is kept, by its key: the uuid of an item.
    pub stored: Vec<String>,
    /// What was refused for good, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(String, String)>,
    /// The newest stamped checkpoint of the log of who keeps them, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<KnownCheckpoint>,
}

impl Content for Receipt {
    const ONTOLOGY: &'static str = "vedette:receipt";
}
