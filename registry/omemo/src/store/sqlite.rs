//! Records in an SQLite file, which one process has open at a time.

use std::{fmt, path::Path};

use rusqlite::{Connection, ErrorCode, params};

use super::{Change, Store, StoreError};

/// Records in an SQLite file.
///
/// Written ahead and flushed at every commit, since a session that goes back in time would seal
/// two messages with one key.
pub struct SqliteStore {
    connection: Connection,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, or makes it, for this process alone.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(error)?;
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA secure_delete = ON;
                 PRAGMA cache_size = -256;
                 BEGIN EXCLUSIVE;
                 CREATE TABLE IF NOT EXISTS record (
                     name TEXT PRIMARY KEY,
                     value BLOB NOT NULL
                 ) WITHOUT ROWID;
                 COMMIT;",
            )
            .map_err(error)?;
        Ok(Self { connection })
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut select = self
            .connection
            .prepare("SELECT name, value FROM record ORDER BY name")
            .map_err(error)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
        rows.collect::<Result<_, _>>().map_err(error)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction().map_err(error)?;
        {
            let mut put = transaction
                .prepare_cached(
                    "INSERT INTO record (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = ?2",
                )
                .map_err(error)?;
            let mut delete =
                transaction.prepare_cached("DELETE FROM record WHERE name = ?1").map_err(error)?;
            for change in changes {
                match change {
                    Change::Put(name, value) => put.execute(params![name, value]),
                    Change::Delete(name) => delete.execute(params![name]),
                }
                .map_err(error)?;
            }
        }
        transaction.commit().map_err(error)
    }
}

fn error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(error.into())
        }
        _ => StoreError::Failed(error.into()),
    }
}
