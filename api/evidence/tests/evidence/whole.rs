//! A bundle with everything that one can have: an item among others, its place in a log, what was
//! before it, and its signature. The time stamps are the test's.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::log::{Checkpoint, Peaks, Signed, Tail};
use evidence::{After, Authority, BatchTree, Beside, Bundle, Digest, LogPlace, Record, sha256};
use serde_json::json;

/// The log that the item is in.
pub(crate) const LOG: &str = "aggregator@test";
/// The place of the item in its batch, and in the log.
const PLACE: usize = 2;
pub(crate) const INDEX: u64 = 6;

pub(crate) struct Whole {
    pub(crate) item: Vec<u8>,
    pub(crate) tree: BatchTree,
    pub(crate) log: LogPlace,
    /// The checkpoint that the item names, in the tree of its own batch.
    before: Signed,
    earlier: BatchTree,
}

impl Whole {
    pub(crate) fn new() -> Self {
        Self::beside(Vec::new())
    }

    /// The same, with further leaves in the batch of the item.
    pub(crate) fn beside(more: Vec<Digest>) -> Self {
        let mut log = Peaks::default();
        let first: Vec<Digest> = (0..4_u8).map(|it| sha256(&[it])).collect();
        log.extend(&first);
        let before = checkpoint(LOG, &log);
        let earlier = BatchTree::new([&first[..], &[before.digest()]].concat()).unwrap();

        let item = item(&before);
        let mut leaves: Vec<Digest> = (10..15_u8).map(|it| sha256(&[it])).collect();
        leaves[PLACE] = sha256(&item);
        let tail = Tail::new(&log, &leaves);
        let inclusion = tail.inclusion(INDEX).unwrap();
        let mut longer = log.clone();
        longer.extend(&leaves);
        let newest = checkpoint(LOG, &longer);
        leaves.push(newest.digest());
        leaves.extend(more);
        let tree = BatchTree::new(leaves).unwrap();
        let checkpoint_path = tree.path(5);
        let log = LogPlace { checkpoint: newest.note, checkpoint_path, index: INDEX, inclusion };
        Self { item, tree, log, before, earlier }
    }

    pub(crate) fn root(&self) -> Digest {
        self.tree.root()
    }

    pub(crate) fn path(&self) -> Vec<Digest> {
        self.tree.path(PLACE)
    }

    /// What the token of the lower bound is for.
    pub(crate) fn earlier_root(&self) -> Digest {
        self.earlier.root()
    }

    /// The lower bound with its token.
    pub(crate) fn after(&self, token: &[u8], authority: &Authority) -> After {
        After {
            checkpoint: self.before.note.clone(),
            path: self.earlier.path(4),
            token: token.to_vec(),
            authority: (authority.name().to_owned(), authority.to_pem()),
        }
    }

    pub(crate) fn file(&self, token: &[u8], authority: &Authority, beside: Beside<'_>) -> Vec<u8> {
        Bundle::build_with(&self.item, &self.path(), token, authority, beside).unwrap()
    }
}

pub(crate) fn checkpoint(origin: &str, log: &Peaks) -> Signed {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let key = pair.public_key().as_ref().try_into().unwrap();
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: log.size(), root: log.root() };
    checkpoint.sign(&key, |text| pair.sign(text).as_ref().try_into().unwrap())
}

/// An item that names a checkpoint, signed.
fn item(after: &Signed) -> Vec<u8> {
    let mut item = json!({
        "version": "1", "format": "raw", "payload": { "raw": "b2s=" },
        "meta": {
            "type": "check", "ts": 1_790_000_000, "seq": 3, "prev": "ab".repeat(32),
            "after": {
                "log": LOG, "size": after.checkpoint.size, "sha256": hex::encode(after.digest()),
            },
        },
    });
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let signature = pair.sign(Record::of(&item).unwrap().bytes());
    item["signature"] = json!({
        "alg": "Ed25519",
        "key": hex::encode(pair.public_key()),
        "value": BASE64_STANDARD.encode(signature),
    });
    Record::of(&item).unwrap().bytes().to_vec()
}
