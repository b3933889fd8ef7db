//! `/api/v1/logs`: the append-only logs, their checkpoints, and that a longer one begins as a shorter
//! did. And `/api/v1/agents/{jid}/completeness`: what is missing of an agent's items.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Json, Path},
};
use evidence::{Digest, log::Tail};
use serde::Serialize;

use super::{Page, items::overloaded};
use crate::{problem::Problem, query::Params, state::State, store::Batch};

/// Batches that one proof goes over, at most.
const BATCHES: u64 = 100_000;

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
    let none = |size: u64| {
        Problem::not_found(format!("no checkpoint of `{log}` with {size} entries is stamped here"))
    };
    let batches = if from == to {
        Vec::new()
    } else {
        state.store.batches_of_log(&log, from, BATCHES).await?
    };
    let name = log.to_string();
    let proved = web::block(move || prove(&batches, from, to)).await.map_err(overloaded)?;
    match proved {
        Ok((from_root, to_root, proof)) => Ok(Json(Consistency {
            log: name,
            from,
            from_root: hex::encode(from_root),
            to,
            to_root: hex::encode(to_root),
            proof: proof.iter().map(hex::encode).collect(),
        })),
        Err(size) => Err(none(size)),
    }
}

/// The roots and the hashes between; or the size of which there is no checkpoint.
fn prove(batches: &[Batch], from: u64, to: u64) -> Result<(Digest, Digest, Vec<Digest>), u64> {
    let first = batches.first().and_then(|it| it.log.as_ref());
    let before = first.filter(|it| it.before.size() == from).map(|it| &it.before).ok_or(from)?;
    let mut leaves: Vec<&Digest> = Vec::new();
    for batch in batches {
        let begins = batch.log.as_ref().map(|it| it.before.size());
        let known = from + u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        if known >= to || begins != Some(known) {
            break;
        }
        leaves.extend(&batch.leaves);
    }
    let tail = Tail::new(before, leaves);
    if tail.size() != to {
        return Err(to);
    }
    let proof = tail.root().zip(tail.consistency()).ok_or(to)?;
    Ok((before.root(), proof.0, proof.1))
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
