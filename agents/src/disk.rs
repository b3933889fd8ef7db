//! The state of agents on disk: one file for all agents of a process, written in groups.

use std::{
    collections::HashMap,
    error::Error,
    fs, io,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use runtime::{Change, Kept, Store, StoreError, StoreFuture};
use tokio::sync::{mpsc, oneshot, watch};

/// Entries of one queue, at most.
const LIMIT: u64 = 1_000_000;
/// Commits that may wait for the disk; then who commits waits too.
const WAITING: usize = 1024;
/// Memory for pages of the file.
const CACHE: usize = 8 << 20;

type Place<'a> = (&'a str, &'a str, u64);
type Key<'a> = (&'a str, &'a str, &'a str);

/// Agent, queue and number → key and value.
const QUEUES: TableDefinition<'_, Place<'_>, (&str, &[u8])> = TableDefinition::new("queues");
/// Agent, queue and key → number.
const KEYS: TableDefinition<'_, Key<'_>, u64> = TableDefinition::new("keys");
/// Agent and name → what the note says.
const NOTES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("notes");

/// The state of agents on disk.
///
/// Everything that is committed while the disk is busy goes with the next write, so that many
/// agents share one wait for the disk.
#[derive(Clone, Debug)]
pub struct DiskStore {
    shared: Arc<Shared>,
    commits: mpsc::Sender<Commit>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    lengths: Mutex<HashMap<(Arc<str>, String), u64>>,
    versions: Mutex<HashMap<Arc<str>, Arc<watch::Sender<u64>>>>,
    highest: Mutex<Highest>,
}

/// The highest number that was given in each queue of each agent.
type Highest = HashMap<Arc<str>, HashMap<String, u64>>;

#[derive(Debug)]
struct Commit {
    agent: Arc<str>,
    changes: Vec<Change>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// One agent's part of a [`DiskStore`].
#[derive(Debug)]
struct Part {
    agent: Arc<str>,
    disk: DiskStore,
    version: watch::Receiver<u64>,
}

impl DiskStore {
    /// Opens the store in `folder`, or makes one.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = folder.to_owned();
        let opened = tokio::task::spawn_blocking(move || Shared::open(&folder));
        let shared = Arc::new(opened.await.map_err(medium)??);
        let (commits, inbox) = mpsc::channel(WAITING);
        let writer = Arc::clone(&shared);
        // Ends when the last store is dropped.
        std::thread::Builder::new()
            .name("agents-disk".to_owned())
            .spawn(move || writer.write(inbox))
            .map_err(medium)?;
        Ok(Self { shared, commits })
    }

    /// The part that belongs to `agent`.
    pub fn of(&self, agent: &str) -> Arc<dyn Store> {
        let agent: Arc<str> = agent.into();
        let version = self.shared.version(&agent).subscribe();
        Arc::new(Part { agent, disk: self.clone(), version })
    }
}

impl Store for Part {
    fn commit(&self, changes: Vec<Change>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let (done, answer) = oneshot::channel();
            let commit = Commit { agent: Arc::clone(&self.agent), changes, done };
            self.disk.commits.send(commit).await.map_err(medium)?;
            answer.await.map_err(medium)?
        })
    }

    fn read(
        &self,
        queue: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        let transaction = self.disk.shared.database.begin_read().map_err(medium)?;
        let table = transaction.open_table(QUEUES).map_err(medium)?;
        let agent: &str = &self.agent;
        let places =
            (Bound::Excluded((agent, queue, after)), Bound::Included((agent, queue, u64::MAX)));
        let mut kept = Vec::new();
        let mut size = 0;
        for entry in table.range::<Place<'_>>(places).map_err(medium)? {
            if kept.len() >= limit || size >= bytes {
                break;
            }
            let (place, entry) = entry.map_err(medium)?;
            let (_, _, number) = place.value();
            let (key, value) = entry.value();
            size += value.len();
            kept.push(Kept { number, key: key.to_owned(), value: Bytes::copy_from_slice(value) });
        }
        Ok(kept)
    }

    fn count(&self, queue: &str) -> Result<u64, StoreError> {
        let which = (Arc::clone(&self.agent), queue.to_owned());
        Ok(self.disk.shared.lengths().get(&which).copied().unwrap_or(0))
    }

    fn has(&self, queue: &str, key: &str) -> Result<bool, StoreError> {
        let transaction = self.disk.shared.database.begin_read().map_err(medium)?;
        let table = transaction.open_table(KEYS).map_err(medium)?;
        Ok(table.get((&*self.agent, queue, key)).map_err(medium)?.is_some())
    }

    fn note(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let transaction = self.disk.shared.database.begin_read().map_err(medium)?;
        let table = transaction.open_table(NOTES).map_err(medium)?;
        let note = table.get((&*self.agent, key)).map_err(medium)?;
        Ok(note.map(|it| Bytes::copy_from_slice(it.value())))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }
}

