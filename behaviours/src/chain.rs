//! The chain of an agent's results: each has a number, names the one before it, and is signed with
//! the key by which the registry knows the agent. What is missing between two of them shows.

use base64::prelude::{BASE64_STANDARD, Engine};
use evidence::Record;
use runtime::{Change, Context, EvidenceKey, Failure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::OwnedMutexGuard;
use types::KnownCheckpoint;

use crate::queue::{OUTBOX, Parcel};

/// The note of where the chain ends.
const END: &str = "end of the chain";
/// The note of the newest stamped checkpoint that the agent knows.
const CHECKPOINT: &str = "known checkpoint";

/// The longest name of a log, in bytes.
const LOG: usize = 256;

/// Where a chain ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    /// The number of the last result; 0: there is none.
    seq: u64,
    /// SHA-256 of its record, in hexadecimal.
    sha256: String,
}

/// Changes with which the chain goes on, and the turn to write them.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) changes: Vec<Change>,
    /// Held until they are written, or not: the chain on disk says where it ends.
    _turn: OwnedMutexGuard<()>,
}

/// Gives the results among some changes their places in the chain.
pub(crate) async fn link(ctx: &Context, changes: &[Change]) -> Result<Links, Failure> {
    let turn = ctx.turn().await;
    let note = |name| ctx.store().note(name);
    let before: End =
        note(END)?.map(|it| serde_json::from_slice(&it)).transpose()?.unwrap_or_default();
    let known: Option<KnownCheckpoint> =
        note(CHECKPOINT)?.map(|it| serde_json::from_slice(&it)).transpose()?;
    let mut end = before.clone();
    let mut linked = Vec::with_capacity(changes.len() + 1);
    for change in changes {
        linked.push(match change {
            Change::Push { queue, key, value } if *queue == OUTBOX => {
                let value = match serde_json::from_slice(value)? {
                    Parcel::Item(item) => {
                        let item = end.take(item, known.as_ref(), ctx.evidence_key());
                        serde_json::to_vec(&Parcel::Item(item))?.into()
                    }
                    Parcel::Presence(_) | Parcel::Proof(_) => value.clone(),
                };
                Change::Push { queue, key: key.clone(), value }
            }
            other => other.clone(),
        });
    }
    if end != before {
        let value = serde_json::to_vec(&end)?.into();
        linked.push(Change::Put { key: END.to_owned(), value });
    }
    Ok(Links { changes: linked, _turn: turn })
}

/// Remembers a checkpoint, for the results to come. It will stand in each of them, so that one that
/// cannot be a checkpoint is passed over.
pub(crate) fn remember(
    ctx: &Context,
    checkpoint: &KnownCheckpoint,
) -> Result<Option<Change>, Failure> {
    if !is_checkpoint(checkpoint) {
        tracing::warn!("what a receiver says of its log is no checkpoint");
        return Ok(None);
    }
    let value = serde_json::to_vec(checkpoint)?;
    let known = ctx.store().note(CHECKPOINT)?;
    let is_new = known.is_none_or(|it| it.as_ref() != value.as_slice());
    Ok(is_new.then(|| Change::Put { key: CHECKPOINT.to_owned(), value: value.into() }))
}

/// Whether something may be a checkpoint: an account of some length, and a digest.
fn is_checkpoint(said: &KnownCheckpoint) -> bool {
    let is_plain = |it: char| !it.is_whitespace() && !it.is_control() && !"<>&\"'".contains(it);
    (1..=LOG).contains(&said.log.len())
        && said.log.chars().all(is_plain)
        && said.size < 1 << 53
        && said.sha256.len() == 64
        && hex::decode(&said.sha256).is_ok()
}

