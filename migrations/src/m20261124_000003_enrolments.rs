//! Who may join, what the registry signed, and who did what.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Enrolments {
    Table,
    Name,
    Number,
    State,
    Pending,
    Role,
    Labels,
    Password,
    ProofKey,
    CreatedBy,
    CreatedMs,
    ExpiresMs,
    ChangedMs,
    Member,
    Why,
}

#[derive(DeriveIden)]
enum Registry {
    Table,
    Id,
    Registrar,
    Head,
    Members,
    ReceivedMs,
}

#[derive(DeriveIden)]
enum Audit {
    Table,
    Id,
    AtMs,
    Who,
    Deed,
    Subject,
    Detail,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [enrolments(), registry(), audit()] {
            manager.create_table(table).await?;
        }
        let by_number = Index::create()
            .name("enrolments_by_number")
            .table(Enrolments::Table)
            .col(Enrolments::Number)
            .unique()
            .to_owned();
        manager.create_index(by_number).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Audit::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Registry::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Enrolments::Table).to_owned()).await
    }
}

/// `number` is the place of what is wanted of the registrar, and grows with each wish; `pending`
/// says that it is not done. `password` and `proof_key` are made of the token's secret, which is
/// nowhere, and are dropped once they have served.
fn enrolments() -> TableCreateStatement {
    Table::create()
        .table(Enrolments::Table)
        .col(schema::string(Enrolments::Name).primary_key())
        .col(schema::big_integer(Enrolments::Number))
        .col(schema::string_len(Enrolments::State, 16))
        .col(schema::boolean(Enrolments::Pending))
        .col(schema::string(Enrolments::Role))
        .col(schema::text(Enrolments::Labels))
        .col(schema::string_null(Enrolments::Password))
        .col(schema::string_null(Enrolments::ProofKey))
        .col(schema::string(Enrolments::CreatedBy))
        .col(schema::big_integer(Enrolments::CreatedMs))
        .col(schema::big_integer(Enrolments::ExpiresMs))
        .col(schema::big_integer(Enrolments::ChangedMs))
        .col(schema::text_null(Enrolments::Member))
        .col(schema::text_null(Enrolments::Why))
        .to_owned()
}

/// One row: what the registrar showed last.
fn registry() -> TableCreateStatement {
    Table::create()
        .table(Registry::Table)
        .col(schema::integer(Registry::Id).primary_key())
        .col(schema::text(Registry::Registrar))
        .col(schema::text(Registry::Head))
        .col(schema::text(Registry::Members))
        .col(schema::big_integer(Registry::ReceivedMs))
        .to_owned()
}

/// Written in the transaction of the deed.
fn audit() -> TableCreateStatement {
    Table::create()
        .table(Audit::Table)
        .col(schema::big_integer(Audit::Id).primary_key())
        .col(schema::big_integer(Audit::AtMs))
        .col(schema::string(Audit::Who))
        .col(schema::string(Audit::Deed))
        .col(schema::string(Audit::Subject))
        .col(schema::text_null(Audit::Detail))
        .to_owned()
}
