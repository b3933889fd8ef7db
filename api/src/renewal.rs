//! Renews evidence before it is too old: a time stamp before the certificate of its signer ends, a
//! hash tree when its function is no longer the one that is wanted (RFC 4998 section 5).
//!
//! Many are renewed under one token. What cannot be renewed now is tried again the next time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidence::{
    Authority, HashAlgorithm,
    ers::{EvidenceRecord, EvidenceRecordError, HashTree},
    valid_until,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    clock::now_ms,
    stamper::Asked,
    store::{Batch, KeepRenewals, Renewal, Store, StoreError, Whole},
};

/// Batches that are renewed under one token, at most.
const AT_ONCE: usize = 4096;
/// How often it is looked whether something is too old.
const EVERY: Duration = Duration::from_hours(6);

/// What renews.
pub(crate) struct Renewer {
    pub(crate) store: Store,
    pub(crate) asked: Arc<Asked>,
    pub(crate) authorities: Arc<[Authority]>,
    /// How long before its end evidence is renewed.
    pub(crate) before: Duration,
    /// The hash function that trees are to have, if another than they have.
    pub(crate) hash: Option<HashAlgorithm>,
}

/// A batch whose evidence is to be renewed.
struct Due {
    id: Uuid,
    known: usize,
    value: Vec<u8>,
    leaves: Vec<Vec<u8>>,
}

/// How evidence is renewed.
enum Way {
    /// Its newest token is stamped.
    Stamp,
    /// Everything is, in a tree of this hash function.
    Tree(HashAlgorithm),
}

