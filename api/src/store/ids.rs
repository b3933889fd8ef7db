//! Numbers of new rows. There is one writer, so it counts by itself and knows them before it writes.

use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QuerySelect};

use super::tables::{alerts, events, items, presence};

/// The highest numbers that are taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids {
    item: i64,
    presence: i64,
    event: i64,
    alert: i64,
}

impl Ids {
    pub(super) async fn read(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let item = items::Entity::find()
            .select_only()
            .column_as(sea_orm::ColumnTrait::max(&items::Column::Id), "highest");
        let presence = presence::Entity::find()
            .select_only()
            .column_as(sea_orm::ColumnTrait::max(&presence::Column::Id), "highest");
        let event = events::Entity::find()
            .select_only()
            .column_as(sea_orm::ColumnTrait::max(&events::Column::Id), "highest");
        let alert = alerts::Entity::find()
            .select_only()
            .column_as(sea_orm::ColumnTrait::max(&alerts::Column::Number), "highest");
        Ok(Self {
            item: item.into_tuple::<Option<i64>>().one(db).await?.flatten().unwrap_or(0),
            presence: presence.into_tuple::<Option<i64>>().one(db).await?.flatten().unwrap_or(0),
            event: event.into_tuple::<Option<i64>>().one(db).await?.flatten().unwrap_or(0),
            alert: alert.into_tuple::<Option<i64>>().one(db).await?.flatten().unwrap_or(0),
        })
    }

    pub(super) fn item(&mut self) -> i64 {
        self.item += 1;
        self.item
    }

    pub(super) fn presence(&mut self) -> i64 {
        self.presence += 1;
        self.presence
    }

    pub(super) fn event(&mut self) -> i64 {
        self.event += 1;
        self.event
    }

    pub(super) fn alert(&mut self) -> i64 {
        self.alert += 1;
        self.alert
    }

    /// The newest event.
    pub(super) fn newest_event(&self) -> i64 {
        self.event
    }
}
