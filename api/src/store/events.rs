//! Events that are kept for readers who were away.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{Store, StoreError, tables::events};
use crate::events::{Event, Scandale, Topic};

/// How many are kept.
const KEPT: i64 = 10_000;
/// Rows in one statement.
const ROWS: usize = 500;

/// Writes those that have a number, and throws away the oldest.
pub(super) async fn keep(db: &impl ConnectionTrait, told: &[Event]) -> Result<(), DbErr> {
    let kept: Vec<_> = told
        .iter()
        .filter_map(|event| {
            event.id.map(|id| events::ActiveModel {
                id: Set(id),
                topic: Set(event.topic.name().to_owned()),
                data: Set(event.data.to_string()),
            })
        })
        .collect();
    let Some(newest) = told.iter().filter_map(|event| event.id).max() else {
        return Ok(());
    };
    for rows in kept.chunks(ROWS) {
        events::Entity::insert_many(rows.to_vec()).exec_without_returning(db).await?;
    }
    events::Entity::delete_many().filter(events::Column::Id.lte(newest - KEPT)).exec(db).await?;
    Ok(())
}

impl Store {
    /// Events of some topics after a number, oldest first.
    pub(crate) async fn events_after(
        &self,
        after: i64,
        topics: &[Topic],
        limit: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = events::Entity::find()
            .filter(events::Column::Id.gt(after))
            .filter(events::Column::Topic.is_in(topics.iter().map(|topic| topic.name())))
            .order_by_asc(events::Column::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        let told = rows.into_iter().filter_map(|row| {
            Some(Event {
                id: Some(row.id),
                topic: Topic::named(&row.topic)?,
                data: row.data.into(),
                scandale: Scandale::Same,
            })
        });
        Ok(told.collect())
    }

    /// The number of the oldest event that is kept.
    pub(crate) async fn oldest_event(&self) -> Result<Option<i64>, StoreError> {
        let oldest = events::Entity::find().order_by_asc(events::Column::Id).one(&self.reader);
        Ok(oldest.await?.map(|row| row.id))
    }
}