impl Renewer {
    /// Renews until it is time to close.
    pub(crate) async fn run(self, closing: CancellationToken) {
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(count) => info!(batches = count, "evidence was renewed"),
                Err(why) => warn!(why, "evidence could not be renewed now"),
            }
            if closing.run_until_cancelled(sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    /// Renews what is due; how many batches that were.
    pub(crate) async fn round(&self) -> Result<usize, String> {
        let mut done = 0;
        // One function after the other: a tree has one.
        let mut due: BTreeMap<(Option<HashAlgorithm>, HashAlgorithm), Vec<Due>> = BTreeMap::new();
        let mut after = String::new();
        let broken = |error: StoreError| error.to_string();
        while let Some(Whole { id, batch, uuids }) =
            self.store.batch_after(&after).await.map_err(broken)?
        {
            after.clone_from(&id);
            let Some(batch) = batch else { continue };
            let renewals = self.store.renewals(&id).await.map_err(broken)?;
            let rehash = match self.wants(&batch, &renewals) {
                Some(Way::Stamp) => None,
                Some(Way::Tree(hash)) => Some(hash),
                None => continue,
            };
            let records = match rehash {
                Some(_) => self.store.records_of(&id, &uuids).await.map_err(broken)?,
                None => BTreeMap::new(),
            };
            match value(&batch, &renewals, rehash, &records) {
                Ok((hash, one)) => {
                    let waiting = due.entry((rehash, hash)).or_default();
                    waiting.push(one);
                    if waiting.len() >= AT_ONCE {
                        let full = std::mem::take(waiting);
                        done += self.renew(rehash, hash, full).await?;
                    }
                }
                Err(error) => {
                    warn!(batch = id, %error, "the evidence of batch `{id}` cannot be renewed");
                }
            }
        }
        for ((rehash, hash), waiting) in due {
            done += self.renew(rehash, hash, waiting).await?;
        }
        Ok(done)
    }

    /// Whether a batch's evidence is to be renewed, and by which function a new tree is to be built
    /// if it is that.
    fn wants(&self, batch: &Batch, renewals: &[Renewal]) -> Option<Way> {
        let hash = renewals.iter().rev().find_map(|it| it.rehashed);
        let hash = hash.unwrap_or(HashAlgorithm::Sha256);
        if let Some(wanted) = self.hash.filter(|it| *it != hash) {
            return Some(Way::Tree(wanted));
        }
        let newest = renewals.last().map_or(&batch.token, |it| &it.token);
        let mut ends = self.authorities.iter().filter_map(|it| valid_until(newest, it).ok());
        let soon = u64::try_from(now_ms() / 1000).unwrap_or(0) + self.before.as_secs();
        ends.next().is_some_and(|end| end <= soon).then_some(Way::Stamp)
    }

    async fn renew(
        &self,
        rehash: Option<HashAlgorithm>,
        hash: HashAlgorithm,
        due: Vec<Due>,
    ) -> Result<usize, String> {
        let values = due.iter().map(|it| it.value.clone()).collect();
        let Some(tree) = HashTree::new(hash, values) else { return Ok(0) };
        let (token, gen_time_ms) = self.asked.stamp_over(hash, tree.root()).await?;
        let soon = u64::try_from(now_ms() / 1000).unwrap_or(0) + self.before.as_secs();
        let mut ends = self.authorities.iter().filter_map(|it| valid_until(&token, it).ok());
        if rehash.is_none() && ends.next().is_none_or(|end| end <= soon) {
            return Err("the authority that is asked ends as soon itself; another, or a new \
                        certificate, is needed"
                .to_owned());
        }
        let renewals = due.into_iter().enumerate().map(|(place, due)| {
            let path = tree.path(place);
            let Due { id, known, leaves, .. } = due;
            (
                id,
                known,
                Renewal { rehashed: rehash, path, leaves, token: token.clone(), gen_time_ms },
            )
        });
        let deed = KeepRenewals { renewals: renewals.collect() };
        let count = deed.renewals.len();
        self.store.perform(deed).await.map_err(|error| error.to_string())?;
        Ok(count)
    }
}

/// What a renewal of a batch is for: the newest token, or all its records anew.
fn value(
    batch: &Batch,
    renewals: &[Renewal],
    rehash: Option<HashAlgorithm>,
    records: &BTreeMap<usize, (String, Vec<u8>)>,
) -> Result<(HashAlgorithm, Due), Unrenewable> {
    let (id, known) = (batch.id, renewals.len());
    let Some(wanted) = rehash else {
        let newest = renewals.last().map_or(&batch.token, |it| &it.token);
        let hash = renewals.iter().rev().find_map(|it| it.rehashed);
        let hash = hash.unwrap_or(HashAlgorithm::Sha256);
        let value = hash.digest(newest);
        return Ok((hash, Due { id, known, value, leaves: Vec::new() }));
    };
    let mut leaves = Vec::with_capacity(batch.leaves.len());
    for place in 0..batch.leaves.len() {
        let (_, record) = records.get(&place).ok_or(Unrenewable::Missing(place))?;
        leaves.push(record_of(batch, place, record, renewals)?.rehashed_value(wanted, record)?);
    }
    let tree = HashTree::new(wanted, leaves.clone()).ok_or(Unrenewable::Missing(0))?;
    Ok((wanted, Due { id, known, value: tree.root().to_vec(), leaves }))
}

/// Why a batch cannot be renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unrenewable {
    #[error("its item {0} is not stored")]
    Missing(usize),
    #[error("its evidence record cannot be built: {0}")]
    Record(#[from] EvidenceRecordError),
}

/// The evidence record of one item, with every renewal.
pub(crate) fn record_of(
    batch: &Batch,
    place: usize,
    record: &[u8],
    renewals: &[Renewal],
) -> Result<EvidenceRecord, Unrenewable> {
    let leaf = batch.leaves.get(place).ok_or(Unrenewable::Missing(place))?;
    let path = batch.tree().map(|it| it.path(place)).unwrap_or_default();
    let mut evidence =
        EvidenceRecord::new(leaf, &path, &batch.token).map_err(EvidenceRecordError::from)?;
    for renewal in renewals {
        match renewal.rehashed {
            None => evidence.renew(&renewal.path, &renewal.token)?,
            Some(hash) => {
                let tree = HashTree::new(hash, renewal.leaves.clone());
                let mut path = tree.map(|it| it.path(place)).unwrap_or_default();
                path.extend(renewal.path.iter().cloned());
                evidence.rehash(hash, record, &path, &renewal.token)?;
            }
        }
    }
    Ok(evidence)
}
