//! Whether the database is still what was stored: at start every record is hashed again, every batch
//! is led to its stamped root, and every log to its checkpoints.
//!
//! What was in a file beside the database is compared too: of a database that was put back to an
//! older state, it alone knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use evidence::{
    Authority, Digest,
    log::{Checkpoint, Peaks},
    sha256, verify_any,
};
use serde::{Deserialize, Serialize};
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    clock::now_ms,
    store::{Batch, NoteFaults, Store, StoreError, Whole},
};

/// Faults that are told, at most.
const TOLD: usize = 1000;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) state: State,
    /// When it was finished.
    pub(crate) checked_ms: Option<i64>,
    pub(crate) batches: u64,
    pub(crate) items: u64,
    /// How often a log does not go on where it ended, and the audit has said so since.
    pub(crate) jumps: u64,
    /// How many faults there are; the first thousand are listed.
    pub(crate) count: u64,
    pub(crate) faults: Vec<Fault>,
}

/// How far the check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It is not over.
    #[default]
    Checking,
    /// Everything is as it was stored.
    Sound,
    /// It is not.
    Edited,
    /// It could not be checked.
    Unknown,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// `record-changed`, `record-missing`, `batch-changed`, `token`, `log-changed`, `rolled-back`.
    pub(crate) kind: &'static str,
    /// Which: the UUID of an item or a batch, or the name of a log.
    pub(crate) subject: String,
    pub(crate) detail: String,
}

/// What is known of the integrity of the database.
#[derive(Debug)]
pub(crate) struct Integrity {
    report: Mutex<Report>,
    witness: Mutex<Witness>,
}

/// The longest checkpoints that were stored, in a file of their own.
#[derive(Debug)]
struct Witness {
    file: PathBuf,
    logs: BTreeMap<String, End>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    size: u64,
    root: String,
}

impl Integrity {
    /// With the file beside a database.
    pub(crate) fn beside(database: &Path) -> Self {
        let mut file = database.as_os_str().to_owned();
        file.push(".checkpoints");
        let file = PathBuf::from(file);
        let logs = fs::read(&file).ok().and_then(|it| serde_json::from_slice(&it).ok());
        let witness = Witness { file, logs: logs.unwrap_or_default() };
        Self { report: Mutex::default(), witness: Mutex::new(witness) }
    }

    pub(crate) fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a checkpoint that was stored. This writes to disk.
    pub(crate) fn note(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let known = witness.logs.get(&checkpoint.origin).map_or(0, |it| it.size);
        if checkpoint.size <= known {
            return Ok(());
        }
        let end = End { size: checkpoint.size, root: hex::encode(checkpoint.root) };
        witness.logs.insert(checkpoint.origin.clone(), end);
        let text = serde_json::to_vec(&witness.logs)?;
        let new = witness.file.with_extension("checkpoints.new");
        fs::write(&new, text)?;
        fs::rename(&new, &witness.file)
    }

    fn witnessed(&self) -> BTreeMap<String, End> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner).logs.clone()
    }

    /// Goes over everything that is stored.
    pub(crate) async fn check(&self, store: &Store, authorities: &[Authority]) {
        let mut check = Check { authorities, report: Report::default(), parts: BTreeMap::new() };
        let done = check.run(store, self.witnessed()).await;
        let mut report = check.report;
        report.checked_ms = Some(now_ms());
        report.state = match (&done, report.count) {
            (Err(_), _) => State::Unknown,
            (Ok(()), 0) => State::Sound,
            (Ok(()), _) => State::Edited,
        };
        if let Err(cause) = done {
            error!(error = %cause, "the database could not be checked: {cause}");
        } else if let Some(first) = report.faults.first() {
            let (count, detail) = (report.count, &first.detail);
            error!(faults = count, detail, "the database was edited: {detail}");
            let deed = NoteFaults { count, first: first.clone() };
            if let Err(cause) = store.perform(deed).await {
                error!(error = %cause, "that the database was edited could not be noted: {cause}");
            }
        } else {
            let Report { batches, items, .. } = report;
            info!(batches, items, "the database is as it was stored");
        }
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}

struct Check<'a> {
    authorities: &'a [Authority],
    report: Report,
    /// The parts of each log.
    parts: BTreeMap<String, Vec<Part>>,
}

/// Where a part of a log begins and ends: how many entries there are, and their root.
struct Part {
    before: (u64, Digest),
    after: (u64, Digest),
}

