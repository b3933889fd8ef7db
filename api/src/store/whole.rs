//! Everything that is stamped, batch by batch, to be checked.

use std::collections::{BTreeMap, HashSet};

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    Store, StoreError, audit,
    proofs::{self, Batch},
    tables::{batches, items},
    writer::{Deed, Ledger},
};
use crate::integrity::Fault;

/// A batch with everything that is stored of it.
pub(crate) struct Whole {
    pub(crate) id: String,
    /// None when it cannot be read.
    pub(crate) batch: Option<Batch>,
    /// Those of its items.
    pub(crate) uuids: Vec<Uuid>,
}

impl Store {
    /// The identities of all batches that there are now.
    pub(crate) async fn batch_ids(&self) -> Result<HashSet<String>, StoreError> {
        let ids: Vec<String> = batches::Entity::find()
            .select_only()
            .column(batches::Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(ids.into_iter().collect())
    }

    /// The next batch after an identity.
    pub(crate) async fn batch_after(&self, id: &str) -> Result<Option<Whole>, StoreError> {
        let row = batches::Entity::find()
            .filter(batches::Column::Id.gt(id))
            .order_by_asc(batches::Column::Id)
            .one(&self.reader)
            .await?;
        Ok(row.map(|row| {
            let uuids = row.uuids.clone().unwrap_or_default();
            let uuids = uuids.as_chunks().0.iter().map(|it| Uuid::from_bytes(*it)).collect();
            Whole { id: row.id.clone(), batch: proofs::read(row), uuids }
        }))
    }

    /// The records of a batch, each with its UUID, by their places. What was stamped twice has its
    /// place in the batch that came first, and belongs to the other as well.
    pub(crate) async fn records_of(
        &self,
        batch: &str,
        uuids: &[Uuid],
    ) -> Result<BTreeMap<usize, (String, Vec<u8>)>, StoreError> {
        use items::Column as C;
        let rows: Vec<(Option<i32>, String, Vec<u8>)> = items::Entity::find()
            .select_only()
            .columns([C::LeafIndex, C::Uuid, C::Canonical])
            .filter(C::BatchId.eq(batch))
            .into_tuple()
            .all(&self.reader)
            .await?;
        let placed = rows.into_iter().filter_map(|(place, uuid, record)| {
            Some((usize::try_from(place?).ok()?, (uuid, record)))
        });
        let mut records: BTreeMap<_, _> = placed.collect();
        for (place, uuid) in uuids.iter().enumerate() {
            if !records.contains_key(&place)
                && let Some(record) = self.record_of(*uuid).await?
            {
                records.insert(place, (uuid.to_string(), record));
            }
        }
        Ok(records)
    }

    /// The record of an item, whatever batch it is in.
    async fn record_of(&self, item: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        let found = items::Entity::find()
            .select_only()
            .column(items::Column::Canonical)
            .filter(items::Column::Uuid.eq(item.to_string()))
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(found)
    }
}

/// Notes that the database was edited.
#[derive(Debug)]
pub(crate) struct NoteFaults {
    pub(crate) count: u64,
    pub(crate) first: Fault,
}

impl Deed for NoteFaults {
    type Done = ();

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        let Self { count, first: Fault { kind, subject, detail } } = self;
        let detail = format!("{detail}; {count} faults in all");
        audit::note(ledger, audit::API, kind, subject, Some(detail)).await
    }
}
