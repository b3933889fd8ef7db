//! `/api/v1/summary`: how much of everything there is, in one answer.

use actix_web::web::{Data, Json};
use evidence::Trust;
use serde::Serialize;

use crate::{clock, problem::Problem, state::State};

/// For how long a count of what is missing is told again, in milliseconds.
const FRESH_MS: i64 = 10_000;

/// How much of everything there is.
#[derive(Debug, Serialize)]
struct Summary {
    agents: Agents,
    items: Items,
    proofs: Proofs,
    /// The authority that is believed first.
    authority: Option<Authority>,
    integrity: Integrity,
    version: &'static str,
    started_ms: i64,
    clock_ms: i64,
}

#[derive(Debug, Serialize)]
struct Agents {
    total: u64,
    present: u64,
}

#[derive(Debug, Serialize)]
struct Items {
    total: u64,
    pending: u64,
    last_hour: u64,
    fail: u64,
    error: u64,
    missing: u64,
}

#[derive(Debug, Serialize)]
struct Proofs {
    total: u64,
    last_ms: Option<i64>,
}

/// Whether the database is what was stored, in short; all of it is at `/api/v1/integrity`.
#[derive(Debug, Serialize)]
struct Integrity {
    state: crate::integrity::State,
    faults: u64,
    first: Option<String>,
}

#[derive(Debug, Serialize)]
struct Authority {
    name: String,
    trust: Trust,
}

/// `GET /api/v1/summary`.
pub(crate) async fn show(state: Data<State>) -> Result<Json<impl Serialize>, Problem> {
    let clock_ms = clock::now_ms();
    let counts = state.store.counts(clock_ms).await?;
    let report = state.integrity.report();
    Ok(Json(Summary {
        integrity: Integrity {
            state: report.state,
            faults: report.count,
            first: report.faults.first().map(|it| it.detail.clone()),
        },
        agents: Agents { total: counts.agents, present: counts.present },
        items: Items {
            total: counts.items,
            pending: counts.pending,
            last_hour: counts.last_hour,
            fail: counts.fail,
            error: counts.error,
            missing: missing(&state, clock_ms).await?,
        },
        proofs: Proofs { total: counts.proofs, last_ms: counts.last_proof_ms },
        authority: state
            .authorities
            .first()
            .map(|first| Authority { name: first.name().to_owned(), trust: first.trust() }),
        version: env!("CARGO_PKG_VERSION"),
        started_ms: state.started_ms,
        clock_ms,
    }))
}

/// How many items are missing, as of a few seconds ago.
async fn missing(state: &State, now_ms: i64) -> Result<u64, Problem> {
    let mut known = state.missing.lock().await;
    if let Some((_, count)) = known.filter(|(at, _)| (0..FRESH_MS).contains(&(now_ms - at))) {
        return Ok(count);
    }
    let count = state.store.missing().await?;
    *known = Some((now_ms, count));
    Ok(count)
}

/// `GET /api/v1/integrity`.
pub(crate) async fn integrity(state: Data<State>) -> Json<impl Serialize> {
    Json(state.integrity.report())
}
