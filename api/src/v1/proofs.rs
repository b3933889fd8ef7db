//! `/api/v1/proofs`: what an aggregator had stamped. Everything is recomputed before it is believed.

use std::{collections::HashSet, sync::Arc};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{
    Authority, Digest,
    log::{Peaks, Signed},
};
use serde::Serialize;
use types::Proof;
use uuid::Uuid;

use super::items::overloaded;
use crate::{
    body::JsonBody,
    problem::{FieldError, Problem},
    stamper::LOG,
    state::State,
    store::{Batch, LogPart, Placed, StoreProof},
};

/// Most items in a batch.
const LEAVES: usize = 1 << 16;
/// Further tokens, at most.
const ALSO: usize = 16;

/// What became of a proof.
#[derive(Debug, Serialize)]
struct Outcome {
    batch: Uuid,
    state: &'static str,
    authority: String,
    trust: String,
}

/// `POST /api/v1/proofs`.
pub(crate) async fn post(state: Data<State>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let proof: Proof = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not a proof: {cause}")))?;
    let claim = Claim::read(&proof)?;
    compare(&state, &claim).await?;
    if let Some(log) = &claim.log {
        recognise(&state, log).await?;
    }
    let authorities = state.authorities.clone();
    let judged = web::block(move || {
        let Claim { batch, root, token, uuids, leaves, also, log } = claim;
        let log = log.map(|it| continued(it, &leaves)).transpose()?;
        let mut batch = verified(batch, root, token, leaves, log, &authorities)?;
        batch.also = beside(&batch, also, &authorities)?;
        Ok::<_, Problem>(StoreProof { batch, uuids, first: false })
    });
    let deed = judged.await.map_err(overloaded)??;
    let outcome = |word| Outcome {
        batch: proof.batch,
        state: word,
        authority: deed.batch.authority.clone(),
        trust: deed.batch.trust.clone(),
    };
    let (stored, known) = (outcome("stored"), outcome("known"));
    let checkpoint = deed.batch.log.as_ref().map(|it| it.checkpoint.checkpoint.clone());
    let placed = state.store.perform(deed).await?;
    if let (Placed::Stored, Some(checkpoint)) = (placed, checkpoint) {
        let integrity = Arc::clone(&state.integrity);
        let noted = web::block(move || integrity.note(&checkpoint)).await.map_err(overloaded)?;
        if let Err(cause) = noted {
            // The proof is stored; only a database that is put back would not be noticed.
            tracing::error!(error = %cause, "a checkpoint could not be noted: {cause}");
        }
    }
    match placed {
        Placed::Stored => Ok(HttpResponse::Created().json(stored)),
        Placed::Known => Ok(HttpResponse::Ok().json(known)),
        Placed::Conflict => {
            let detail = format!("another proof for the batch `{}` is stored", proof.batch);
            Err(Problem::conflict(detail))
        }
    }
}

/// A batch whose token was made by an authority that is believed; or why it is not.
pub(crate) fn verified(
    id: Uuid,
    root: Digest,
    token: Vec<u8>,
    leaves: Vec<Digest>,
    log: Option<LogPart>,
    authorities: &[Authority],
) -> Result<Batch, Problem> {
    let mut batch = Batch {
        id,
        authority: String::new(),
        trust: String::new(),
        root,
        token,
        gen_time_ms: 0,
        leaves,
        also: Vec::new(),
        log,
    };
    if batch.tree().map(|tree| tree.root()) != Some(root) {
        let detail = "the leaves do not lead to the root";
        return Err(Problem::unprocessable(detail).with_code("root"));
    }
    let (authority, verified) = evidence::verify_any(&batch.token, &root, authorities)
        .map_err(|cause| Problem::unprocessable(cause.to_string()).with_code(cause.code()))?;
    authority.name().clone_into(&mut batch.authority);
    batch.trust = trust(authority);
    batch.gen_time_ms = i64::try_from(verified.gen_time.unix_ms()).unwrap_or(i64::MAX);
    Ok(batch)
}

/// Further tokens, each of another authority that is believed.
pub(crate) fn beside(
    batch: &Batch,
    also: Vec<Vec<u8>>,
    authorities: &[Authority],
) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut names = vec![batch.authority.clone()];
    let mut tokens = Vec::new();
    for (number, token) in also.into_iter().enumerate() {
        let refuse = |code, detail: &str| {
            Problem::unprocessable(format!("`also.{number}`: {detail}")).with_code(code)
        };
        let (authority, _) = evidence::verify_any(&token, &batch.root, authorities)
            .map_err(|cause| refuse(cause.code(), &cause.to_string()))?;
        let name = authority.name().to_owned();
        if names.contains(&name) {
            return Err(refuse("authority", &format!("`{name}` has stamped this batch already")));
        }
        tokens.push((name.clone(), token));
        names.push(name);
    }
    Ok(tokens)
}

/// A log with the leaves of a batch: what its checkpoint says must come out.
fn continued(log: LogPart, leaves: &[Digest]) -> Result<LogPart, Problem> {
    let mut after = log.before.clone();
    after.extend(leaves);
    let said = &log.checkpoint.checkpoint;
    if (after.size(), after.root()) == (said.size, said.root) {
        return Ok(log);
    }
    let detail = "the log with these leaves is not what its checkpoint says";
    Err(Problem::unprocessable(detail).with_code("checkpoint"))
}

