//! `/TimeStampTokens/`: SCANDALE's time stamps, which are verified here before they are stored.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, Path},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::sha256;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{invalid, items, literal, refusal};
use crate::{
    body::{Body, is_json},
    check::Finding,
    clock,
    problem::Problem,
    query::Params,
    state::State,
    store::{Batch, Placed, StoreProof, StoredItem},
    v1::{
        evidence::{earlier, finding, stamped},
        items::overloaded,
        proofs::verified,
    },
};

/// What SCANDALE hides a token with.
const XOR: u8 = 0x54;

/// A time stamp in JSON.
#[derive(Debug, Deserialize)]
struct Stamp {
    tst: String,
    scan_uuid: String,
}

/// What was stored.
#[derive(Debug, Serialize)]
struct Stored {
    scan_uuid: Uuid,
    batch: Uuid,
    authority: String,
    trust: String,
    gen_time: String,
}

/// Whether a time stamp holds: SCANDALE's word, and why.
#[derive(Debug, Serialize)]
struct Check {
    validity: bool,
    /// `pending` or `stamped`.
    state: &'static str,
    #[serde(flatten)]
    finding: Finding,
    /// The batch, and the item's place in the log that it goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_index: Option<u64>,
    /// Between which times the item was made, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<[String; 2]>,
}

/// `POST /TimeStampTokens/`.
pub(crate) async fn post(
    state: Data<State>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let stamp = if is_json(&request) {
        in_json(&body.0)
    } else if is_token(&request) {
        let uuid = Params::of(&request).raw("scan_uuid").map(str::to_owned);
        uuid.map(|uuid| literal::Stamp { token: body.0.to_vec(), uuid })
    } else {
        literal::read(&body.0)
    };
    let stamp = stamp.ok_or_else(|| {
        Problem::unprocessable(
            "the body must be `{'tst': b'…', 'scan_uuid': '…'}` in Python, \
             or in JSON with `tst` in base64, or a token as \
             `application/vnd.etsi.timestamp-token` with `?scan_uuid=…`",
        )
    })?;
    let item = find(&state, &stamp.uuid).await?;
    let uuid = Uuid::parse_str(&item.row.uuid)
        .map_err(|_| Problem::not_found(format!("no item `{}`", stamp.uuid)))?;
    let authorities = state.authorities.clone();
    let judged = web::block(move || {
        let digest = sha256(&item.canonical);
        verified(Uuid::new_v4(), digest, stamp.token, vec![digest], None, &authorities)
    });
    let batch = judged.await.map_err(overloaded)??;
    let deed = StoreProof { batch: batch.clone(), uuids: vec![uuid], first: true };
    match state.store.perform(deed).await? {
        Placed::Stored | Placed::Known if is_json(&request) => {
            Ok(HttpResponse::Created().json(Stored {
                scan_uuid: uuid,
                batch: batch.id,
                gen_time: clock::rfc3339(batch.gen_time_ms),
                authority: batch.authority,
                trust: batch.trust,
            }))
        }
        Placed::Stored | Placed::Known => {
            Ok(HttpResponse::Ok().json(literal::show(&batch.token, &uuid)))
        }
        Placed::Conflict => Err(Problem::conflict(format!("`{uuid}` is stamped already"))),
    }
}

/// Whether the body is a token itself.
fn is_token(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    kind == Some("application/vnd.etsi.timestamp-token")
}

fn in_json(body: &[u8]) -> Option<literal::Stamp> {
    let stamp: Stamp = serde_json::from_slice(body).ok()?;
    let token = BASE64_STANDARD.decode(stamp.tst).ok()?;
    Some(literal::Stamp { token, uuid: stamp.scan_uuid })
}

