//! Proofs: a batch with its token, and which item is which leaf of it.

use std::collections::HashSet;

use evidence::{
    BatchTree, Digest,
    log::{Checkpoint, Peaks, Signed},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
    sea_query::{CaseStatement, Expr},
};
use serde_json::json as value;
use uuid::Uuid;

use super::{
    Store, StoreError, audit,
    tables::{batches, items},
    writer::{Deed, Ledger, json},
};
use crate::{
    clock::rfc3339,
    events::{Scandale, Topic},
};

/// Items that are put in their places by one statement.
const TOGETHER: usize = 250;

/// A batch as it is kept: verified before it came here.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) id: Uuid,
    pub(crate) authority: String,
    pub(crate) trust: String,
    pub(crate) root: Digest,
    pub(crate) token: Vec<u8>,
    pub(crate) gen_time_ms: i64,
    /// The digests of the items.
    pub(crate) leaves: Vec<Digest>,
    /// Further tokens over the root, and whose they are called.
    pub(crate) also: Vec<(String, Vec<u8>)>,
    pub(crate) log: Option<LogPart>,
}

/// The part of a log that a batch is.
#[derive(Clone, Debug)]
pub(crate) struct LogPart {
    /// What the log was before.
    pub(crate) before: Peaks,
    /// What it was afterwards; its digest is the last leaf of the batch's tree.
    pub(crate) checkpoint: Signed,
}

impl Batch {
    /// The tree whose root is stamped.
    pub(crate) fn tree(&self) -> Option<BatchTree> {
        let checkpoint = self.log.as_ref().map(|it| it.checkpoint.digest());
        BatchTree::new(self.leaves.iter().copied().chain(checkpoint).collect())
    }
}

/// What became of a proof that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is kept now.
    Stored,
    /// It was kept already.
    Known,
    /// Another proof for the same batch is kept; or, where one was wanted that has none yet, the
    /// item is stamped already.
    Conflict,
}

/// Stores a batch and gives its items their places. An item that is in a batch already stays there.
#[derive(Debug)]
pub(crate) struct StoreProof {
    pub(crate) batch: Batch,
    /// The items, as many as there are leaves.
    pub(crate) uuids: Vec<Uuid>,
    /// Refuse when the items have their places already.
    pub(crate) first: bool,
}

impl Deed for StoreProof {
    type Done = Placed;

    fn rows(&self) -> usize {
        self.uuids.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Placed, DbErr> {
        let batch = &self.batch;
        let id = batch.id.to_string();
        if let Some(kept) = batches::Entity::find_by_id(id.clone()).one(ledger.tx()).await? {
            let same = kept.root == batch.root && kept.leaves == batch.leaves.as_flattened();
            return Ok(if same { Placed::Known } else { Placed::Conflict });
        }
        if self.first && self.stamped(ledger).await? {
            return Ok(Placed::Conflict);
        }
        let log = batch.log.as_ref();
        if let Some(log) = log {
            follow(log, ledger).await?;
        }
        let uuids: Vec<[u8; 16]> = self.uuids.iter().map(|it| *it.as_bytes()).collect();
        let also = (!batch.also.is_empty()).then(|| json(&batch.also)).transpose()?;
        batches::Entity::insert(batches::ActiveModel {
            id: Set(id.clone()),
            authority: Set(batch.authority.clone()),
            trust: Set(batch.trust.clone()),
            root: Set(batch.root.to_vec()),
            token: Set(batch.token.clone()),
            gen_time_ms: Set(batch.gen_time_ms),
            size: Set(i32::try_from(batch.leaves.len()).unwrap_or(i32::MAX)),
            leaves: Set(batch.leaves.as_flattened().to_vec()),
            received_ms: Set(ledger.now_ms),
            uuids: Set(Some(uuids.as_flattened().to_vec())),
            also: Set(also),
            log: Set(log.map(|it| it.checkpoint.checkpoint.origin.clone())),
            first: Set(log.and_then(|it| i64::try_from(it.before.size()).ok())),
            peaks: Set(log.map(|it| it.before.roots().as_flattened().to_vec())),
            checkpoint: Set(log.map(|it| it.checkpoint.note.clone())),
            checkpoint_sha256: Set(log.map(|it| it.checkpoint.digest().to_vec())),
        })
        .exec_without_returning(ledger.tx())
        .await?;
        let mut stamped = Vec::with_capacity(self.uuids.len());
        let leaves: Vec<(Uuid, i32)> = self.uuids.iter().copied().zip(0..).collect();
        for some in leaves.chunks(TOGETHER) {
            stamped.extend(place(ledger.tx(), some, &id).await?);
        }
        self.tell(&stamped, ledger)?;
        Ok(Placed::Stored)
    }
}

impl StoreProof {
    async fn stamped(&self, ledger: &Ledger<'_>) -> Result<bool, DbErr> {
        let found = items::Entity::find()
            .filter(items::Column::Uuid.is_in(self.uuids.iter().map(Uuid::to_string)))
            .filter(items::Column::BatchId.is_not_null())
            .one(ledger.tx());
        Ok(found.await?.is_some())
    }

