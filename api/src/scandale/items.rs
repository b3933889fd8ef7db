//! `/items/`: SCANDALE's items.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use evidence::{Record, RecordError, sha256};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Scan, invalid, refusal};
use crate::{
    body::{Body, is_json},
    intake::{Fault, NewItem, Wrong},
    problem::Problem,
    query::Params,
    state::State,
    store::{Fate, StoreError, StoreItems},
};

/// Items on a page, as in SCANDALE.
const PAGE: u64 = 100;
/// Most items on a page; who asks for more gets these.
const PAGE_MAX: u64 = 1000;

/// An item as SCANDALE wraps it.
#[derive(Debug, Serialize)]
struct Wrapped {
    scan_data: Scan,
}

/// `GET /items/`.
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let params = Params::of(&request);
    let (skip, limit) = match window(&params) {
        Ok(window) => window,
        Err(faults) => return invalid(&faults),
    };
    let raw = params.raw("q").filter(|q| !q.is_empty()).map(|q| sha256(q.as_bytes()));
    match state.store.records(raw, skip, limit).await {
        Ok((records, total)) => {
            let scans = records.iter().filter_map(|record| Scan::of(record));
            let scans: Vec<_> = scans.map(|scan_data| Wrapped { scan_data }).collect();
            HttpResponse::Ok().insert_header(("X-Total-Count", total)).json(scans)
        }
        Err(cause) => failed(cause),
    }
}

/// `GET /items/{id}`.
pub(crate) async fn show(state: Data<State>, id: Path<String>) -> HttpResponse {
    let Ok(number) = id.parse::<i64>() else {
        return invalid(&[json!({
            "type": "int_parsing",
            "loc": ["path", "item_id"],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": id.as_str(),
        })]);
    };
    match state.store.item_by_id(number).await {
        Ok(Some(item)) => wrapped(item.id, &item.canonical),
        Ok(None) => refusal(&Problem::not_found("Item not found")),
        Err(cause) => failed(cause),
    }
}

/// `POST /items/`.
pub(crate) async fn post(state: Data<State>, request: HttpRequest, body: Body) -> HttpResponse {
    let body = body.0;
    let record = match Record::parse(&body) {
        Ok(record) if is_json(&request) => record,
        Ok(_) | Err(RecordError::NotAnObject { .. }) => {
            let text = Value::from(String::from_utf8_lossy(&body));
            let wrong = Wrong { place: Vec::new(), fault: Fault::NotObject, input: text };
            return invalid(&[fault(&wrong)]);
        }
        Err(cause @ RecordError::TooLarge { .. }) => return refusal(&Problem::from(cause)),
        Err(cause) => {
            return invalid(&[json!({
                "type": "json_invalid",
                "loc": ["body", 0],
                "msg": "JSON decode error",
                "input": {},
                "ctx": { "error": Problem::from(cause).detail() },
            })]);
        }
    };
    let item = match NewItem::read(&record) {
        Ok(item) => item,
        Err(wrong) => return invalid(&wrong.iter().map(fault).collect::<Vec<_>>()),
    };
    let uuid = item.uuid;
    match state.store.perform(StoreItems { items: vec![item] }).await {
        Ok(fates) if fates.first() == Some(&Fate::Conflict) => {
            let detail = format!("another item with the UUID `{uuid}` is stored");
            refusal(&Problem::conflict(detail))
        }
        Ok(_) => match state.store.item(uuid).await {
            Ok(Some(item)) => wrapped(item.id, &item.canonical),
            Ok(None) => refusal(&Problem::not_found("Item not found")),
            Err(cause) => failed(cause),
        },
        Err(cause) => failed(cause),
    }
}

fn wrapped(id: i64, record: &[u8]) -> HttpResponse {
    match Scan::of(record) {
        Some(scan_data) => {
            HttpResponse::Ok().insert_header(("X-Item-Id", id)).json(Wrapped { scan_data })
        }
        None => refusal(&Problem::not_found("Item not found")),
    }
}

pub(super) fn failed(cause: StoreError) -> HttpResponse {
    refusal(&Problem::from(cause))
}

/// `skip` and `limit`.
pub(super) fn window(params: &Params) -> Result<(u64, u64), Vec<Value>> {
    let skip = natural(params, "skip", 0);
    let limit = natural(params, "limit", PAGE);
    match (skip, limit) {
        (Ok(skip), Ok(limit)) => Ok((skip, limit.min(PAGE_MAX))),
        (skip, limit) => Err(skip.err().into_iter().chain(limit.err()).collect()),
    }
}

/// A number that is not below zero, or why there is none.
fn natural(params: &Params, name: &str, usual: u64) -> Result<u64, Value> {
    let Some(text) = params.raw(name) else { return Ok(usual) };
    let Ok(number) = text.parse::<i64>() else {
        return Err(json!({
            "type": "int_parsing",
            "loc": ["query", name],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": text,
        }));
    };
    u64::try_from(number).map_err(|_| {
        json!({
            "type": "greater_than_equal",
            "loc": ["query", name],
            "msg": "Input should be greater than or equal to 0",
            "input": text,
            "ctx": { "ge": 0 },
        })
    })
}

/// A wrong field as `FastAPI` says it.
fn fault(wrong: &Wrong) -> Value {
    let (kind, message) = match wrong.fault {
        Fault::Missing => ("missing", "Field required".to_owned()),
        Fault::NotObject => (
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from".to_owned(),
        ),
        Fault::NotText => ("string_type", "Input should be a valid string".to_owned()),
        Fault::NotInteger => ("int_type", "Input should be a valid integer".to_owned()),
        Fault::NotUuid => ("uuid_parsing", "Input should be a valid UUID".to_owned()),
        other @ (Fault::TooLong | Fault::Control | Fault::Signature) => {
            ("value_error", format!("Value error, {}", other.detail()))
        }
    };
    let mut place = vec!["body"];
    place.extend(&wrong.place);
    json!({ "type": kind, "loc": place, "msg": message, "input": wrong.input })
}
