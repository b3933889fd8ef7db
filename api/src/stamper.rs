//! Has items stamped that nobody else did: those that came over HTTP, without an aggregator.
//!
//! They wait a while, since an aggregator's proof comes after its items. Then they become entries of
//! the API's own log and leaves of a batch, as an aggregator does it; killed in between, they are
//! stamped again.

use std::{sync::Arc, time::Duration};

use evidence::{
    Authority, BatchTree, Digest, HashAlgorithm, OwnAuthority, Request, Verified, accept,
    client::{Client, Stamp},
    log::{Checkpoint, Peaks},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use crate::{
    clock::now_ms,
    integrity::Integrity,
    problem::Problem,
    store::{Batch, LogPart, Store, StoreProof},
    v1::proofs::{beside, verified},
};

/// The name of the API's own log.
pub(crate) const LOG: &str = "api";
/// Items under one token, at most.
const BATCH: u64 = 4096;
/// The least and the longest rest between two looks, and after a failure.
const REST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// How far the clock of the own authority, which is ours, may be off.
const SKEW: Duration = Duration::from_mins(5);

/// Who is asked for time stamps.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Authorities elsewhere.
    Others(Client),
    /// The API's own.
    Own(Arc<OwnAuthority>),
}

impl Asked {
    /// Time stamps over a digest, of as many authorities as are wanted; what was got stays in
    /// `stamps` when more are missing.
    pub(crate) async fn stamps(
        &self,
        digest: &Digest,
        stamps: &mut Vec<Vec<u8>>,
        got: &mut Vec<Stamp>,
    ) -> Result<(), (String, Duration)> {
        match self {
            Self::Others(client) => {
                let done = client.stamps(digest, got).await;
                *stamps = got.iter().map(|it| it.token.clone()).collect();
                done.map_err(|error| (error.to_string(), error.retry_after))
            }
            Self::Own(own) => {
                let stamped = own_stamp(own, Request::new(digest)).await;
                let (token, _) = stamped.map_err(|why| (why, REST))?;
                *stamps = vec![token];
                Ok(())
            }
        }
    }
}

impl Asked {
    /// A time stamp over a digest by some hash function, and when it was made.
    pub(crate) async fn stamp_over(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<(Vec<u8>, i64), String> {
        let time = |it: &Verified| i64::try_from(it.gen_time.unix_ms()).unwrap_or(i64::MAX);
        match self {
            Self::Others(client) => {
                let stamp = client.stamp_over(hash, digest).await;
                let stamp = stamp.map_err(|error| error.to_string())?;
                let made = time(&stamp.verified);
                Ok((stamp.token, made))
            }
            Self::Own(own) => {
                let (token, verified) = own_stamp(own, Request::over(hash, digest)).await?;
                Ok((token, time(&verified)))
            }
        }
    }
}

async fn own_stamp(
    own: &Arc<OwnAuthority>,
    request: Request,
) -> Result<(Vec<u8>, Verified), String> {
    let (own, asked) = (Arc::clone(own), request.to_der());
    let authority = own.authority();
    let answer = tokio::task::spawn_blocking(move || own.respond(&asked)).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let now = u64::try_from(now_ms() / 1000).unwrap_or(0);
    accept(&answer, &request, &authority, now, SKEW).map_err(|error| error.to_string())
}

/// What stamps at work.
pub(crate) struct Stamper {
    pub(crate) store: Store,
    pub(crate) asked: Arc<Asked>,
    pub(crate) authorities: Arc<[Authority]>,
    pub(crate) integrity: Arc<Integrity>,
    /// How long an item waits for somebody else.
    pub(crate) patience: Duration,
}

/// A batch on its way.
struct Pending {
    uuids: Vec<Uuid>,
    leaves: Vec<Digest>,
    log: LogPart,
    root: Digest,
    got: Vec<Stamp>,
}

impl Stamper {
    /// Stamps until it is time to close.
    pub(crate) async fn run(self, closing: CancellationToken) {
        let mut failures = 0;
        let mut pending: Option<Pending> = None;
        loop {
            let rest = match self.round(&mut pending).await {
                Ok(more) => {
                    failures = 0;
                    if more { Duration::ZERO } else { REST }
                }
                Err((why, wait)) => {
                    if failures == 0 {
                        warn!(why, "no time stamp now; the items wait");
                    }
                    failures = (failures + 1).min(6);
                    (REST * 2_u32.pow(failures)).min(LONGEST).max(wait)
                }
            };
            if closing.run_until_cancelled(sleep(rest)).await.is_none() {
                return;
            }
        }
    }

    /// Says whether there may be more to stamp.
    async fn round(&self, pending: &mut Option<Pending>) -> Result<bool, (String, Duration)> {
        let broken = |error: &dyn std::fmt::Display| (error.to_string(), REST);
        if pending.as_ref().is_none_or(|it| it.got.is_empty()) {
            *pending = self.gather().await.map_err(|error| broken(&error))?;
        }
        let Some(batch) = pending else { return Ok(false) };
        let mut tokens = Vec::new();
        self.asked.stamps(&batch.root, &mut tokens, &mut batch.got).await?;
        let Some(batch) = pending.take() else { return Ok(false) };
        let Pending { uuids, leaves, log, root, .. } = batch;
        let checkpoint = log.checkpoint.checkpoint.clone();
        let authorities = Arc::clone(&self.authorities);
        let built = tokio::task::spawn_blocking(move || {
            let mut tokens = tokens.into_iter();
            let first = tokens.next().unwrap_or_default();
            let mut batch = verified(Uuid::new_v4(), root, first, leaves, Some(log), &authorities)?;
            batch.also = beside(&batch, tokens.collect(), &authorities)?;
            Ok::<Batch, Problem>(batch)
        });
        let batch = built.await.map_err(|error| broken(&error))?;
        let batch = batch.map_err(|problem| broken(&problem))?;
        let deed = StoreProof { batch, uuids, first: false };
        self.store.perform(deed).await.map_err(|error| broken(&error))?;
        let integrity = Arc::clone(&self.integrity);
        let noted = tokio::task::spawn_blocking(move || integrity.note(&checkpoint)).await;
        if let Ok(Err(cause)) = noted {
            error!(error = %cause, "a checkpoint could not be noted: {cause}");
        }
        Ok(true)
    }

    async fn gather(&self) -> Result<Option<Pending>, crate::store::StoreError> {
        let patience = i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX);
        let waiting = self.store.pending(now_ms() - patience, BATCH).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let (uuids, mut leaves): (Vec<Uuid>, Vec<Digest>) = waiting.into_iter().unzip();
        let before = self.store.peaks_of(LOG).await?.unwrap_or_default();
        let mut log: Peaks = before.clone();
        log.extend(&leaves);
        let (size, root) = (log.size(), log.root());
        let checkpoint = Checkpoint { origin: LOG.to_owned(), size, root }.unsigned();
        leaves.push(checkpoint.digest());
        let root = BatchTree::new(leaves.clone()).map(|it| it.root()).unwrap_or_default();
        leaves.pop();
        let log = LogPart { before, checkpoint };
        Ok(Some(Pending { uuids, leaves, log, root, got: Vec::new() }))
    }
}
