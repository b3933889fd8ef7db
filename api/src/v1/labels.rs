//! `/api/v1/labels`: what people judged, as labels of conversations for the next training.

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{Bytes, Data},
};
use async_stream::stream;
use futures_util::Stream;
use serde::Serialize;
use serde_json::Value;

use super::alerts;
use crate::{
    clock::{self, rfc3339},
    state::State,
    store::{AlertRow, StoreError},
};

/// Alerts that are read together.
const PAGE: u64 = 100;
/// Most pieces of evidence of an alert, and most examples of a piece.
const MOST: usize = 64;

/// One side of a conversation.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Side<'v> {
    address: &'v str,
    port: u64,
}

/// One conversation that a person judged.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Line<'v> {
    start: &'v str,
    originator: Side<'v>,
    responder: Side<'v>,
    protocol: u64,
    /// `malicious` or `benign`.
    label: &'static str,
    family: &'v str,
    alert: &'v str,
    source: &'v str,
    judged_by: Option<&'v str>,
    judged_at: String,
}

/// `GET /api/v1/labels`: a line of JSON for each conversation, the alerts in the order in which they
/// came.
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("application/x-ndjson");
    if request.method() == Method::HEAD {
        return response.finish();
    }
    response.streaming(lines(state))
}

fn lines(state: Data<State>) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream! {
        let mut after = 0;
        loop {
            let (rows, last) = state.store.judged(after, PAGE).await?;
            let Some(last) = last else { break };
            after = last;
            for row in rows {
                let told = alerts::told(&state, &row).await?;
                let lines = labels(&row, &told);
                if !lines.is_empty() {
                    yield Ok(Bytes::from(lines));
                }
            }
        }
    }
}

/// The lines of an alert, each conversation once.
fn labels(row: &AlertRow, told: &Value) -> String {
    let evidence = told.get("evidence").and_then(Value::as_array);
    let examples = evidence.into_iter().flatten().take(MOST).flat_map(|piece| {
        let examples = piece.get("examples").and_then(Value::as_array);
        examples.into_iter().flatten().take(MOST)
    });
    let labels: BTreeSet<Line<'_>> = examples.filter_map(|it| label(row, it)).collect();
    let lines = labels.iter().filter_map(|it| serde_json::to_string(it).ok());
    lines.map(|line| line + "\n").collect()
}

/// The label of an example; what is no conversation has none.
fn label<'v>(row: &'v AlertRow, example: &'v Value) -> Option<Line<'v>> {
    let start = example.get("start").filter(|it| clock::nanoseconds(it).is_some())?;
    Some(Line {
        start: start.as_str()?,
        originator: side(example.get("originator")?)?,
        responder: side(example.get("responder")?)?,
        protocol: example.get("protocol")?.as_u64().filter(|it| *it <= 255)?,
        label: if row.verdict.as_deref() == Some("attack") { "malicious" } else { "benign" },
        family: &row.family,
        alert: &row.id,
        source: &row.source,
        judged_by: row.judged_by.as_deref(),
        judged_at: rfc3339(row.judged_ms.unwrap_or_default()),
    })
}

fn side(value: &Value) -> Option<Side<'_>> {
    let address = value.get("address")?.as_str()?;
    address.parse::<std::net::IpAddr>().ok()?;
    Some(Side { address, port: value.get("port")?.as_u64().filter(|it| *it <= 65535)? })
}
