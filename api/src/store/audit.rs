//! The audit: what was done, by whom, written in the transaction of the deed.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::Serialize;

use super::{Store, StoreError, tables::audit, writer::Ledger};
use crate::events::{Scandale, Topic};

/// Who did what the API does by itself.
pub(super) const API: &str = "api";
/// A log goes on behind, or before, where it ended.
pub(super) const LOG_GAP: &str = "log-gap";
/// See [`LOG_GAP`].
pub(super) const LOG_FORK: &str = "log-fork";

/// One deed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AuditRow {
    pub(crate) id: i64,
    pub(crate) at_ms: i64,
    /// The name of the token.
    pub(crate) who: String,
    pub(crate) deed: String,
    /// To what, or to whom.
    pub(crate) subject: String,
    pub(crate) detail: Option<String>,
}

impl From<audit::Model> for AuditRow {
    fn from(row: audit::Model) -> Self {
        let audit::Model { id, at_ms, who, deed, subject, detail } = row;
        Self { id, at_ms, who, deed, subject, detail }
    }
}

/// Notes a deed.
pub(super) async fn note(
    ledger: &mut Ledger<'_>,
    who: &str,
    deed: &str,
    subject: &str,
    detail: Option<String>,
) -> Result<(), DbErr> {
    let newest = audit::Entity::find().order_by_desc(audit::Column::Id).one(ledger.tx()).await?;
    let row = audit::Model {
        id: newest.map_or(0, |it| it.id) + 1,
        at_ms: ledger.now_ms,
        who: who.to_owned(),
        deed: deed.to_owned(),
        subject: subject.to_owned(),
        detail,
    };
    let active = audit::ActiveModel {
        id: Set(row.id),
        at_ms: Set(row.at_ms),
        who: Set(row.who.clone()),
        deed: Set(row.deed.clone()),
        subject: Set(row.subject.clone()),
        detail: Set(row.detail.clone()),
    };
    audit::Entity::insert(active).exec_without_returning(ledger.tx()).await?;
    ledger.tell(Topic::Audit, &AuditRow::from(row), Scandale::Same)
}

impl Store {
    /// How often it was told of each log that it does not go on where it ended.
    pub(crate) async fn jumps(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        use audit::Column as C;
        let rows: Vec<(String, i64)> = audit::Entity::find()
            .select_only()
            .column(C::Subject)
            .column_as(C::Id.count(), "jumps")
            .filter(C::Who.eq(API))
            .filter(C::Deed.is_in([LOG_GAP, LOG_FORK]))
            .group_by(C::Subject)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let count = |(log, jumps): (String, i64)| (log, u64::try_from(jumps).unwrap_or(0));
        Ok(rows.into_iter().map(count).collect())
    }

    /// Deeds, the newest first, before that with this number; and how many there are in all.
    pub(crate) async fn audit(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<(Vec<AuditRow>, u64), StoreError> {
        let before = before.map(|id| audit::Column::Id.lt(id));
        let rows = audit::Entity::find()
            .filter(Condition::all().add_option(before))
            .order_by_desc(audit::Column::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        let total = audit::Entity::find().count(&self.reader).await?;
        Ok((rows.into_iter().map(AuditRow::from).collect(), total))
    }
}
