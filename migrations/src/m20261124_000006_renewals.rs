//! Renewals of the evidence of batches.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Renewals {
    Table,
    Id,
    BatchId,
    Position,
    Kind,
    Path,
    Leaves,
    Token,
    GenTimeMs,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `position` counts from 1; `kind` is `stamp`, or the hash function of a new tree; `path` leads
    /// from the batch's value to what the token is for; `leaves` are the values of the batch's
    /// items in a new tree.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Renewals::Table)
            .col(schema::string(Renewals::Id).primary_key())
            .col(schema::string(Renewals::BatchId))
            .col(schema::integer(Renewals::Position))
            .col(schema::string_len(Renewals::Kind, 16))
            .col(schema::blob(Renewals::Path))
            .col(schema::blob_null(Renewals::Leaves))
            .col(schema::blob(Renewals::Token))
            .col(schema::big_integer(Renewals::GenTimeMs))
            .to_owned();
        manager.create_table(table).await?;
        let by_batch = Index::create()
            .name("renewals_by_batch")
            .table(Renewals::Table)
            .col(Renewals::BatchId)
            .col(Renewals::Position)
            .unique()
            .to_owned();
        manager.create_index(by_batch).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Renewals::Table).to_owned()).await
    }
}
