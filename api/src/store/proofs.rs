//! Proofs: a batch with its token, and which item is which leaf of it.

use evidence::Digest;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Store, StoreError,
    tables::{batches, items},
    writer::{Deed, Ledger},
};
use crate::{
    clock::rfc3339,
    events::{Scandale, Topic},
};

/// A batch as it is kept: verified before it came here.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) id: Uuid,
    pub(crate) authority: String,
    pub(crate) trust: String,
    pub(crate) root: Digest,
    pub(crate) token: Vec<u8>,
    pub(crate) gen_time_ms: i64,
    pub(crate) leaves: Vec<Digest>,
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
        })
        .exec_without_returning(ledger.tx())
        .await?;
        let mut stamped = Vec::with_capacity(self.uuids.len());
        for (leaf, uuid) in (0_i32..).zip(&self.uuids) {
            if place(ledger.tx(), *uuid, &id, leaf).await? {
                stamped.push(*uuid);
            }
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
            let data = json!({
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
        let data = json!({
            "batch": batch.id,
            "authority": batch.authority,
            "trust": batch.trust,
            "gen_time": gen_time,
            "items": batch.leaves.len(),
        });
        ledger.tell(Topic::Proof, &data, Scandale::Same)
    }
}

/// Puts an item in its place, unless it has one.
async fn place(
    db: &impl ConnectionTrait,
    uuid: Uuid,
    batch: &str,
    leaf: i32,
) -> Result<bool, DbErr> {
    let placed = items::Entity::update_many()
        .col_expr(items::Column::BatchId, Expr::value(batch))
        .col_expr(items::Column::LeafIndex, Expr::value(leaf))
        .filter(items::Column::Uuid.eq(uuid.to_string()))
        .filter(items::Column::BatchId.is_null())
        .exec(db)
        .await?;
    Ok(placed.rows_affected > 0)
}

impl Store {
    /// A batch by its identity.
    pub(crate) async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let kept = batches::Entity::find_by_id(id).one(&self.reader).await?;
        Ok(kept.and_then(|kept| {
            Some(Batch {
                id: Uuid::parse_str(&kept.id).ok()?,
                authority: kept.authority,
                trust: kept.trust,
                root: Digest::try_from(kept.root).ok()?,
                token: kept.token,
                gen_time_ms: kept.gen_time_ms,
                leaves: kept.leaves.as_chunks().0.to_vec(),
            })
        }))
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
