//! Where everything is kept. The one place that speaks SQL.
//!
//! Writing goes through one task ([`writer`]) which answers once a deed is on disk; reading goes past
//! it, on connections of its own.

mod agents;
mod alerts;
mod audit;
mod counts;
mod enrolments;
mod events;
mod gaps;
mod ids;
mod items;
mod logs;
mod operators;
mod presence;
mod proofs;
mod renewals;
mod tables;
mod tokens;
mod whole;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use migrations::Migrator;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use tokio_util::task::TaskTracker;

pub(crate) use agents::{AgentRow, AgentsQuery, StoreReport};
pub(crate) use alerts::{
    AlertRow, AlertsQuery, ChangeRow, HandleAlert, Judgement, Refusal as AlertRefusal, StoredAlert,
};
pub(crate) use counts::Counts;
pub(crate) use enrolments::{
    EnrolmentRow, ExpireEnrolments, KeepList, NoteNews, OpenEnrolment, RevokeEnrolment,
};
pub(crate) use items::{Fate, ItemRow, ItemsQuery, StoreItems, StoredItem};
pub(crate) use operators::{Distrust, DistrustDevices, OperatorRow, TooMany, TrustDevices};
pub(crate) use presence::StorePresence;
pub(crate) use proofs::{Batch, LogPart, Placed, StoreProof};
pub(crate) use renewals::{KeepRenewals, Renewal};
pub(crate) use tokens::Credential;
pub(crate) use whole::{NoteFaults, Whole};

use self::{
    ids::Ids,
    writer::{Deed, Writer},
};
use crate::events::Hub;

/// Connections for readers.
const READERS: u32 = 4;
/// How long a statement waits for a lock of another process.
const LOCK: Duration = Duration::from_secs(5);
/// How long a reader waits for a free connection.
const WAIT: Duration = Duration::from_secs(10);
/// Numbers in one `IN (…)`, and rows in one `INSERT`.
const CHUNK: usize = 500;

/// Why something could not be read or written. None of these is the fault of who asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The queue of the writer stayed full.
    #[error("too much is waiting to be written")]
    Busy,
    /// The store is being closed.
    #[error("the store is closed")]
    Stopped,
    /// The database refused.
    #[error("the database failed")]
    Database(#[source] Arc<DbErr>),
}

impl From<DbErr> for StoreError {
    fn from(cause: DbErr) -> Self {
        Self::Database(Arc::new(cause))
    }
}

/// The database: one connection that writes, some that read.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    reader: DatabaseConnection,
    writer: Writer,
}

impl Store {
    /// Opens the file, makes it when it is absent, and brings it up to date.
    pub(crate) async fn open(file: &Path, tasks: &TaskTracker) -> Result<(Self, Hub), DbErr> {
        let db = connect(file, 1).await?;
        Migrator::up(&db, None).await?;
        let ids = Ids::read(&db).await?;
        let hub = Hub::new(ids.newest_event());
        let reader = connect(file, READERS).await?;
        let writer = Writer::start(db, reader.clone(), ids, hub.clone(), tasks);
        Ok((Self { reader, writer }, hub))
    }

    /// Does it, and answers once it is on disk.
    pub(crate) async fn perform<D: Deed>(&self, deed: D) -> Result<D::Done, StoreError> {
        self.writer.perform(deed).await
    }

    /// Whether the database answers.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        self.reader.execute_unprepared("SELECT 1").await?;
        Ok(())
    }
}

async fn connect(file: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://");
    let file = file.to_owned();
    options
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&file)
                .create_if_missing(true)
                .busy_timeout(LOCK)
                .foreign_keys(true)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        });
    Database::connect(options).await
}

#[cfg(test)]
mod tests {
    use super::{ConnectionTrait, connect};
    use sea_orm::{DbBackend, Statement};

    #[tokio::test]
    async fn what_is_committed_is_synced_to_disk() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = connect(&folder.path().join("v.db"), 1).await.unwrap();
        let pragma = async |name: &str| {
            let query = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
            db.query_one_raw(query).await.unwrap().unwrap()
        };
        let journal: String = pragma("journal_mode").await.try_get_by(0).unwrap();
        let synchronous: i32 = pragma("synchronous").await.try_get_by(0).unwrap();
        let foreign_keys: i32 = pragma("foreign_keys").await.try_get_by(0).unwrap();
        let busy_timeout: i32 = pragma("busy_timeout").await.try_get_by(0).unwrap();
        // 2 is FULL: the log is synced before a commit is done.
        assert_eq!((journal.as_str(), synchronous), ("wal", 2));
        assert_eq!((foreign_keys, busy_timeout), (1, 5000));
    }
}