impl Check<'_> {
    async fn run(
        &mut self,
        store: &Store,
        witnessed: BTreeMap<String, End>,
    ) -> Result<(), StoreError> {
        // Identities have no order in time: of batches that come meanwhile some would be seen and
        // others not, and a log would seem to jump.
        let there = store.batch_ids().await?;
        let mut after = String::new();
        while let Some(Whole { id, batch, uuids }) = store.batch_after(&after).await? {
            if !there.contains(&id) {
                after = id;
                continue;
            }
            match batch {
                Some(batch) => {
                    let kept = store.records_of(&id, &uuids).await?;
                    self.batch(&batch, &uuids, &kept);
                }
                None => self.blame("batch-changed", &id, "the batch cannot be read".to_owned()),
            }
            self.report.batches += 1;
            after = id;
            tokio::task::yield_now().await;
        }
        self.logs(&store.jumps().await?);
        self.witness(witnessed);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch, uuids: &[Uuid], kept: &BTreeMap<usize, (String, Vec<u8>)>) {
        let id = batch.id.to_string();
        if batch.tree().map(|it| it.root()) != Some(batch.root) {
            let detail = format!("the leaves of batch `{id}` do not lead to its root");
            self.blame("batch-changed", &id, detail);
        }
        if let Err(cause) = verify_any(&batch.token, &batch.root, self.authorities) {
            self.blame("token", &id, format!("the token of batch `{id}` does not hold: {cause}"));
        }
        for (place, leaf) in batch.leaves.iter().enumerate() {
            self.report.items += 1;
            match kept.get(&place) {
                Some((_, record)) if sha256(record) == *leaf => {}
                Some((uuid, _)) => {
                    let detail = format!("item `{uuid}` is not what was stamped");
                    self.blame("record-changed", uuid, detail);
                }
                None => {
                    if let Some(uuid) = uuids.get(place).map(Uuid::to_string) {
                        let detail = format!("item `{uuid}` of batch `{id}` is missing");
                        self.blame("record-missing", &uuid, detail);
                    }
                }
            }
        }
        if let Some(log) = &batch.log {
            let said = &log.checkpoint.checkpoint;
            let part = Part {
                before: (log.before.size(), log.before.root()),
                after: (said.size, said.root),
            };
            let mut peaks = log.before.clone();
            peaks.extend(&batch.leaves);
            if (peaks.size(), peaks.root()) != part.after {
                let detail = format!("batch `{id}` is not the part of its log that it was");
                self.blame("log-changed", &said.origin, detail);
            }
            self.parts.entry(said.origin.clone()).or_default().push(part);
        }
    }

    /// Each part of a log begins where one ends that nothing else goes on from. An aggregator that
    /// forgot, or lost, what it had logged is no edit of the database: that was told when it came.
    fn logs(&mut self, told: &BTreeMap<String, u64>) {
        let mut broken = Vec::new();
        for (origin, parts) in &self.parts {
            let mut ends: BTreeSet<_> = parts.iter().map(|it| it.after).collect();
            ends.insert((0, Peaks::default().root()));
            let jumps = parts.iter().filter(|it| !ends.remove(&it.before));
            let jumps: Vec<u64> = jumps.map(|it| it.before.0).collect();
            let count = u64::try_from(jumps.len()).unwrap_or(u64::MAX);
            let told = told.get(origin).copied().unwrap_or(0);
            self.report.jumps += count.min(told);
            if count > told {
                let places: Vec<_> = jumps.iter().take(10).map(u64::to_string).collect();
                let detail = format!(
                    "the log `{origin}` goes on otherwise than it was, at {}; {told} of these \
                     {count} were told when they came",
                    places.join(", ")
                );
                broken.push((origin.clone(), detail));
            }
        }
        for (origin, detail) in broken {
            self.blame("log-changed", &origin, detail);
        }
    }

    fn witness(&mut self, witnessed: BTreeMap<String, End>) {
        for (origin, known) in witnessed {
            let parts = self.parts.get(&origin).map(Vec::as_slice).unwrap_or_default();
            let ends = parts.iter().map(|it| it.after);
            let longest = ends.clone().map(|(size, _)| size).max().unwrap_or(0);
            let mut same = ends.filter(|(size, _)| *size == known.size).peekable();
            if longest < known.size {
                let detail = format!(
                    "the log `{origin}` had {} entries and has {longest}: this database is an \
                     older copy",
                    known.size
                );
                self.blame("rolled-back", &origin, detail);
            } else if same.peek().is_some() && same.all(|(_, root)| hex::encode(root) != known.root)
            {
                let detail = format!("the log `{origin}` is another than it was");
                self.blame("log-changed", &origin, detail);
            }
        }
    }

    fn blame(&mut self, kind: &'static str, subject: &str, detail: String) {
        self.report.count += 1;
        if self.report.faults.len() < TOLD {
            self.report.faults.push(Fault { kind, subject: subject.to_owned(), detail });
        }
    }
}