    fn tell(&self, stamped: &[Uuid], ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        let batch = &self.batch;
        let gen_time = rfc3339(batch.gen_time_ms);
        let token: std::sync::Arc<[u8]> = batch.token.as_slice().into();
        for uuid in stamped {
            let data = value!({
                "uuid": uuid,
                "gen_time": gen_time,
                "stamped_ms": batch.gen_time_ms,
                "authority": batch.authority,
                "trust": batch.trust,
                "batch": batch.id,
            });
            let scandale = Scandale::Token { token: token.clone(), uuid: *uuid };
            ledger.tell(Topic::Tst, &data, scandale)?;
        }
        let data = value!({
            "batch": batch.id,
            "authority": batch.authority,
            "trust": batch.trust,
            "gen_time": gen_time,
            "items": batch.leaves.len(),
        });
        ledger.tell(Topic::Proof, &data, Scandale::Same)
    }
}

/// A log goes on where it ended. Where it does not, the proof of the batch holds all the same; that
/// the log does not is told, and stays in the audit.
async fn follow(log: &LogPart, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
    let origin = &log.checkpoint.checkpoint.origin;
    let end = newest(ledger.tx(), origin).await?.as_ref().and_then(checkpoint);
    let (size, root) = end.map_or((0, Peaks::default().root()), |it| (it.size, it.root));
    let before = &log.before;
    if (before.size(), before.root()) == (size, root) {
        return Ok(());
    }
    let (deed, detail) = if before.size() > size {
        let detail = format!(
            "the log goes on at {}, and here it ends at {size}: batches are missing here, or this \
             database is an older one",
            before.size()
        );
        (audit::LOG_GAP, detail)
    } else {
        let detail = format!(
            "the log goes on at {}, and here it has {size} entries already, or others: whoever \
             keeps it forgot, or changed, what it was",
            before.size()
        );
        (audit::LOG_FORK, detail)
    };
    tracing::error!(log = origin, deed, detail, "`{origin}`: {detail}");
    audit::note(ledger, audit::API, deed, origin, Some(detail)).await
}

/// The part of a log that is its end.
pub(super) async fn newest(
    db: &impl ConnectionTrait,
    origin: &str,
) -> Result<Option<batches::Model>, DbErr> {
    batches::Entity::find()
        .filter(batches::Column::Log.eq(origin))
        .order_by_desc(batches::Column::First)
        .order_by_desc(batches::Column::ReceivedMs)
        .one(db)
        .await
}

/// The checkpoint of a batch.
pub(super) fn checkpoint(row: &batches::Model) -> Option<Checkpoint> {
    Some(Signed::read(row.checkpoint.as_ref()?).ok()?.checkpoint)
}

/// A batch as it was read.
pub(super) fn read(kept: batches::Model) -> Option<Batch> {
    let log = match (kept.first, kept.peaks, kept.checkpoint) {
        (Some(first), Some(peaks), Some(note)) => Some(LogPart {
            before: Peaks::new(u64::try_from(first).ok()?, peaks.as_chunks().0.to_vec())?,
            checkpoint: Signed::read(&note).ok()?,
        }),
        _ => None,
    };
    Some(Batch {
        id: Uuid::parse_str(&kept.id).ok()?,
        authority: kept.authority,
        trust: kept.trust,
        root: Digest::try_from(kept.root).ok()?,
        token: kept.token,
        gen_time_ms: kept.gen_time_ms,
        leaves: kept.leaves.as_chunks().0.to_vec(),
        also: kept.also.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default(),
        log,
    })
}

/// Puts items in their places, unless they have one; which of them that were.
async fn place(
    db: &impl ConnectionTrait,
    some: &[(Uuid, i32)],
    batch: &str,
) -> Result<Vec<Uuid>, DbErr> {
    use items::Column as C;
    let named = C::Uuid.is_in(some.iter().map(|(uuid, _)| uuid.to_string()));
    let free: Vec<String> = items::Entity::find()
        .select_only()
        .column(C::Uuid)
        .filter(named.clone())
        .filter(C::BatchId.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let free: HashSet<Uuid> = free.iter().filter_map(|it| Uuid::parse_str(it).ok()).collect();
    let placed: Vec<(Uuid, i32)> =
        some.iter().filter(|(uuid, _)| free.contains(uuid)).copied().collect();
    if placed.is_empty() {
        return Ok(Vec::new());
    }
    let mut leaf = CaseStatement::new();
    for (uuid, index) in &placed {
        leaf = leaf.case(C::Uuid.eq(uuid.to_string()), *index);
    }
    items::Entity::update_many()
        .col_expr(C::BatchId, Expr::value(batch))
        .col_expr(C::LeafIndex, leaf.into())
        .filter(named)
        .filter(C::BatchId.is_null())
        .exec(db)
        .await?;
    Ok(placed.into_iter().map(|(uuid, _)| uuid).collect())
}

impl Store {
    /// A batch by its identity.
    pub(crate) async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let kept = batches::Entity::find_by_id(id).one(&self.reader).await?;
        Ok(kept.and_then(read))
    }

    /// The batch whose checkpoint has this digest.
    pub(crate) async fn batch_of_checkpoint(
        &self,
        digest: &Digest,
    ) -> Result<Option<Batch>, StoreError> {
        let kept = batches::Entity::find()
            .filter(batches::Column::CheckpointSha256.eq(digest.to_vec()))
            .one(&self.reader)
            .await?;
        Ok(kept.and_then(read))
    }

    /// Items that are stamped, in the order in which they came, with their tokens.
    pub(crate) async fn tokens_of_items(
        &self,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let found = items::Entity::find()
            .select_only()
            .column(items::Column::Uuid)
            .column(batches::Column::Token)
            .join(JoinType::InnerJoin, items::Relation::Batch.def())
            .order_by_asc(items::Column::Id)
            .offset(skip)
            .limit(limit)
            .into_tuple()
            .all(&self.reader);
        Ok(found.await?)
    }
}
