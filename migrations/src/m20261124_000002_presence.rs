//! Why somebody came or went, who flaps, how busy everybody is, and what nobody wanted.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Presence {
    Table,
    Why,
    Flapping,
}

#[derive(DeriveIden)]
enum Agents {
    Table,
    Why,
    Flapping,
    Load,
    Runs,
    Unwanted,
    Violations,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [schema::text_null(Presence::Why), flag(Presence::Flapping)] {
            add(manager, Presence::Table, column).await?;
        }
        let columns = [
            schema::text_null(Agents::Why),
            flag(Agents::Flapping),
            schema::integer(Agents::Load).default(0).to_owned(),
            schema::text(Agents::Runs).default("[]").to_owned(),
            schema::big_integer(Agents::Unwanted).default(0).to_owned(),
            schema::text(Agents::Violations).default("[]").to_owned(),
        ];
        for column in columns {
            add(manager, Agents::Table, column).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [Presence::Why, Presence::Flapping] {
            remove(manager, Presence::Table, column).await?;
        }
        let columns = [
            Agents::Why,
            Agents::Flapping,
            Agents::Load,
            Agents::Runs,
            Agents::Unwanted,
            Agents::Violations,
        ];
        for column in columns {
            remove(manager, Agents::Table, column).await?;
        }
        Ok(())
    }
}

fn flag(column: impl IntoIden) -> ColumnDef {
    schema::boolean(column).default(false).to_owned()
}

/// One column a statement: SQLite takes no more.
async fn add(
    manager: &SchemaManager<'_>,
    table: impl IntoIden,
    mut column: ColumnDef,
) -> Result<(), DbErr> {
    let statement = Table::alter().table(table.into_iden()).add_column(&mut column).to_owned();
    manager.alter_table(statement).await
}

async fn remove(
    manager: &SchemaManager<'_>,
    table: impl IntoIden,
    column: impl IntoIden,
) -> Result<(), DbErr> {
    let statement =
        Table::alter().table(table.into_iden()).drop_column(column.into_iden()).to_owned();
    manager.alter_table(statement).await
}
