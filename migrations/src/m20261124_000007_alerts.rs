//! Alerts, and the items that told of them.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Alerts {
    Table,
    Number,
    Source,
    Alert,
    Host,
    Family,
    Severity,
    State,
    Score,
    OpenedMs,
    LastMs,
    Detectors,
    Techniques,
    Evidence,
    Flows,
    Item,
    ChangedNs,
    Changes,
    MovedBy,
    MovedMs,
    Note,
    Verdict,
    JudgedBy,
    JudgedMs,
    JudgedNote,
}

#[derive(DeriveIden)]
enum AlertChanges {
    Table,
    Item,
    Number,
    AtNs,
    Change,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// An alert is that of its source by its own name; `item` is the item of its newest change, and
    /// `changed_ns` when that was, in nanoseconds since 1970. What a person said of it stands in
    /// `moved_…` and in `verdict` and `judged_…`.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Alerts::Table)
            .col(schema::big_integer(Alerts::Number).primary_key())
            .col(schema::text(Alerts::Source))
            .col(schema::text(Alerts::Alert))
            .col(schema::string_len(Alerts::Host, 64))
            .col(schema::string_len(Alerts::Family, 64))
            .col(schema::string_len(Alerts::Severity, 16))
            .col(schema::string_len(Alerts::State, 16))
            .col(schema::double(Alerts::Score))
            .col(schema::big_integer(Alerts::OpenedMs))
            .col(schema::big_integer(Alerts::LastMs))
            .col(schema::text(Alerts::Detectors))
            .col(schema::text(Alerts::Techniques))
            .col(schema::big_integer(Alerts::Evidence))
            .col(schema::big_integer(Alerts::Flows))
            .col(schema::string_len(Alerts::Item, 36))
            .col(schema::big_integer(Alerts::ChangedNs))
            .col(schema::big_integer(Alerts::Changes))
            .col(schema::text_null(Alerts::MovedBy))
            .col(schema::big_integer_null(Alerts::MovedMs))
            .col(schema::text_null(Alerts::Note))
            .col(schema::string_len_null(Alerts::Verdict, 16))
            .col(schema::text_null(Alerts::JudgedBy))
            .col(schema::big_integer_null(Alerts::JudgedMs))
            .col(schema::text_null(Alerts::JudgedNote))
            .to_owned();
        manager.create_table(table).await?;
        let changes = Table::create()
            .table(AlertChanges::Table)
            .col(schema::string_len(AlertChanges::Item, 36).primary_key())
            .col(schema::big_integer(AlertChanges::Number))
            .col(schema::big_integer(AlertChanges::AtNs))
            .col(schema::string_len(AlertChanges::Change, 16))
            .to_owned();
        manager.create_table(changes).await?;
        let by_name = Index::create()
            .name("alerts_by_name")
            .table(Alerts::Table)
            .col(Alerts::Alert)
            .col(Alerts::Source)
            .unique()
            .to_owned();
        manager.create_index(by_name).await?;
        let by_time = Index::create()
            .name("alerts_by_time")
            .table(Alerts::Table)
            .col(Alerts::OpenedMs)
            .col(Alerts::Number)
            .to_owned();
        manager.create_index(by_time).await?;
        let by_alert = Index::create()
            .name("alert_changes_by_alert")
            .table(AlertChanges::Table)
            .col(AlertChanges::Number)
            .col(AlertChanges::AtNs)
            .to_owned();
        manager.create_index(by_alert).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AlertChanges::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Alerts::Table).to_owned()).await
    }
}