/// `GET /TimeStampTokens/`.
pub(crate) async fn list(
    state: Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (skip, limit) = match items::window(&Params::of(&request)) {
        Ok(window) => window,
        Err(faults) => return Ok(invalid(&faults)),
    };
    let stamps = state.store.tokens_of_items(skip, limit).await?;
    let shown = stamps
        .iter()
        .filter_map(|(uuid, token)| Some(literal::show(token, &Uuid::parse_str(uuid).ok()?)));
    let shown: Vec<_> = shown.collect();
    Ok(HttpResponse::Ok().json(format!("[{}]", shown.join(", "))))
}

/// `GET /TimeStampTokens/{uuid}`.
pub(crate) async fn show(state: Data<State>, uuid: Path<String>) -> Result<HttpResponse, Problem> {
    Ok(match batch(&state, &uuid).await? {
        Some((uuid, batch)) => HttpResponse::Ok().json(literal::show(&batch.token, &uuid)),
        None => missing(),
    })
}

/// `GET /TimeStampTokens/token/{uuid}`.
pub(crate) async fn token(
    state: Data<State>,
    request: HttpRequest,
    uuid: Path<String>,
) -> Result<HttpResponse, Problem> {
    let Some((uuid, batch)) = batch(&state, &uuid).await? else { return Ok(missing()) };
    let mut response = HttpResponse::Ok();
    response.insert_header(("X-Vedette-Root", hex::encode(batch.root)));
    if Params::of(&request).raw("legacy_xor") == Some("1") {
        let hidden: Vec<_> = batch.token.iter().map(|byte| byte ^ XOR).collect();
        return Ok(response.content_type("binary/octet-stream").body(hidden));
    }
    let name = format!("attachment; filename=\"{uuid}.tst\"");
    response.insert_header((header::CONTENT_DISPOSITION, name));
    Ok(response.content_type("application/vnd.etsi.timestamp-token").body(batch.token))
}

/// `GET /TimeStampTokens/check/{uuid}`.
pub(crate) async fn check(state: Data<State>, uuid: Path<String>) -> Result<HttpResponse, Problem> {
    let Ok(item) = find(&state, &uuid).await else { return Ok(missing()) };
    let placed = stamped(&state, &item).await?;
    let before = earlier(&state, &item.canonical).await?;
    let finding = finding(&state, item).await?;
    let interval =
        placed.as_ref().zip(before).filter(|_| finding.valid).map(|((batch, _), before)| {
            [before.gen_time_ms, batch.gen_time_ms].map(clock::rfc3339)
        });
    let log_index = placed.as_ref().and_then(|(batch, place)| {
        Some(batch.log.as_ref()?.before.size() + u64::try_from(*place).ok()?)
    });
    let state = if finding.code == "pending" { "pending" } else { "stamped" };
    Ok(HttpResponse::Ok().json(Check {
        validity: finding.valid,
        state,
        finding,
        batch: placed.map(|(batch, _)| batch.id),
        log_index,
        interval,
    }))
}

/// `GET /TimeStampTokens/get_timestamp/{uuid}`.
pub(crate) async fn get_timestamp(
    state: Data<State>,
    uuid: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(match batch(&state, &uuid).await? {
        Some((_, batch)) => {
            let timestamp = clock::rfc3339(batch.gen_time_ms);
            HttpResponse::Ok().json(json!({ "timestamp": timestamp }))
        }
        None => missing(),
    })
}

async fn find(state: &State, uuid: &str) -> Result<StoredItem, Problem> {
    let item = match Uuid::parse_str(uuid) {
        Ok(uuid) => state.store.item(uuid).await?,
        Err(_) => None,
    };
    item.ok_or_else(|| Problem::not_found(format!("no item `{uuid}`")))
}

async fn batch(state: &State, uuid: &str) -> Result<Option<(Uuid, Batch)>, Problem> {
    let Ok(uuid) = Uuid::parse_str(uuid) else { return Ok(None) };
    let Some(item) = state.store.item(uuid).await? else { return Ok(None) };
    Ok(stamped(state, &item).await?.map(|(batch, _)| (uuid, batch)))
}

fn missing() -> HttpResponse {
    refusal(&Problem::not_found("TimeStampToken not found"))
}