/// The checkpoint of a member's log is signed by that member.
async fn recognise(state: &State, log: &LogPart) -> Result<(), Problem> {
    let origin = &log.checkpoint.checkpoint.origin;
    if origin == LOG {
        let detail = format!("the log `{LOG}` is the API's own; nobody else goes on with it");
        return Err(Problem::unprocessable(detail).with_code("checkpoint"));
    }
    let members = state.store.list().await?.map(|it| it.members).unwrap_or_default();
    let Some(member) = members.into_iter().find(|it| it.jid == *origin) else { return Ok(()) };
    let key = digest(&member.evidence_key);
    if key.is_some_and(|it| log.checkpoint.verify(&it).is_ok()) {
        return Ok(());
    }
    let detail = format!("the checkpoint is not signed by the evidence key of `{origin}`");
    Err(Problem::unprocessable(detail).with_code("checkpoint"))
}

fn trust(authority: &Authority) -> String {
    let word = serde_json::to_value(authority.trust()).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

/// What a proof claims, in bytes.
struct Claim {
    batch: Uuid,
    root: Digest,
    token: Vec<u8>,
    uuids: Vec<Uuid>,
    leaves: Vec<Digest>,
    also: Vec<Vec<u8>>,
    log: Option<LogPart>,
}

impl Claim {
    fn read(proof: &Proof) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut blame = |field: String, detail: &str| {
            errors.push(FieldError { field, detail: detail.to_owned() });
        };
        if proof.leaves.is_empty() || proof.leaves.len() > LEAVES {
            blame("leaves".to_owned(), &format!("must be 1 to {LEAVES}"));
        }
        let root = digest(&proof.root);
        if root.is_none() {
            blame("root".to_owned(), "must be SHA-256 in hexadecimal");
        }
        let token = BASE64_STANDARD.decode(&proof.token).ok();
        if token.is_none() {
            blame("token".to_owned(), "must be base64");
        }
        let mut seen = HashSet::with_capacity(proof.leaves.len());
        let mut leaves = Vec::with_capacity(proof.leaves.len());
        for (number, leaf) in proof.leaves.iter().enumerate().take(LEAVES) {
            match digest(&leaf.sha256) {
                Some(digest) => leaves.push(digest),
                None => {
                    blame(format!("leaves.{number}.sha256"), "must be SHA-256 in hexadecimal");
                }
            }
            if !seen.insert(leaf.uuid) {
                blame(format!("leaves.{number}.uuid"), "must not stand twice");
            }
        }
        let mut also = Vec::new();
        for (number, stamp) in proof.also.iter().enumerate().take(ALSO) {
            match BASE64_STANDARD.decode(&stamp.token) {
                Ok(token) => also.push(token),
                Err(_) => blame(format!("also.{number}.token"), "must be base64"),
            }
        }
        if proof.also.len() > ALSO {
            blame("also".to_owned(), &format!("must be up to {ALSO}"));
        }
        let log = match &proof.log {
            Some(log) => {
                let roots: Option<Vec<Digest>> = log.peaks.iter().map(|it| digest(it)).collect();
                let before = roots.and_then(|it| Peaks::new(log.first, it));
                if before.is_none() {
                    let what = "must be the roots of a log of `first` entries, SHA-256 in \
                                hexadecimal";
                    blame("log.peaks".to_owned(), what);
                }
                let checkpoint = Signed::read(&log.checkpoint);
                if let Err(error) = &checkpoint {
                    blame("log.checkpoint".to_owned(), &format!("is {error}"));
                }
                before
                    .zip(checkpoint.ok())
                    .map(|(before, checkpoint)| LogPart { before, checkpoint })
            }
            None => None,
        };
        let (true, Some(root), Some(token)) = (errors.is_empty(), root, token) else {
            return Err(Problem::fields(errors));
        };
        let uuids = proof.leaves.iter().map(|leaf| leaf.uuid).collect();
        Ok(Self { batch: proof.batch, root, token, uuids, leaves, also, log })
    }
}

fn digest(hexadecimal: &str) -> Option<Digest> {
    Digest::try_from(hex::decode(hexadecimal).ok()?).ok()
}

/// Every leaf must be a stored item, and the digest that of its record.
async fn compare(state: &State, claim: &Claim) -> Result<(), Problem> {
    let known = state.store.digests(&claim.uuids).await?;
    let listed = |wrong: Vec<&Uuid>| wrong.into_iter().map(Uuid::to_string).collect::<Vec<_>>();
    let unknown: Vec<_> = claim.uuids.iter().filter(|uuid| !known.contains_key(uuid)).collect();
    if !unknown.is_empty() {
        let detail = format!("{} of the items are not stored here", unknown.len());
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .with_code("unknown-items")
            .with("uuids", listed(unknown)));
    }
    let leaves = claim.uuids.iter().zip(&claim.leaves);
    let other: Vec<_> =
        leaves.filter(|(uuid, leaf)| known.get(uuid) != Some(leaf)).map(|(uuid, _)| uuid).collect();
    if other.is_empty() {
        return Ok(());
    }
    let detail = format!("{} of the leaves are not the digests of their records", other.len());
    Err(Problem::unprocessable(detail).with_code("leaf").with("uuids", listed(other)))
}
