//! What must survive a restart: queues and notes, kept before anything is promised.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

/// Why something could not be kept or read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The queue is as long as it may be.
    #[error("queue `{queue}` is full: it holds {limit} entries")]
    Full {
        /// Which queue.
        queue: String,
        /// How many it may hold.
        limit: u64,
    },
    /// The medium failed.
    #[error("cannot keep the agent's state")]
    Medium(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// One change of a [`Store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts an entry at the end of a queue; if the queue holds `key` already, nothing changes.
    Push {
        /// Which queue.
        queue: &'static str,
        /// The identity of the entry.
        key: String,
        /// What is kept.
        value: Bytes,
    },
    /// Takes an entry out of a queue by its number.
    Drop {
        /// Which queue.
        queue: &'static str,
        /// Which entry.
        number: u64,
    },
    /// Takes an entry out of a queue by its key; if the queue does not hold it, nothing changes.
    Remove {
        /// Which queue.
        queue: &'static str,
        /// Which entry.
        key: String,
    },
    /// Writes a note.
    Put {
        /// Its name.
        key: String,
        /// What it says.
        value: Bytes,
    },
}

/// An entry of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its place; later entries have higher numbers.
    pub number: u64,
    /// Its identity.
    pub key: String,
    /// What is kept.
    pub value: Bytes,
}

/// An answer that comes later.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One agent's durable state.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Makes all changes or none, in order; they last once this is answered.
    fn commit(&self, changes: Vec<Change>) -> StoreFuture<'_, ()>;

    /// The entries of a queue after `after`, oldest first: at most `limit`, and no more after
    /// `bytes` bytes of them.
    fn read(
        &self,
        queue: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Kept>, StoreError>;

    /// How many entries a queue holds.
    fn count(&self, queue: &str) -> Result<u64, StoreError>;

    /// Whether a queue holds an entry with this key.
    fn has(&self, queue: &str, key: &str) -> Result<bool, StoreError>;

    /// What a note says.
    fn note(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Wakes after every commit.
    fn watch(&self) -> watch::Receiver<u64>;
}

/// A store that lasts as long as its process, for tests and agents without a disk.
#[derive(Debug)]
pub struct MemoryStore {
    limit: u64,
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    queues: HashMap<String, BTreeMap<u64, (String, Bytes)>>,
    keys: HashSet<(String, String)>,
    notes: HashMap<String, Bytes>,
}

impl MemoryStore {
    /// An empty store whose queues hold at most `limit` entries each.
    pub fn new(limit: u64) -> Self {
        Self { limit, inner: Mutex::default(), version: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.check(&changes, self.limit)?;
        for change in changes {
            inner.make(change);
        }
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(1_000_000)
    }
}

impl Inner {
    fn len(&self, queue: &str) -> u64 {
        let len = self.queues.get(queue).map_or(0, BTreeMap::len);
        u64::try_from(len).unwrap_or(u64::MAX)
    }

    fn check(&self, changes: &[Change], limit: u64) -> Result<(), StoreError> {
        let mut lengths = HashMap::new();
        for change in changes {
            if let Change::Push { queue, .. } = change {
                let length = lengths.entry(*queue).or_insert_with(|| self.len(queue));
                *length += 1;
                if *length > limit {
                    return Err(StoreError::Full { queue: (*queue).to_owned(), limit });
                }
            }
        }
        Ok(())
    }

    fn make(&mut self, change: Change) {
        match change {
            Change::Push { queue, key, value } => {
                if self.keys.insert((queue.to_owned(), key.clone())) {
                    self.last += 1;
                    let entries = self.queues.entry(queue.to_owned()).or_default();
                    entries.insert(self.last, (key, value));
                }
            }
            Change::Drop { queue, number } => {
                let entries = self.queues.entry(queue.to_owned()).or_default();
                if let Some((key, _)) = entries.remove(&number) {
                    self.keys.remove(&(queue.to_owned(), key));
                }
            }
            Change::Remove { queue, key } => {
                if self.keys.remove(&(queue.to_owned(), key.clone())) {
                    let entries = self.queues.entry(queue.to_owned()).or_default();
                    entries.retain(|_, (it, _)| *it != key);
                }
            }
            Change::Put { key, value } => {
                self.notes.insert(key, value);
            }
        }
    }
}

impl Store for MemoryStore {
    fn commit(&self, changes: Vec<Change>) -> StoreFuture<'_, ()> {
        let result = self.apply(changes);
        self.version.send_modify(|it| *it += 1);
        Box::pin(std::future::ready(result))
    }

    fn read(
        &self,
        queue: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        let inner = self.lock();
        let mut size = 0;
        let entries = inner.queues.get(queue).into_iter().flat_map(|it| it.range(after + 1..));
        let kept = entries.take(limit).take_while(|(_, (_, value))| {
            let fits = size < bytes;
            size += value.len();
            fits
        });
        Ok(kept
            .map(|(number, (key, value))| Kept {
                number: *number,
                key: key.clone(),
                value: value.clone(),
            })
            .collect())
    }

    fn count(&self, queue: &str) -> Result<u64, StoreError> {
        Ok(self.lock().len(queue))
    }

    fn has(&self, queue: &str, key: &str) -> Result<bool, StoreError> {
        Ok(self.lock().keys.contains(&(queue.to_owned(), key.to_owned())))
    }

    fn note(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.lock().notes.get(key).cloned())
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
