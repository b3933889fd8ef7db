//! `/api/v1/items`: results come in, one or many, and are found again.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Data, Json, Path},
};
use evidence::{Link, Record};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{Page, evidence::ProofDetail};
use crate::{
    body::JsonBody,
    intake::{self, NewItem},
    problem::Problem,
    query::{self, Params},
    state::State,
    store::{Fate, ItemRow, ItemsQuery, StoreItems, StoredItem},
};

/// Items on a page, unless the reader asks for another number.
const PAGE: u64 = 50;
/// Most items on a page.
const PAGE_MAX: u64 = 1000;
/// How much of an output is shown decoded, in bytes.
const DECODED: usize = 64 << 10;

/// What became of one item.
#[derive(Debug, Serialize)]
struct Outcome {
    uuid: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of many.
#[derive(Debug, Serialize)]
struct Outcomes {
    results: Vec<Outcome>,
    stored: usize,
}

/// An item with everything that is known of it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: ItemRow,
    record: Value,
    decoded: String,
    proof_detail: Option<ProofDetail>,
    /// Who signed it, if somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
}

/// The signature of an item, which holds: what does not is not stored.
#[derive(Debug, Serialize)]
struct Signature {
    /// The key (Ed25519), in hexadecimal.
    key: String,
    /// Whose evidence key the registry says that it is now.
    signer: Option<String>,
}

/// `POST /api/v1/items`.
pub(crate) async fn post(state: Data<State>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let body = body.0;
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let limit = state.limits.items;
        let judged = web::block(move || judge_all(&body, limit)).await.map_err(overloaded)??;
        return Ok(HttpResponse::Ok().json(store_all(&state, judged).await?));
    }
    let item = judge(&body)?;
    let (uuid, sha256) = (item.uuid, item.sha256);
    let fates = state.store.perform(StoreItems { items: vec![item] }).await?;
    let (status, word) = match fates.first() {
        Some(Fate::Stored) => (StatusCode::CREATED, "stored"),
        Some(Fate::Known) => (StatusCode::OK, "known"),
        Some(Fate::Conflict) | None => return Err(Problem::conflict(conflict(uuid))),
    };
    Ok(HttpResponse::build(status).json(Outcome {
        uuid: Some(uuid.to_string()),
        state: word,
        sha256: Some(hex::encode(sha256)),
        detail: None,
    }))
}

/// `GET /api/v1/items`.
pub(crate) async fn list(
    state: Data<State>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let query = ItemsQuery {
        since: params.time("since"),
        until: params.time("until"),
        source: params.text("source"),
        kind: params.text("type"),
        text: params.text("q"),
        after: params.cursor(),
        limit: params.limit(PAGE, PAGE_MAX),
    };
    params.finish()?;
    let page = state.store.items(&query).await?;
    Ok(Json(Page { items: page.rows, next: page.next.map(query::cursor), total: page.total }))
}

/// `GET /api/v1/items/{uuid}`.
pub(crate) async fn show(
    state: Data<State>,
    uuid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let item = find(&state, &uuid).await?;
    let proof_detail = ProofDetail::of(&state, &item).await?;
    let record: Value = serde_json::from_slice(&item.canonical).unwrap_or_default();
    let raw = record.pointer("/payload/raw").and_then(Value::as_str).unwrap_or_default();
    let key = Record::parse(&item.canonical).ok().and_then(|it| Link::read(&it).ok()?.key);
    let signature = match key.map(hex::encode) {
        Some(key) => {
            let members = state.store.list().await?.map(|it| it.members).unwrap_or_default();
            let signer = members.into_iter().find(|it| it.evidence_key == key).map(|it| it.jid);
            Some(Signature { key, signer })
        }
        None => None,
    };
    let mut decoded = intake::decoded(raw);
    decoded.truncate(decoded.floor_char_boundary(DECODED));
    Ok(Json(Shown { row: item.row, record, decoded, proof_detail, signature }))
}

/// The item of a path.
pub(super) async fn find(state: &State, uuid: &str) -> Result<StoredItem, Problem> {
    let item = match Uuid::parse_str(uuid) {
        Ok(uuid) => state.store.item(uuid).await?,
        Err(_) => None,
    };
    item.ok_or_else(|| Problem::not_found(format!("no item `{uuid}`")))
}

/// Everything that was asked to be done beside is waiting already.
pub(crate) fn overloaded(_: actix_web::error::BlockingError) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too much is being worked on; try again")
        .with_header(actix_web::http::header::RETRY_AFTER, "1")
}

fn conflict(uuid: Uuid) -> String {
    format!("another item with the UUID `{uuid}` is stored")
}

fn judge(json: &[u8]) -> Result<NewItem, Problem> {
    Ok(NewItem::read(&Record::parse(json)?)?)
}

/// An item that can be stored, or what is said of one that can not.
type Judged = Result<NewItem, Outcome>;

fn judge_all(json: &[u8], limit: usize) -> Result<Vec<Judged>, Problem> {
    let all: Vec<&RawValue> =
        serde_json::from_slice(json).map_err(|cause| Problem::unprocessable(cause.to_string()))?;
    if all.len() > limit {
        let detail = format!("{} items are more than {limit}, the most in a request", all.len());
        return Err(Problem::unprocessable(detail).with("limit", limit));
    }
    Ok(all
        .into_iter()
        .map(|one| judge(one.get().as_bytes()).map_err(|no| refused(one, &no)))
        .collect())
}

fn refused(one: &RawValue, problem: &Problem) -> Outcome {
    let value: Value = serde_json::from_str(one.get()).unwrap_or_default();
    let uuid = value.pointer("/meta/uuid").and_then(Value::as_str).map(str::to_owned);
    Outcome { uuid, state: "refused", sha256: None, detail: Some(problem.detail().to_owned()) }
}

async fn store_all(state: &State, judged: Vec<Judged>) -> Result<Outcomes, Problem> {
    let mut items = Vec::with_capacity(judged.len());
    let mut said = Vec::with_capacity(judged.len());
    for one in judged {
        match one {
            Ok(item) => {
                said.push(Ok(item.uuid));
                items.push(item);
            }
            Err(outcome) => said.push(Err(outcome)),
        }
    }
    let mut fates = if items.is_empty() {
        Vec::new()
    } else {
        state.store.perform(StoreItems { items }).await?
    }
    .into_iter();
    let mut stored = 0;
    let results = said.into_iter().map(|one| {
        let uuid = match one {
            Ok(uuid) => uuid,
            Err(outcome) => return outcome,
        };
        let (word, detail) = match fates.next() {
            Some(Fate::Stored) => {
                stored += 1;
                ("stored", None)
            }
            Some(Fate::Known) => ("known", None),
            Some(Fate::Conflict) | None => ("conflict", Some(conflict(uuid))),
        };
        Outcome { uuid: Some(uuid.to_string()), state: word, sha256: None, detail }
    });
    let results = results.collect();
    Ok(Outcomes { results, stored })
}
