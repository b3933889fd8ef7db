//! `/api/v1/alerts`: what speaks against hosts; people move alerts on, and say what they were.

use std::{collections::BTreeMap, net::IpAddr};

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Page;
use crate::{
    auth::Caller,
    body::{JsonBody, too_long},
    intake::alert::{AlertState, SEVERITIES},
    problem::{FieldError, Problem},
    query::{self, Params},
    state::State,
    store::{
        AlertRefusal, AlertRow, AlertsQuery, ChangeRow, HandleAlert, Judgement, StoreError,
        StoredAlert,
    },
};

/// Alerts on a page, unless the reader asks for another number.
const PAGE: u64 = 50;
/// Most alerts on a page.
const PAGE_MAX: u64 = 1000;
/// The longest body, in bytes.
const BODY: usize = 16 << 10;
/// The longest note, in characters.
const NOTE: usize = 1000;
/// What can be done with an alert.
const FIELDS: [&str; 3] = ["state", "verdict", "note"];

/// An alert with everything that is known of it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: AlertRow,
    /// With whom, as its source told last.
    peers: Value,
    /// The heaviest pieces of evidence, as its source told last.
    evidence: Value,
    /// What became of it by itself, as its source told last.
    history: Value,
    /// Where it may go from here.
    possible: Vec<AlertState>,
    /// The items that told of it, the newest first; at most 200.
    told: Vec<ChangeRow>,
}

/// What is to be done with an alert.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    state: Value,
    #[serde(default)]
    verdict: Value,
    #[serde(default)]
    note: Value,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// `GET /api/v1/alerts`.
pub(crate) async fn list(
    state: Data<State>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let query = AlertsQuery {
        state: params.one_of("state", &AlertState::ALL.map(AlertState::name)),
        severity: params.one_of("severity", &SEVERITIES),
        family: params.text("family"),
        host: host(&mut params),
        source: params.text("source"),
        is_open: params.one_of("open", &["true", "false"]).map(|it| it == "true"),
        since: params.time("since"),
        until: params.time("until"),
        after: params.cursor(),
        limit: params.limit(PAGE, PAGE_MAX),
    };
    params.finish()?;
    let page = state.store.alerts(&query).await?;
    Ok(Json(Page { items: page.rows, next: page.next.map(query::cursor), total: page.total }))
}

/// `GET /api/v1/alerts/{id}`.
pub(crate) async fn show(
    state: Data<State>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let source = params.text("source");
    params.finish()?;
    let found = state.store.alert(&id, source.as_deref()).await?;
    let StoredAlert { row, changes } = found.map_err(|why| refused(&id, why))?;
    let mut told = told(&state, &row).await?;
    let mut part = |name: &str| told.get_mut(name).map(Value::take).unwrap_or_default();
    let (peers, evidence, history) = (part("peers"), part("evidence"), part("history"));
    let possible = possible(&row);
    Ok(Json(Shown { row, peers, evidence, history, possible, told: changes }))
}

/// `POST /api/v1/alerts/{id}`.
pub(crate) async fn post(
    state: Data<State>,
    id: Path<String>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<Json<impl Serialize>, Problem> {
    if body.0.len() > BODY {
        return Err(too_long(BODY));
    }
    let mut params = Params::of(&request);
    let source = params.text("source");
    params.finish()?;
    let wanted: Wanted = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not what to do: {cause}")))?;
    let (to, verdict, note) = wanted.read()?;
    let who = Caller::of(&request).name;
    let deed = HandleAlert { who, id: id.clone(), source, state: to, verdict, note };
    let done = state.store.perform(deed).await?;
    done.map(Json).map_err(|why| refused(&id, why))
}

/// What the newest change says of an alert.
pub(super) async fn told(state: &State, row: &AlertRow) -> Result<Value, StoreError> {
    let item = match Uuid::parse_str(&row.item) {
        Ok(uuid) => state.store.item(uuid).await?,
        Err(_) => None,
    };
    let mut record: Value =
        item.and_then(|it| serde_json::from_slice(&it.canonical).ok()).unwrap_or_default();
    let alert = record.pointer_mut("/payload/change/alert").map(Value::take);
    Ok(alert.unwrap_or_default())
}

/// A host as it is stored.
fn host(params: &mut Params) -> Option<String> {
    let text = params.text("host")?;
    match text.parse::<IpAddr>() {
        Ok(host) => Some(host.to_string()),
        Err(_) => params.refuse("host", "must be an address such as `192.0.2.1` or `2001:db8::1`"),
    }
}

fn possible(row: &AlertRow) -> Vec<AlertState> {
    AlertState::named(&row.state).into_iter().flat_map(AlertState::next).collect()
}

fn refused(id: &str, why: AlertRefusal) -> Problem {
    match why {
        AlertRefusal::Unknown => Problem::not_found(format!("no alert `{id}`")),
        AlertRefusal::Several(sources) => {
            let named = sources.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
            let detail = format!("several tell of an alert `{id}`: {named}; say by `source` whose");
            Problem::conflict(detail).with("sources", sources)
        }
        AlertRefusal::Stays(state) => {
            let next: Vec<_> = state.next().map(AlertState::name).collect();
            let detail = if next.is_empty() {
                format!("the alert is {state}, and stays so")
            } else {
                format!("the alert is {state}; from there it may be {}", next.join(", "))
            };
            Problem::conflict(detail).with("possible", next)
        }
    }
}

type Order = (Option<AlertState>, Option<Judgement>, Option<String>);

impl Wanted {
    fn read(self) -> Result<Order, Problem> {
        let mut errors = Vec::new();
        let mut blame = |field: &str, detail: String| {
            errors.push(FieldError { field: field.to_owned(), detail });
        };
        for field in self.others.keys() {
            blame(field, format!("is not known; there are: {}", FIELDS.join(", ")));
        }
        let state = self.state.as_str().and_then(AlertState::named);
        let state = state.filter(|it| *it != AlertState::New);
        if state.is_none() && !self.state.is_null() {
            let states: Vec<_> = AlertState::New.next().map(AlertState::name).collect();
            blame("state", format!("must be one of {}", states.join(", ")));
        }
        let verdict = self.verdict.as_str().and_then(Judgement::named);
        if verdict.is_none() && !self.verdict.is_null() {
            blame("verdict", format!("must be one of {}", Judgement::NAMES.join(", ")));
        }
        let odd = |c: char| c.is_control() && c != '\n';
        let note = match self.note {
            Value::Null => None,
            Value::String(note) if note.chars().count() <= NOTE && !note.contains(odd) => {
                Some(note.trim().to_owned()).filter(|it| !it.is_empty())
            }
            _ => {
                blame("note", format!("must be text of at most {NOTE} characters"));
                None
            }
        };
        if self.state.is_null() && self.verdict.is_null() {
            blame("state", "is missing, and `verdict` too: one of them says what to do".to_owned());
        }
        if errors.is_empty() { Ok((state, verdict, note)) } else { Err(Problem::fields(errors)) }
    }
}
