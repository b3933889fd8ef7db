//! `/api/v1/proofs`: what an aggregator had stamped. Everything is recomputed before it is believed.

use std::collections::HashSet;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Authority, BatchTree, Digest};
use serde::Serialize;
use types::Proof;
use uuid::Uuid;

use super::items::overloaded;
use crate::{
    body::JsonBody,
    problem::{FieldError, Problem},
    state::State,
    store::{Batch, Placed, StoreProof},
};

/// Most items in a batch.
const LEAVES: usize = 1 << 16;

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
    let authorities = state.authorities.clone();
    let judged = web::block(move || {
        let batch = verified(claim.batch, claim.root, claim.token, claim.leaves, &authorities)?;
        Ok::<_, Problem>(StoreProof { batch, uuids: claim.uuids, first: false })
    });
    let deed = judged.await.map_err(overloaded)??;
    let outcome = |word| Outcome {
        batch: proof.batch,
        state: word,
        authority: deed.batch.authority.clone(),
        trust: deed.batch.trust.clone(),
    };
    let (stored, known) = (outcome("stored"), outcome("known"));
    match state.store.perform(deed).await? {
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
    authorities: &[Authority],
) -> Result<Batch, Problem> {
    if BatchTree::new(leaves.clone()).map(|tree| tree.root()) != Some(root) {
        let detail = "the leaves do not lead to the root";
        return Err(Problem::unprocessable(detail).with_code("root"));
    }
    let (authority, verified) = evidence::verify_any(&token, &root, authorities)
        .map_err(|cause| Problem::unprocessable(cause.to_string()).with_code(cause.code()))?;
    Ok(Batch {
        id,
        authority: authority.name().to_owned(),
        trust: trust(authority),
        root,
        token,
        gen_time_ms: i64::try_from(verified.gen_time.unix_ms()).unwrap_or(i64::MAX),
        leaves,
    })
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
        let (true, Some(root), Some(token)) = (errors.is_empty(), root, token) else {
            return Err(Problem::fields(errors));
        };
        let uuids = proof.leaves.iter().map(|leaf| leaf.uuid).collect();
        Ok(Self { batch: proof.batch, root, token, uuids, leaves })
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
