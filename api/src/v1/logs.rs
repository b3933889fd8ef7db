//! `/api/v1/logs`: the append-only logs, their checkpoints, and that a longer one begins as a shorter
//! did. And `/api/v1/agents/{jid}/completeness`: what is missing of an agent's items.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Json, Path},
};
use evidence::{
    Digest,
    log::{Peaks, Tail},
};
use serde::Serialize;

use super::{Page, items::overloaded};
use crate::{
    problem::Problem,
    query::Params,
    state::State,
    store::{Store, StoreError},
};

/// Entries that one proof goes over, at most: their hashes are in memory at once.
const ENTRIES: u64 = 1 << 20;
/// Batches that are read at once.
const BATCHES: u64 = 64;

/// That a log of `to` entries begins with the one of `from` entries (RFC 6962 section 2.1.2).
#[derive(Debug, Serialize)]
struct Consistency {
    log: String,
    from: u64,
    from_root: String,
    to: u64,
    to_root: String,
    proof: Vec<String>,
}

/// `GET /api/v1/logs`.
pub(crate) async fn list(state: Data<State>) -> Result<Json<impl Serialize>, Problem> {
    let items = state.store.logs().await?;
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Ok(Json(Page { items, next: None, total }))
}

/// `GET /api/v1/logs/{log}/checkpoint`: the newest, as a signed note.
pub(crate) async fn checkpoint(
    state: Data<State>,
    log: Path<String>,
) -> Result<HttpResponse, Problem> {
    let row = state.store.log(&log).await?.ok_or_else(|| unknown(&log))?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(row.checkpoint))
}

/// `GET /api/v1/logs/{log}/consistency`: from the checkpoint of `from` entries to that of `to`;
/// both must be of stamped batches.
pub(crate) async fn consistency(
    state: Data<State>,
    request: HttpRequest,
    log: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let mut size = |name: &str| {
        let text = params.text(name)?;
        let read = text.parse::<u64>().ok().filter(|it| *it > 0);
        read.or_else(|| params.refuse(name, "must be how many entries a checkpoint has".to_owned()))
    };
    let (from, to) = (size("from"), size("to"));
    params.finish()?;
    let newest = state.store.log(&log).await?.ok_or_else(|| unknown(&log))?;
    let to = to.unwrap_or(newest.size);
    let from = from.ok_or_else(|| Problem::unprocessable("`from` is missing"))?;
    if from > to {
        return Err(Problem::unprocessable("`from` must not be more than `to`"));
    }
    if to - from > ENTRIES {
        let detail = format!(
            "`to` is {} entries after `from`; at most {ENTRIES} are possible: ask for a checkpoint \
             between them, and go on from there",
            to - from
        );
        return Err(Problem::unprocessable(detail));
    }
    let none = |size: u64| {
        Problem::not_found(format!("no checkpoint of `{log}` with {size} entries is stamped here"))
    };
    let before = state.store.peaks_at(&log, from).await?.ok_or_else(|| none(from))?;
    let entries = entries(&state.store, &log, from, to).await?;
    if u64::try_from(entries.len()) != Ok(to - from) {
        return Err(none(to));
    }
    let proved = web::block(move || prove(&before, &entries)).await.map_err(overloaded)?;
    let (from_root, to_root, proof) = proved.ok_or_else(|| none(to))?;
    Ok(Json(Consistency {
        log: log.to_string(),
        from,
        from_root: hex::encode(from_root),
        to,
        to_root: hex::encode(to_root),
        proof: proof.iter().map(hex::encode).collect(),
    }))
}

/// The entries of a log between two checkpoints; others when it has no such second one.
async fn entries(store: &Store, log: &str, from: u64, to: u64) -> Result<Vec<Digest>, StoreError> {
    let (mut entries, mut known) = (Vec::new(), from);
    while known < to {
        let before = known;
        for batch in store.batches_of_log(log, known, BATCHES).await? {
            let begins = batch.log.map(|it| it.before.size());
            if known < to && begins == Some(known) {
                known += u64::try_from(batch.leaves.len()).unwrap_or(u64::MAX);
                entries.extend(batch.leaves);
            }
        }
        if known == before {
            break;
        }
    }
    Ok(entries)
}

/// The roots and the hashes between.
fn prove(before: &Peaks, entries: &[Digest]) -> Option<(Digest, Digest, Vec<Digest>)> {
    let tail = Tail::new(before, entries);
    Some((before.root(), tail.root()?, tail.consistency()?))
}

/// `GET /api/v1/agents/{jid}/completeness`.
pub(crate) async fn completeness(
    state: Data<State>,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    Ok(Json(state.store.completeness(&jid).await?))
}

fn unknown(log: &str) -> Problem {
    Problem::not_found(format!("no log `{log}`"))
}