impl End {
    /// Puts a result at the end of the chain. What can be no record goes as it is: nobody will
    /// take it.
    fn take(
        &mut self,
        mut item: Value,
        known: Option<&KnownCheckpoint>,
        key: Option<&dyn EvidenceKey>,
    ) -> Value {
        let seq = self.seq + 1;
        let Some(meta) = item.get_mut("meta").and_then(Value::as_object_mut) else { return item };
        meta.insert("seq".to_owned(), seq.into());
        if self.seq > 0 {
            meta.insert("prev".to_owned(), self.sha256.as_str().into());
        }
        if let Some(known) = known {
            meta.insert("after".to_owned(), json!(known));
        }
        let Ok(record) = Record::of(&item) else { return unlinked(item) };
        let record = match key {
            Some(key) => {
                let signature = json!({
                    "alg": "Ed25519",
                    "key": hex::encode(key.public()),
                    "value": BASE64_STANDARD.encode(key.sign(record.bytes())),
                });
                item.as_object_mut()
                    .map(|it: &mut Map<_, _>| it.insert("signature".into(), signature));
                let Ok(record) = Record::of(&item) else { return unlinked(item) };
                record
            }
            None => record,
        };
        *self = Self { seq, sha256: record.digest_hex() };
        item
    }
}

fn unlinked(mut item: Value) -> Value {
    if let Some(meta) = item.get_mut("meta").and_then(Value::as_object_mut) {
        for name in ["seq", "prev", "after"] {
            meta.remove(name);
        }
    }
    if let Some(item) = item.as_object_mut() {
        item.remove("signature");
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Key;

    impl EvidenceKey for Key {
        fn public(&self) -> [u8; 32] {
            [7; 32]
        }

        fn sign(&self, message: &[u8]) -> [u8; 64] {
            let digest = evidence::sha256(message);
            [digest, digest].concat().try_into().unwrap()
        }
    }

    fn item(number: u64) -> Value {
        json!({ "version": "1", "format": "raw", "meta": { "n": number }, "payload": {} })
    }

    #[test]
    fn each_result_has_a_number_and_names_the_one_before() {
        let known = KnownCheckpoint { log: "a@test".to_owned(), size: 3, sha256: "ab".repeat(32) };
        let mut end = End::default();
        let first = end.take(item(1), None, None);
        assert_eq!((&first["meta"]["seq"], first["meta"].get("prev")), (&json!(1), None));
        assert_eq!(end.sha256, Record::of(&first).unwrap().digest_hex());
        let second = end.take(item(2), Some(&known), Some(&Key));
        assert_eq!(second["meta"]["prev"], Record::of(&first).unwrap().digest_hex());
        assert_eq!(second["meta"]["after"]["size"], 3);
        let mut unsigned = second.clone();
        unsigned.as_object_mut().unwrap().remove("signature");
        let expected = Key.sign(Record::of(&unsigned).unwrap().bytes());
        assert_eq!(second["signature"]["value"], BASE64_STANDARD.encode(expected));
        assert_eq!(end, End { seq: 2, sha256: Record::of(&second).unwrap().digest_hex() });
    }

    #[test]
    fn what_is_no_checkpoint_gets_into_no_result() {
        let right = KnownCheckpoint { log: "a@test".to_owned(), size: 3, sha256: "ab".repeat(32) };
        assert!(is_checkpoint(&right));
        for (log, size, sha256) in [
            ("", 3, "ab".repeat(32)),
            (&*"a".repeat(257), 3, "ab".repeat(32)),
            ("a b", 3, "ab".repeat(32)),
            ("a<b", 3, "ab".repeat(32)),
            ("a@test", 1 << 53, "ab".repeat(32)),
            ("a@test", 3, "ab".repeat(31)),
            ("a@test", 3, "xy".repeat(32)),
        ] {
            let wrong = KnownCheckpoint { log: log.to_owned(), size, sha256 };
            assert!(!is_checkpoint(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_can_be_no_record_is_left_as_it_is_and_uses_up_no_number() {
        let mut end = End::default();
        for strange in [
            json!({ "meta": { "big": 9_007_199_254_740_993_i64 } }),
            json!({ "payload": {} }),
            json!(7),
        ] {
            assert_eq!(end.take(strange.clone(), None, Some(&Key)), strange);
        }
        assert_eq!(end, End::default());
    }
}