impl Shared {
    fn open(folder: &Path) -> Result<Self, StoreError> {
        private_folder(folder).map_err(medium)?;
        let path = folder.join("agents.redb");
        let database = Database::builder().set_cache_size(CACHE).create(path).map_err(medium)?;
        let transaction = database.begin_write().map_err(medium)?;
        let (mut lengths, mut highest) = (HashMap::new(), Highest::new());
        {
            let queues = transaction.open_table(QUEUES).map_err(medium)?;
            for entry in queues.iter().map_err(medium)? {
                let (place, _) = entry.map_err(medium)?;
                let (agent, queue, number) = place.value();
                // They come in order: the last one is the highest.
                highest.entry(Arc::from(agent)).or_default().insert(queue.to_owned(), number);
                *lengths.entry((Arc::from(agent), queue.to_owned())).or_insert(0) += 1;
            }
            transaction.open_table(KEYS).map_err(medium)?;
            transaction.open_table(NOTES).map_err(medium)?;
        }
        transaction.commit().map_err(medium)?;
        Ok(Self {
            database,
            lengths: Mutex::new(lengths),
            versions: Mutex::default(),
            highest: Mutex::new(highest),
        })
    }

    /// Writes what comes, as much as waits at once, until nobody is left to commit.
    fn write(&self, mut inbox: mpsc::Receiver<Commit>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut group = vec![first];
            while group.len() < WAITING
                && let Ok(next) = inbox.try_recv()
            {
                group.push(next);
            }
            self.write_group(group);
        }
    }

    fn write_group(&self, group: Vec<Commit>) {
        let mut lengths = self.lengths().clone();
        let (mut fit, mut waiting) = (Vec::new(), Vec::new());
        for Commit { agent, changes, done } in group {
            match check(&agent, &changes, &lengths) {
                Ok(()) => {
                    let pushes = changes.iter().filter_map(|it| match it {
                        Change::Push { queue, .. } => Some(*queue),
                        _ => None,
                    });
                    for queue in pushes {
                        *lengths.entry((Arc::clone(&agent), queue.to_owned())).or_insert(0) += 1;
                    }
                    waiting.push((Arc::clone(&agent), done));
                    fit.push((agent, changes));
                }
                // Who does not wait any more does not need the answer.
                Err(error) => drop(done.send(Err(error))),
            }
        }
        let result = self.transact(&fit);
        if let Ok(changed) = &result {
            let mut lengths = self.lengths();
            for (which, by) in changed {
                let length = lengths.entry(which.clone()).or_insert(0);
                *length = length.saturating_add_signed(*by);
            }
        }
        for (agent, done) in waiting {
            self.version(&agent).send_modify(|it| *it += 1);
            drop(done.send(result.as_ref().map(|_| ()).map_err(StoreError::clone)));
        }
    }

    /// Makes all changes in one transaction that is on disk when this returns; says by how much
    /// the queues grew.
    fn transact(
        &self,
        group: &[(Arc<str>, Vec<Change>)],
    ) -> Result<HashMap<(Arc<str>, String), i64>, StoreError> {
        let transaction = self.database.begin_write().map_err(medium)?;
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut grown = HashMap::new();
        for (agent, changes) in group {
            for change in changes {
                if let Some((queue, by)) = apply(&transaction, agent, change, &mut highest)? {
                    *grown.entry((Arc::clone(agent), queue.to_owned())).or_insert(0) += by;
                }
            }
        }
        transaction.commit().map_err(medium)?;
        Ok(grown)
    }

    fn lengths(&self) -> MutexGuard<'_, HashMap<(Arc<str>, String), u64>> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self, agent: &Arc<str>) -> Arc<watch::Sender<u64>> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(watch::Sender::new(0));
        Arc::clone(versions.entry(Arc::clone(agent)).or_insert_with(made))
    }
}

