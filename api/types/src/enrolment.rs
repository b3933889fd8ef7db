//! How somebody becomes a member: the token, the request, the answer, and what the registrar and
//! the API tell each other of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Content, Device, ListHead, Member};

/// What stands in a token. Short names, since a person copies it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentToken {
    /// The account that is to be, `name@domain`.
    #[serde(rename = "j")]
    pub jid: String,
    /// The registrar's account.
    #[serde(rename = "r")]
    pub registrar: String,
    /// Host and port of the server; none: what the domain's SRV records say.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// SHA-256 of the certificate of the authority that vouches for the server, as unpadded
    /// base64url; none: the public ones do.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The key that the registry signs its list with, as unpadded base64url.
    #[serde(rename = "k")]
    pub registry: String,
    /// 32 secret bytes, as unpadded base64url.
    #[serde(rename = "x")]
    pub secret: String,
    /// What it is to be.
    #[serde(rename = "o")]
    pub role: String,
    /// Until when it can be used, in seconds since 1970 UTC.
    #[serde(rename = "e")]
    pub until: i64,
}

impl std::fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolmentToken").field("jid", &self.jid).finish_non_exhaustive()
    }
}

/// What a token begins with.
pub const TOKEN_PREFIX: &str = "vdt1_";

/// From what a token's secret is turned into, by HMAC-SHA256 over these words: the password that
/// the account has at first, and the key that the request is proved with.
pub const PASSWORD_WORDS: &str = "vedette enrolment 1: password";
/// See [`PASSWORD_WORDS`].
pub const PROOF_WORDS: &str = "vedette enrolment 1: proof";

/// A new agent shows its keys and proves that they are its own. Keys, signatures and the rest are
/// hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentRequest {
    /// Its account.
    pub jid: String,
    /// The number of its device.
    pub device: u32,
    /// The device's identity key (Curve25519).
    pub identity: String,
    /// The key that it will sign evidence with (Ed25519).
    pub evidence_key: String,
    /// The registry's key, as it stands in the token.
    pub registry: String,
    /// 32 bytes that were never used before.
    pub nonce: String,
    /// HMAC-SHA256 under the token's key over all of the above.
    pub mac: String,
    /// The signature of the identity key over the same.
    pub identity_proof: String,
    /// The signature of the evidence key over the same.
    pub evidence_proof: String,
}

impl Content for EnrolmentRequest {
    const ONTOLOGY: &'static str = "vedette:enrolment";
}

/// The registrar took somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentAnswer {
    /// What the list says from now on of who asked.
    pub member: Member,
    /// What is signed of that list.
    pub head: ListHead,
    /// The registry's signature over request, member and head.
    pub signature: String,
}

impl Content for EnrolmentAnswer {
    const ONTOLOGY: &'static str = EnrolmentRequest::ONTOLOGY;
}

/// A member hands its place over from the keys that it has to new ones; both sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Its account.
    pub jid: String,
    /// The number of the list in which it came to be as it is now, so that this holds once.
    pub serial: u64,
    /// The identity key that it has.
    pub old: String,
    /// The number of the device that it will have.
    pub device: u32,
    /// The identity key that it will have.
    pub identity: String,
    /// The evidence key that it will have.
    pub evidence_key: String,
    /// The registry's key.
    pub registry: String,
    /// 32 bytes that were never used before.
    pub nonce: String,
    /// The signature of the identity key that it has over all of the above.
    pub old_proof: String,
    /// The signature of the identity key that it will have.
    pub identity_proof: String,
    /// The signature of the evidence key that it will have.
    pub evidence_proof: String,
}

impl Content for Handover {
    const ONTOLOGY: &'static str = "vedette:handover";
}

/// The answer to a [`Handover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverAnswer(pub EnrolmentAnswer);

impl Content for HandoverAnswer {
    const ONTOLOGY: &'static str = Handover::ONTOLOGY;
}

/// What everybody may know of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrar {
    /// The registrar's account.
    pub jid: String,
    /// Host and port of its server; none: what the domain's SRV records say.
    #[serde(default)]
    pub server: Option<String>,
    /// SHA-256 of the certificate of the authority that vouches for the server, 64 hexadecimal
    /// digits; none: the public ones do.
    #[serde(default)]
    pub authority: Option<String>,
    /// The key that it signs the list with, 64 hexadecimal digits.
    pub key: String,
}

/// The list as the registrar shows it to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListReport {
    /// Whose it is.
    pub registrar: Registrar,
    /// What is signed.
    pub head: ListHead,
    /// Everybody, sorted by account.
    pub members: Vec<Member>,
}

/// What an operator wants of the registrar.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentOrder {
    /// Its place among the orders.
    pub number: i64,
    /// Whom it is about: the first part of an agent's account, or the whole of a person's.
    pub name: String,
    /// What it is.
    pub wish: Wish,
}

impl std::fmt::Debug for EnrolmentOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.number;
        f.debug_struct("EnrolmentOrder").field("number", &number).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Enrol { .. } => "Enrol",
            Self::Revoke => "Revoke",
            Self::Trust { .. } => "Trust",
        })
    }
}

/// See [`EnrolmentOrder`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Somebody may join.
    Enrol {
        /// What it is to be.
        role: String,
        /// What it is called by.
        labels: BTreeMap<String, String>,
        /// The password that its account has at first.
        password: String,
        /// The key that its request is proved with, 64 hexadecimal digits.
        proof_key: String,
        /// Until when.
        expires_ms: i64,
    },
    /// Somebody is to be no member any more.
    Revoke,
    /// A person, whose account the order names, is believed by these devices and no others; none:
    /// by no device any more.
    Trust {
        /// The devices.
        devices: Vec<Device>,
    },
}

/// Orders from some place on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentOrders {
    /// The orders, the oldest first.
    pub items: Vec<EnrolmentOrder>,
    /// Where to go on.
    pub next: i64,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentNews {
    /// Which order.
    pub number: i64,
    /// Whom it is about.
    pub name: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// What.
    pub fate: Fate,
}

/// See [`EnrolmentNews`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Its account waits for it.
    Ready,
    /// It is a member, with these keys.
    Joined(Member),
    /// It did not come in time.
    Expired,
    /// It is no member any more; an agent has no account any more, either.
    Revoked,
    /// It is a person, believed by these devices.
    Trusted(Member),
    /// A request was turned down.
    Refused(String),
    /// It cannot be done.
    Failed(String),
}
