//! How an agent is spoken to.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Agents {
    Table,
    Policy,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = schema::string_null(Agents::Policy);
        let table = Table::alter().table(Agents::Table).add_column(column).to_owned();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table(Agents::Table).drop_column(Agents::Policy).to_owned();
        manager.alter_table(table).await
    }
}
