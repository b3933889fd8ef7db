//! `/system/`: what SCANDALE says of itself.

use actix_web::{HttpResponse, web::Data};
use serde_json::json;

use crate::{clock, problem::Problem, state::State};

/// `GET /system/stats/`.
pub(crate) async fn stats(state: Data<State>) -> Result<HttpResponse, Problem> {
    let counts = state.store.counts(clock::now_ms()).await?;
    let stamped = counts.items.saturating_sub(counts.pending);
    Ok(HttpResponse::Ok().json(json!({ "dbsize": { "scans": counts.items, "tst": stamped } })))
}

/// `GET /system/info/`. There is no Python here; its clients want the key.
pub(crate) async fn info() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "python_version": "",
        "version": env!("CARGO_PKG_VERSION"),
        "version_url": "",
    }))
}