/// Makes one change and says by how much which queue grew.
fn apply<'a>(
    transaction: &WriteTransaction,
    owner: &Arc<str>,
    change: &'a Change,
    highest: &mut Highest,
) -> Result<Option<(&'a str, i64)>, StoreError> {
    let agent: &str = owner;
    match change {
        Change::Push { queue, key, value } => {
            let mut keys = transaction.open_table(KEYS).map_err(medium)?;
            if keys.get((agent, *queue, key.as_str())).map_err(medium)?.is_some() {
                return Ok(None);
            }
            let mut queues = transaction.open_table(QUEUES).map_err(medium)?;
            let number = next_number(highest, owner, queue);
            let entry = (key.as_str(), &**value);
            queues.insert((agent, *queue, number), entry).map_err(medium)?;
            keys.insert((agent, *queue, key.as_str()), number).map_err(medium)?;
            Ok(Some((queue, 1)))
        }
        Change::Drop { queue, number } => {
            let mut queues = transaction.open_table(QUEUES).map_err(medium)?;
            let Some(entry) = queues.remove((agent, *queue, *number)).map_err(medium)? else {
                return Ok(None);
            };
            let (key, _) = entry.value();
            let mut keys = transaction.open_table(KEYS).map_err(medium)?;
            keys.remove((agent, *queue, key)).map_err(medium)?;
            Ok(Some((queue, -1)))
        }
        Change::Remove { queue, key } => {
            let mut keys = transaction.open_table(KEYS).map_err(medium)?;
            let Some(number) = keys.remove((agent, *queue, key.as_str())).map_err(medium)? else {
                return Ok(None);
            };
            let mut queues = transaction.open_table(QUEUES).map_err(medium)?;
            queues.remove((agent, *queue, number.value())).map_err(medium)?;
            Ok(Some((queue, -1)))
        }
        Change::Put { key, value } => {
            let mut notes = transaction.open_table(NOTES).map_err(medium)?;
            notes.insert((agent, key.as_str()), &**value).map_err(medium)?;
            Ok(None)
        }
    }
}

/// The next number of a queue. None is given twice while the program runs, so that whoever reads
/// a queue onwards misses nothing.
fn next_number(highest: &mut Highest, agent: &Arc<str>, queue: &str) -> u64 {
    let queues = highest.entry(Arc::clone(agent)).or_default();
    if let Some(number) = queues.get_mut(queue) {
        *number += 1;
        return *number;
    }
    queues.insert(queue.to_owned(), 1);
    1
}

fn check(
    agent: &Arc<str>,
    changes: &[Change],
    lengths: &HashMap<(Arc<str>, String), u64>,
) -> Result<(), StoreError> {
    let mut more: HashMap<&str, u64> = HashMap::new();
    for change in changes {
        if let Change::Push { queue, .. } = change {
            let added = more.entry(queue).or_insert(0);
            *added += 1;
            let which = (Arc::clone(agent), (*queue).to_owned());
            if lengths.get(&which).copied().unwrap_or(0) + *added > LIMIT {
                return Err(StoreError::Full { queue: (*queue).to_owned(), limit: LIMIT });
            }
        }
    }
    Ok(())
}

fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn medium(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Medium(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(key: &str) -> Change {
        Change::Push { queue: "outbox", key: key.to_owned(), value: key.to_owned().into() }
    }

    fn keys(store: &Arc<dyn Store>) -> Vec<String> {
        store.read("outbox", 0, 100, 1000).unwrap().into_iter().map(|it| it.key).collect()
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        {
            let disk = DiskStore::open(folder.path()).await.unwrap();
            let (a, b) = (disk.of("a@test"), disk.of("b@test"));
            a.commit(vec![push("1"), push("2"), push("1")]).await.unwrap();
            b.commit(vec![push("3")]).await.unwrap();
            let note = Change::Put { key: "n".to_owned(), value: "x".into() };
            a.commit(vec![note]).await.unwrap();
            let first = a.read("outbox", 0, 1, 1000).unwrap();
            assert_eq!(keys(&a), ["1", "2"]);
            a.commit(vec![Change::Drop { queue: "outbox", number: first[0].number }])
                .await
                .unwrap();
        }
        // The writer closes the file when the last store is gone.
        let disk = loop {
            match DiskStore::open(folder.path()).await {
                Ok(disk) => break disk,
                Err(error) => assert!(runtime::Chain(&error).to_string().contains("lock")),
            }
            tokio::task::yield_now().await;
        };
        let (a, b) = (disk.of("a@test"), disk.of("b@test"));
        assert_eq!((keys(&a), keys(&b)), (vec!["2".to_owned()], vec!["3".to_owned()]));
        assert_eq!((a.count("outbox").unwrap(), b.count("outbox").unwrap()), (1, 1));
        assert_eq!(a.note("n").unwrap().unwrap(), "x");
        assert!(a.has("outbox", "2").unwrap() && !a.has("outbox", "1").unwrap());
        let remove = |key: &str| Change::Remove { queue: "outbox", key: key.to_owned() };
        a.commit(vec![remove("2"), remove("nobody")]).await.unwrap();
        assert_eq!(a.count("outbox").unwrap(), 0);
        a.commit(vec![push("4")]).await.unwrap();
        assert_eq!(a.read("outbox", 0, 9, 1000).unwrap()[0].number, 3);
    }

    #[tokio::test]
    async fn a_commit_wakes_its_agent_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let disk = DiskStore::open(folder.path()).await.unwrap();
        let (a, b) = (disk.of("a@test"), disk.of("b@test"));
        let (mut at_a, at_b) = (a.watch(), b.watch());
        a.commit(vec![push("1")]).await.unwrap();
        at_a.changed().await.unwrap();
        assert!(!at_b.has_changed().unwrap());
    }
}
