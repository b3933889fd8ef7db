//! Where a device keeps what must survive: named records, written many at once or not at all.

mod memory;
mod sqlite;
mod vault;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub(crate) use vault::Vault;

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is this from now on.
    Put(String, Vec<u8>),
    /// It is gone.
    Delete(String),
}

/// Why records could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has it open: two with the same keys would break each other's sessions.
    #[error("another process uses these keys")]
    InUse,
    /// It is no store, or damaged.
    #[error("the store of keys is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It cannot be read or written.
    #[error("the store of keys cannot be used")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps records. What [`commit`](Store::commit) has returned for survives the end of the process
/// and of the machine; of a commit that failed, nothing is kept.
pub trait Store: Send {
    /// Every record, in the order of names.
    fn load(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Makes all of these changes, or none. Of two changes of one record the later holds.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}
