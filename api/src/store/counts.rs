//! How much of everything there is.

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Store, StoreError,
    tables::{agents, batches, items},
};

const HOUR_MS: i64 = 3_600_000;

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) agents: u64,
    pub(crate) present: u64,
    pub(crate) items: u64,
    pub(crate) pending: u64,
    pub(crate) last_hour: u64,
    pub(crate) fail: u64,
    pub(crate) error: u64,
    pub(crate) proofs: u64,
    /// When the newest proof was made.
    pub(crate) last_proof_ms: Option<i64>,
}

impl Store {
    /// Counts everything.
    pub(crate) async fn counts(&self, now_ms: i64) -> Result<Counts, StoreError> {
        let db = &self.reader;
        let items = || items::Entity::find();
        let agents = || agents::Entity::find();
        Ok(Counts {
            agents: agents().count(db).await?,
            present: agents().filter(agents::Column::Show.ne("unavailable")).count(db).await?,
            items: items().count(db).await?,
            pending: items().filter(items::Column::BatchId.is_null()).count(db).await?,
            last_hour: items()
                .filter(items::Column::ReceivedMs.gt(now_ms - HOUR_MS))
                .count(db)
                .await?,
            fail: self.now("fail", now_ms).await?,
            error: self.now("error", now_ms).await?,
            proofs: batches::Entity::find().count(db).await?,
            last_proof_ms: batches::Entity::find()
                .select_only()
                .column(batches::Column::GenTimeMs)
                .order_by_desc(batches::Column::GenTimeMs)
                .limit(1)
                .into_tuple()
                .one(db)
                .await?,
        })
    }

    /// How many kinds of result, by source, have this verdict the last time that they came
    /// within the last hour: what is wrong now, and not what ever was.
    async fn now(&self, verdict: &str, now_ms: i64) -> Result<u64, StoreError> {
        let mut newest = items::Entity::find()
            .select_only()
            .column_as(items::Column::Id.max(), "id")
            .filter(items::Column::ReceivedMs.gt(now_ms - HOUR_MS))
            .group_by(items::Column::Source)
            .group_by(items::Column::Kind);
        let newest = QuerySelect::query(&mut newest).take();
        let wrong = items::Entity::find()
            .filter(items::Column::Id.in_subquery(newest))
            .filter(items::Column::Verdict.eq(verdict));
        Ok(wrong.count(&self.reader).await?)
    }
}
