//! `/health/*` and `/metrics`: for those who watch the watcher.

use actix_web::{HttpResponse, web::Data};

use crate::{clock, problem::Problem, state::State};

/// `GET /health/live`: it runs.
pub(crate) async fn live() -> HttpResponse {
    said("alive")
}

/// `GET /health/ready`: the database answers.
pub(crate) async fn ready(state: Data<State>) -> Result<HttpResponse, Problem> {
    state.store.ready().await?;
    Ok(said("ready"))
}

/// `GET /metrics`.
pub(crate) async fn metrics(state: Data<State>) -> Result<HttpResponse, Problem> {
    let counts = state.store.counts(clock::now_ms()).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(state.metrics.text(&counts, state.hub.listeners())))
}

fn said(status: &'static str) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": status }))
}
