//! The chain of each agent's items, the log that batches continue, and further tokens of a batch.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Items {
    Table,
    Source,
    Seq,
    Prev,
    After,
    SignedBy,
}

#[derive(DeriveIden)]
enum Batches {
    Table,
    Uuids,
    Also,
    Log,
    First,
    Peaks,
    Checkpoint,
    CheckpointSha256,
}

const ITEMS_BY_SEQ: &str = "items_by_seq";
const BATCHES_BY_LOG: &str = "batches_by_log";
const BATCHES_BY_CHECKPOINT: &str = "batches_by_checkpoint";

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `seq`, `prev`, `after` and `signed_by` are what the record says, as far as it says it.
    /// `uuids` are those of a batch's items, 16 bytes each, so that one that is gone has a name;
    /// `first` and `peaks` are what the log was before the batch.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            schema::big_integer_null(Items::Seq),
            schema::binary_null(Items::Prev),
            schema::binary_null(Items::After),
            schema::binary_null(Items::SignedBy),
        ];
        for column in columns {
            add(manager, Items::Table, column).await?;
        }
        let columns = [
            schema::blob_null(Batches::Uuids),
            schema::text_null(Batches::Also),
            schema::string_null(Batches::Log),
            schema::big_integer_null(Batches::First),
            schema::blob_null(Batches::Peaks),
            schema::text_null(Batches::Checkpoint),
            schema::binary_null(Batches::CheckpointSha256),
        ];
        for column in columns {
            add(manager, Batches::Table, column).await?;
        }
        let by_seq = Index::create()
            .name(ITEMS_BY_SEQ)
            .table(Items::Table)
            .col(Items::Source)
            .col(Items::Seq)
            .to_owned();
        manager.create_index(by_seq).await?;
        let by_log = Index::create()
            .name(BATCHES_BY_LOG)
            .table(Batches::Table)
            .col(Batches::Log)
            .col(Batches::First)
            .to_owned();
        manager.create_index(by_log).await?;
        let by_checkpoint = Index::create()
            .name(BATCHES_BY_CHECKPOINT)
            .table(Batches::Table)
            .col(Batches::CheckpointSha256)
            .to_owned();
        manager.create_index(by_checkpoint).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_seq = Index::drop().name(ITEMS_BY_SEQ).table(Items::Table).to_owned();
        manager.drop_index(by_seq).await?;
        for name in [BATCHES_BY_LOG, BATCHES_BY_CHECKPOINT] {
            let index = Index::drop().name(name).table(Batches::Table).to_owned();
            manager.drop_index(index).await?;
        }
        for column in [Items::Seq, Items::Prev, Items::After, Items::SignedBy] {
            remove(manager, Items::Table, column).await?;
        }
        for column in [
            Batches::Uuids,
            Batches::Also,
            Batches::Log,
            Batches::First,
            Batches::Peaks,
            Batches::Checkpoint,
            Batches::CheckpointSha256,
        ] {
            remove(manager, Batches::Table, column).await?;
        }
        Ok(())
    }
}

/// SQLite takes one column a time.
async fn add(
    manager: &SchemaManager<'_>,
    table: impl Iden + 'static,
    column: ColumnDef,
) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}

async fn remove(
    manager: &SchemaManager<'_>,
    table: impl Iden + 'static,
    column: impl Iden + 'static,
) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await
}
