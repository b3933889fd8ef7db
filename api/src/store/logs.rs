//! The logs that batches go on with, each by the name of who keeps it.

use evidence::{
    Digest,
    log::{Checkpoint, Peaks, Signed},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Store, StoreError,
    proofs::{self, Batch},
    tables::{batches, items},
};

/// A log as it is known here.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LogRow {
    /// Who keeps it.
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: String,
    /// When its newest checkpoint was stamped, in milliseconds since 1970 UTC.
    pub(crate) stamped_ms: i64,
    pub(crate) checkpoint: String,
}

impl Store {
    /// Every log, by name.
    pub(crate) async fn logs(&self) -> Result<Vec<LogRow>, StoreError> {
        let names: Vec<Option<String>> = batches::Entity::find()
            .select_only()
            .column(batches::Column::Log)
            .filter(batches::Column::Log.is_not_null())
            .distinct()
            .order_by_asc(batches::Column::Log)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut logs = Vec::new();
        for name in names.into_iter().flatten() {
            logs.extend(self.log(&name).await?);
        }
        Ok(logs)
    }

    /// One log.
    pub(crate) async fn log(&self, name: &str) -> Result<Option<LogRow>, StoreError> {
        let newest = batches::Entity::find()
            .filter(batches::Column::Log.eq(name))
            .order_by_desc(batches::Column::First)
            .order_by_desc(batches::Column::ReceivedMs)
            .one(&self.reader)
            .await?;
        Ok(newest.and_then(|row| {
            let note = row.checkpoint?;
            let Checkpoint { origin, size, root } = Signed::read(&note).ok()?.checkpoint;
            let root = hex::encode(root);
            Some(LogRow { origin, size, root, stamped_ms: row.gen_time_ms, checkpoint: note })
        }))
    }

    /// What a log is at its end.
    pub(crate) async fn peaks_of(&self, name: &str) -> Result<Option<Peaks>, StoreError> {
        let newest = batches::Entity::find()
            .filter(batches::Column::Log.eq(name))
            .order_by_desc(batches::Column::First)
            .order_by_desc(batches::Column::ReceivedMs)
            .one(&self.reader)
            .await?;
        Ok(newest.and_then(proofs::read).and_then(|batch| {
            let mut peaks = batch.log?.before;
            peaks.extend(&batch.leaves);
            Some(peaks)
        }))
    }

    /// The oldest items that came before a time and that nobody has stamped, up to a number.
    pub(crate) async fn pending(
        &self,
        before_ms: i64,
        limit: u64,
    ) -> Result<Vec<(Uuid, Digest)>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = items::Entity::find()
            .select_only()
            .columns([items::Column::Uuid, items::Column::Sha256])
            .filter(items::Column::BatchId.is_null())
            .filter(items::Column::ReceivedMs.lte(before_ms))
            .order_by_asc(items::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let read = |(uuid, sha256): (String, Vec<u8>)| {
            Some((Uuid::parse_str(&uuid).ok()?, Digest::try_from(sha256).ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Batches of a log that have entries from `from` on, in order, up to a number of them.
    pub(crate) async fn batches_of_log(
        &self,
        name: &str,
        from: u64,
        limit: u64,
    ) -> Result<Vec<Batch>, StoreError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = batches::Entity::find()
            .filter(batches::Column::Log.eq(name))
            .filter(batches::Column::First.gte(from))
            .order_by_asc(batches::Column::First)
            .limit(limit)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().filter_map(proofs::read).collect())
    }
}
