//! One batch on its way: the items, what the log is with them, and the tree that is stamped.

use base64::prelude::{BASE64_STANDARD, Engine};
use evidence::{
    BatchTree, Digest,
    client::Stamp,
    log::{Checkpoint, Peaks, Signed},
};
use runtime::{Context, Failure, Kept};
use serde::{Deserialize, Serialize};
use types::{KnownCheckpoint, LogPart, Proof};
use uuid::Uuid;

use crate::queue::{self, ANCHOR, Pending};

/// The note of what the log is.
pub(super) const LOG: &str = "log";
/// The note of the newest checkpoint that is stamped.
pub(crate) const STAMPED: &str = "stamped checkpoint";

/// The log as it is kept: so many entries, and the roots of its whole subtrees.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Log {
    size: u64,
    peaks: Vec<String>,
}

/// What is kept of the log is not what was written.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the note `{LOG}` is damaged: it does not have the roots of a log of its size")]
struct Damaged;

/// Items that are stamped together.
#[derive(Debug)]
pub(super) struct Batch {
    id: Uuid,
    pub(super) entries: Vec<Kept>,
    leaves: Vec<Pending>,
    tree: BatchTree,
    before: Peaks,
    /// The log with the items of this batch.
    pub(super) log: Peaks,
    checkpoint: Signed,
}

impl Log {
    pub(super) fn of(peaks: &Peaks) -> Self {
        Self { size: peaks.size(), peaks: peaks.roots().iter().map(hex::encode).collect() }
    }

    fn read(ctx: &Context) -> Result<Peaks, Failure> {
        let Some(note) = ctx.store().note(LOG)? else { return Ok(Peaks::default()) };
        let Self { size, peaks } = serde_json::from_slice(&note)?;
        let roots: Option<Vec<Digest>> = peaks.iter().map(|it| digest(it)).collect();
        Ok(roots.and_then(|it| Peaks::new(size, it)).ok_or(Damaged)?)
    }
}

impl Batch {
    /// The oldest items that wait, up to a number; nothing when none do.
    pub(super) async fn read(ctx: &Context, limit: usize) -> Result<Option<Self>, Failure> {
        let (mut entries, mut leaves, mut digests) = (Vec::new(), Vec::new(), Vec::new());
        for entry in ctx.store().read(ANCHOR, 0, limit, usize::MAX)? {
            let Some((leaf, digest)) = read(&entry) else {
                // It was written by a version that knew more than this one: kept aside.
                tracing::warn!(entry.key, "an item that waits for a time stamp cannot be read");
                queue::settle(ctx, queue::set_aside(ANCHOR, &entry).into()).await?;
                continue;
            };
            entries.push(entry);
            leaves.push(leaf);
            digests.push(digest);
        }
        if digests.is_empty() {
            return Ok(None);
        }
        let before = Log::read(ctx)?;
        let mut log = before.clone();
        log.extend(&digests);
        let origin = ctx.me().bare().to_owned();
        let checkpoint = Checkpoint { origin, size: log.size(), root: log.root() };
        let checkpoint = match ctx.evidence_key() {
            Some(key) => checkpoint.sign(&key.public(), |text| key.sign(text)),
            None => checkpoint.unsigned(),
        };
        digests.push(checkpoint.digest());
        let id = Uuid::new_v4();
        Ok(BatchTree::new(digests).map(|tree| Self {
            id,
            entries,
            leaves,
            tree,
            before,
            log,
            checkpoint,
        }))
    }

    /// What is stamped.
    pub(super) fn root(&self) -> Digest {
        self.tree.root()
    }

    /// What shows that the items existed.
    pub(super) fn proof(&self, stamps: &[Stamp]) -> Option<Proof> {
        let (first, more) = stamps.split_first()?;
        let token = |it: &Stamp| BASE64_STANDARD.encode(&it.token);
        let also = more
            .iter()
            .map(|it| types::Stamp { authority: it.authority.clone(), token: token(it) });
        let log = Log::of(&self.before);
        Some(Proof {
            batch: self.id,
            authority: first.authority.clone(),
            leaves: self.leaves.clone(),
            root: hex::encode(self.root()),
            token: token(first),
            also: also.collect(),
            log: Some(LogPart {
                first: log.size,
                peaks: log.peaks,
                checkpoint: self.checkpoint.note.clone(),
            }),
        })
    }

    /// The checkpoint, for those who will say that they knew it.
    pub(super) fn known(&self) -> KnownCheckpoint {
        let Checkpoint { origin, size, .. } = &self.checkpoint.checkpoint;
        let sha256 = hex::encode(self.checkpoint.digest());
        KnownCheckpoint { log: origin.clone(), size: *size, sha256 }
    }
}

fn read(entry: &Kept) -> Option<(Pending, Digest)> {
    let leaf: Pending = serde_json::from_slice(&entry.value).ok()?;
    let digest = digest(&leaf.sha256)?;
    Some((leaf, digest))
}

fn digest(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}
