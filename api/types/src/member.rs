//! Who belongs to the network: the list that the registry signs, and how it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Content;

/// The role of members that are people: their devices come and go, and each is believed by its key.
pub const OPERATOR: &str = "operator";

/// The evidence key of who has none.
pub const NO_EVIDENCE_KEY: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// One device of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its number, 1 to 2³¹-1.
    pub device: u32,
    /// Its identity key in its Curve25519 form: 64 hexadecimal digits.
    pub identity: String,
}

/// One member, as the registry vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its account, `name@domain`.
    pub jid: String,
    /// What it is for.
    pub role: String,
    /// What its operator calls it by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// The key that it signs evidence with (Ed25519): 64 hexadecimal digits.
    pub evidence_key: String,
    /// The number of the list in which it came to be as it is.
    pub serial: u64,
}

/// What is signed of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListHead {
    /// The number of the list; each change makes a higher one.
    pub serial: u64,
    /// When it was signed, in milliseconds since 1970 UTC.
    pub issued_ms: i64,
    /// Until when it may be believed.
    pub until_ms: i64,
    /// How many members there are.
    pub count: u32,
    /// SHA-256 over the members, sorted by account: 64 hexadecimal digits.
    pub digest: String,
    /// The registry's signature (Ed25519) over all this: 128 hexadecimal digits.
    pub signature: String,
}

/// How a newer list differs from one that was told before; it may come in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUpdate {
    /// What is signed of the newer list.
    pub head: ListHead,
    /// The number of the list that this changes; 0: the empty one.
    pub base: u64,
    /// Which part this is, from 0 on.
    pub part: u32,
    /// How many there are.
    pub parts: u32,
    /// Who is new, or another than before.
    #[serde(default)]
    pub set: Vec<Member>,
    /// Who is no member any more.
    #[serde(default)]
    pub gone: Vec<String>,
}

impl Content for ListUpdate {
    const ONTOLOGY: &'static str = "vedette:members";
}

/// Asks for what changed since a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuestion {
    /// The number of the list that is known; 0: none is.
    pub serial: u64,
}

impl Content for ListQuestion {
    const ONTOLOGY: &'static str = ListUpdate::ONTOLOGY;
}
