//! The logs that batches go on with, each by the name of who keeps it.

use evidence::log::{Checkpoint, Peaks};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;

use super::{
    Store, StoreError,
    proofs::{self, Batch},
    tables::batches,
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
        let newest = proofs::newest(&self.reader, name).await?;
        Ok(newest.and_then(|row| {
            let Checkpoint { origin, size, root } = proofs::checkpoint(&row)?;
            let (root, checkpoint) = (hex::encode(root), row.checkpoint?);
            Some(LogRow { origin, size, root, stamped_ms: row.gen_time_ms, checkpoint })
        }))
    }

    /// What a log is at its end.
    pub(crate) async fn peaks_of(&self, name: &str) -> Result<Option<Peaks>, StoreError> {
        let newest = proofs::newest(&self.reader, name).await?;
        Ok(newest.and_then(proofs::read).and_then(|batch| {
            let mut peaks = batch.log?.before;
            peaks.extend(&batch.leaves);
            Some(peaks)
        }))
    }

    /// What a log was when it had so many entries; none if that is no checkpoint of it.
    pub(crate) async fn peaks_at(
        &self,
        name: &str,
        size: u64,
    ) -> Result<Option<Peaks>, StoreError> {
        let next = self.batches_of_log(name, size, 1).await?.pop().and_then(|it| it.log);
        if let Some(next) = next.filter(|it| it.before.size() == size) {
            return Ok(Some(next.before));
        }
        Ok(self.peaks_of(name).await?.filter(|it| it.size() == size))
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
