//! The first shape: items and their proofs, agents and their presence, events, tokens.

use sea_orm_migration::{prelude::*, schema};

/// The step itself.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Batches {
    Table,
    Id,
    Authority,
    Trust,
    Root,
    Token,
    GenTimeMs,
    Size,
    Leaves,
    ReceivedMs,
}

#[derive(DeriveIden)]
enum Items {
    Table,
    Id,
    Uuid,
    Canonical,
    Sha256,
    RawSha256,
    Ts,
    Kind,
    Source,
    Format,
    Verdict,
    Summary,
    ReceivedMs,
    BatchId,
    LeafIndex,
}

#[derive(DeriveIden)]
enum Agents {
    Table,
    Jid,
    Role,
    Duties,
    Labels,
    Version,
    Show,
    Status,
    Priority,
    SinceMs,
    LastReportMs,
    Backlog,
}

#[derive(DeriveIden)]
enum Behaviours {
    Table,
    Jid,
    Position,
    Name,
    Report,
    Diagram,
}

#[derive(DeriveIden)]
enum Presence {
    Table,
    Id,
    Jid,
    Show,
    Status,
    Priority,
    SinceMs,
    ReceivedMs,
}

#[derive(DeriveIden)]
enum Events {
    Table,
    Id,
    Topic,
    Data,
}

#[derive(DeriveIden)]
enum Tokens {
    Table,
    Name,
    Role,
    Sha256,
    CreatedMs,
}

#[expect(elided_lifetimes_in_paths, reason = "the trait was written without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [batches(), items(), agents(), behaviours(), presence(), events(), tokens()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Tokens::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Events::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Presence::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Behaviours::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Agents::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Items::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Batches::Table).to_owned()).await
    }
}

/// A batch is stamped as a whole. `leaves` is the tree's leaves, 32 bytes each: inclusion paths are
/// computed from them, since they would take twenty times the room.
fn batches() -> TableCreateStatement {
    Table::create()
        .table(Batches::Table)
        .col(schema::string_len(Batches::Id, 36).primary_key())
        .col(schema::string(Batches::Authority))
        .col(schema::string(Batches::Trust))
        .col(schema::blob(Batches::Root))
        .col(schema::blob(Batches::Token))
        .col(schema::big_integer(Batches::GenTimeMs))
        .col(schema::integer(Batches::Size))
        .col(schema::blob(Batches::Leaves))
        .col(schema::big_integer(Batches::ReceivedMs))
        .to_owned()
}

/// `canonical` is what is stamped; the other columns are taken from it, to be searched.
fn items() -> TableCreateStatement {
    Table::create()
        .table(Items::Table)
        .col(schema::big_integer(Items::Id).primary_key())
        .col(schema::string_len(Items::Uuid, 36).unique_key())
        .col(schema::blob(Items::Canonical))
        .col(schema::blob(Items::Sha256))
        .col(schema::blob(Items::RawSha256))
        .col(schema::big_integer(Items::Ts))
        .col(schema::string(Items::Kind))
        .col(schema::string_null(Items::Source))
        .col(schema::string(Items::Format))
        .col(schema::string_null(Items::Verdict))
        .col(schema::string(Items::Summary))
        .col(schema::big_integer(Items::ReceivedMs))
        .col(schema::string_len_null(Items::BatchId, 36))
        .col(schema::integer_null(Items::LeafIndex))
        .foreign_key(
            ForeignKey::create().from(Items::Table, Items::BatchId).to(Batches::Table, Batches::Id),
        )
        .to_owned()
}

/// Who was ever seen, as of now.
fn agents() -> TableCreateStatement {
    Table::create()
        .table(Agents::Table)
        .col(schema::string(Agents::Jid).primary_key())
        .col(schema::string(Agents::Role))
        .col(schema::text(Agents::Duties))
        .col(schema::text(Agents::Labels))
        .col(schema::string(Agents::Version))
        .col(schema::string(Agents::Show))
        .col(schema::text_null(Agents::Status))
        .col(schema::integer(Agents::Priority))
        .col(schema::big_integer(Agents::SinceMs))
        .col(schema::big_integer_null(Agents::LastReportMs))
        .col(schema::big_integer(Agents::Backlog))
        .to_owned()
}

/// The behaviours of the last report; the diagram apart, since most reports leave it out.
fn behaviours() -> TableCreateStatement {
    Table::create()
        .table(Behaviours::Table)
        .col(schema::string(Behaviours::Jid))
        .col(schema::string(Behaviours::Name))
        .col(schema::integer(Behaviours::Position))
        .col(schema::text(Behaviours::Report))
        .col(schema::text_null(Behaviours::Diagram))
        .primary_key(Index::create().col(Behaviours::Jid).col(Behaviours::Name))
        .foreign_key(
            ForeignKey::create()
                .from(Behaviours::Table, Behaviours::Jid)
                .to(Agents::Table, Agents::Jid)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Who was there when.
fn presence() -> TableCreateStatement {
    Table::create()
        .table(Presence::Table)
        .col(schema::big_integer(Presence::Id).primary_key())
        .col(schema::string(Presence::Jid))
        .col(schema::string(Presence::Show))
        .col(schema::text_null(Presence::Status))
        .col(schema::integer(Presence::Priority))
        .col(schema::big_integer(Presence::SinceMs))
        .col(schema::big_integer(Presence::ReceivedMs))
        .foreign_key(
            ForeignKey::create()
                .from(Presence::Table, Presence::Jid)
                .to(Agents::Table, Agents::Jid)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// What happened, for readers who were away; the oldest are thrown away.
fn events() -> TableCreateStatement {
    Table::create()
        .table(Events::Table)
        .col(schema::big_integer(Events::Id).primary_key())
        .col(schema::string_len(Events::Topic, 16))
        .col(schema::text(Events::Data))
        .to_owned()
}

/// Who may do what. A token itself is nowhere, only its digest.
fn tokens() -> TableCreateStatement {
    Table::create()
        .table(Tokens::Table)
        .col(schema::string(Tokens::Name).primary_key())
        .col(schema::string_len(Tokens::Role, 16))
        .col(schema::blob(Tokens::Sha256))
        .col(schema::big_integer(Tokens::CreatedMs))
        .to_owned()
}

/// One for each way in which lists are filtered and ordered.
fn indexes() -> Vec<IndexCreateStatement> {
    let items = |name: &str| Index::create().name(name).table(Items::Table).to_owned();
    vec![
        items("items_by_ts").col(Items::Ts).col(Items::Id).to_owned(),
        items("items_by_kind").col(Items::Kind).col(Items::Ts).to_owned(),
        items("items_by_source").col(Items::Source).col(Items::Ts).to_owned(),
        items("items_by_verdict").col(Items::Verdict).to_owned(),
        items("items_by_raw").col(Items::RawSha256).to_owned(),
        items("items_by_received").col(Items::ReceivedMs).to_owned(),
        items("items_by_batch").col(Items::BatchId).to_owned(),
        Index::create()
            .name("batches_by_time")
            .table(Batches::Table)
            .col(Batches::GenTimeMs)
            .to_owned(),
        Index::create()
            .name("presence_by_jid")
            .table(Presence::Table)
            .col(Presence::Jid)
            .col(Presence::SinceMs)
            .to_owned(),
        Index::create().name("agents_by_role").table(Agents::Table).col(Agents::Role).to_owned(),
        Index::create()
            .name("tokens_by_digest")
            .table(Tokens::Table)
            .col(Tokens::Sha256)
            .unique()
            .to_owned(),
    ]
}
