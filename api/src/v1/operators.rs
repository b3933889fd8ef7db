//! `/api/v1/operators`: people whose devices the agents believe, each by its fingerprint.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Device;

use super::{
    Page,
    agents::fault_of_jid,
    device::{self, Shown},
};
use crate::{
    auth::Caller,
    body::{JsonBody, too_long},
    problem::{FieldError, Problem},
    state::State,
    store::{Distrust, DistrustDevices, OperatorRow, TooMany, TrustDevices},
};

/// The longest body, in bytes.
const BODY: usize = 64 << 10;
/// What can be said of whom to believe.
const FIELDS: [&str; 3] = ["jid", "fingerprint", "uri"];

/// Who is to be believed, and by what.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    jid: Value,
    #[serde(default)]
    fingerprint: Value,
    #[serde(default)]
    uri: Value,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// A person, with devices as people compare them.
#[derive(Debug, Serialize)]
struct Operator {
    jid: String,
    state: String,
    done: bool,
    devices: Vec<Shown>,
    created_by: Option<String>,
    changed_ms: Option<i64>,
    why: Option<String>,
}

impl From<OperatorRow> for Operator {
    fn from(row: OperatorRow) -> Self {
        let devices = row.devices.iter().map(|it| Shown::of(&row.jid, it)).collect();
        let OperatorRow { jid, state, done, created_by, changed_ms, why, .. } = row;
        Self { jid, state, done, devices, created_by, changed_ms, why }
    }
}

/// `GET /api/v1/operators`.
pub(crate) async fn list(state: Data<State>) -> Result<Json<impl Serialize>, Problem> {
    let rows = state.store.operators().await?;
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let items = rows.into_iter().map(Operator::from).collect();
    Ok(Json(Page { items, next: None, total }))
}

/// `GET /api/v1/operators/{jid}`.
pub(crate) async fn show(
    state: Data<State>,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let row = state.store.operators().await?.into_iter().find(|it| it.jid == *jid);
    row.map(|it| Json(Operator::from(it))).ok_or_else(|| unknown(&jid))
}

/// `POST /api/v1/operators`.
pub(crate) async fn post(
    state: Data<State>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    if body.0.len() > BODY {
        return Err(too_long(BODY));
    }
    let wanted: Wanted = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not whom to believe: {cause}")))?;
    let (jid, devices) = wanted.read()?;
    let deed = TrustDevices { who: Caller::of(&request).name, jid: jid.clone(), devices };
    let (is_new, row) = state.store.perform(deed).await?.map_err(|why| match why {
        Distrust::Agent => {
            let detail = format!("`{jid}` is an agent: its keys come by enrolment");
            Problem::conflict(detail)
        }
        Distrust::TooMany(TooMany { limit }) => {
            let detail = format!("`{jid}` may have {limit} devices; distrust one before");
            Problem::conflict(detail).with("limit", limit)
        }
    })?;
    state.orders.notify_waiters();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(Operator::from(row)))
}

/// `DELETE /api/v1/operators/{jid}`.
pub(crate) async fn delete(
    state: Data<State>,
    request: HttpRequest,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    distrust(&state, &request, &jid, None).await
}

/// `DELETE /api/v1/operators/{jid}/{fingerprint}`.
pub(crate) async fn delete_device(
    state: Data<State>,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> Result<Json<impl Serialize>, Problem> {
    let (jid, fingerprint) = path.into_inner();
    let key = device::read_fingerprint(&fingerprint)
        .ok_or_else(|| Problem::not_found(format!("`{fingerprint}` is no fingerprint")))?;
    distrust(&state, &request, &jid, Some(key)).await
}

async fn distrust(
    state: &State,
    request: &HttpRequest,
    jid: &str,
    key: Option<String>,
) -> Result<Json<Operator>, Problem> {
    let who = Caller::of(request).name;
    let deed = DistrustDevices { who, jid: jid.to_owned(), key: key.clone() };
    let row = state.store.perform(deed).await?.ok_or_else(|| match key {
        Some(key) => Problem::not_found(format!("`{jid}` is not believed by the key {key}")),
        None => unknown(jid),
    })?;
    state.orders.notify_waiters();
    Ok(Json(Operator::from(row)))
}

fn unknown(jid: &str) -> Problem {
    Problem::not_found(format!("no operator `{jid}`"))
}

impl Wanted {
    fn read(self) -> Result<(String, Vec<Device>), Problem> {
        let mut errors = Vec::new();
        let mut blame = |field: &str, detail: &str| {
            errors.push(FieldError { field: field.to_owned(), detail: detail.to_owned() });
        };
        for field in self.others.keys() {
            blame(field, &format!("is not known; there are: {}", FIELDS.join(", ")));
        }
        let given = match (&self.jid, &self.fingerprint, &self.uri) {
            (Value::Null, Value::Null, Value::String(uri)) => {
                let read = device::read_uri(uri);
                if read.is_none() {
                    blame("uri", "must be such as `xmpp:ops@example.org?omemo-sid-7=01ab…`");
                }
                read
            }
            (Value::String(jid), Value::String(fingerprint), Value::Null) => {
                let key = device::read_fingerprint(fingerprint);
                if key.is_none() {
                    blame("fingerprint", "must be 64 hexadecimal digits, as the client shows them");
                }
                key.map(|key| (jid.trim().to_lowercase(), vec![device::of_key(key)]))
            }
            _ => {
                blame("jid", "must come with `fingerprint`, or `uri` without them");
                None
            }
        };
        let is_account = |jid: &str| {
            let parts = jid.split_once('@');
            fault_of_jid(jid).is_none()
                && parts.is_some_and(|(node, domain)| !node.is_empty() && !domain.is_empty())
        };
        match given {
            Some((jid, devices)) if is_account(&jid) && errors.is_empty() => Ok((jid, devices)),
            Some(_) if errors.is_empty() => Err(Problem::fields(vec![FieldError {
                field: "jid".to_owned(),
                detail: "must be a bare JID such as `ops@example.org`".to_owned(),
            }])),
            _ => Err(Problem::fields(errors)),
        }
    }
}
