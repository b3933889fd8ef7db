//! SCANDALE's paths, for its clients: the bytes are SCANDALE's where it was right.

pub(crate) mod items;
mod literal;
pub(crate) mod pubsub;
pub(crate) mod system;
pub(crate) mod tokens;

use actix_web::{HttpRequest, HttpResponse, ResponseError, http::header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::problem::Problem;

/// An item as SCANDALE shows it: its fields and no others, in its order.
#[derive(Debug, Serialize, Deserialize)]
struct Scan {
    version: String,
    format: String,
    meta: ScanMeta,
    payload: ScanPayload,
}

#[derive(Debug, Serialize, Deserialize)]
struct ScanMeta {
    uuid: String,
    ts: i64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ScanPayload {
    raw: String,
}

impl Scan {
    /// From the canonical record of an item.
    fn of(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }
}

/// Whether a path is one of SCANDALE's, whose clients want errors as `FastAPI` says them.
pub(crate) fn owns(path: &str) -> bool {
    ["/items", "/TimeStampTokens", "/system/", "/pubsub"].iter().any(|own| path.starts_with(own))
}

/// A problem as `FastAPI` says it.
pub(crate) fn refusal(problem: &Problem) -> HttpResponse {
    let full = problem.error_response();
    let mut response = HttpResponse::build(full.status());
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        if let Some(value) = full.headers().get(&name) {
            response.insert_header((name, value.clone()));
        }
    }
    response.json(json!({ "detail": problem.detail() }))
}

/// `/items` → `/items/`.
pub(crate) async fn with_slash(request: HttpRequest) -> HttpResponse {
    let location = match request.query_string() {
        "" => format!("{}/", request.path()),
        query => format!("{}/?{query}", request.path()),
    };
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, location)).finish()
}

/// What `FastAPI` answers to input that is wrong.
fn invalid(faults: &[serde_json::Value]) -> HttpResponse {
    HttpResponse::UnprocessableEntity().json(json!({ "detail": faults }))
}
