//! `/api/v1/agents`: who there is, what they do, where they were, and what they say of themselves.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::Serialize;
use types::{BehaviourReport, Report};

use super::Page;
use crate::{
    body::{JsonBody, too_long},
    clock::now_ms,
    problem::{FieldError, Problem},
    query::{self, Params},
    state::State,
    store::{AgentRow, AgentsQuery, StoreReport},
};

mod silence;

/// What an agent can be asked for by.
const STATES: [&str; 7] = ["chat", "available", "away", "xa", "dnd", "unavailable", "silent"];
/// Moments on a page, unless the reader asks for another number.
const PAGE: u64 = 100;
/// Most moments on a page.
const PAGE_MAX: u64 = 1000;
/// The longest report, in bytes.
const REPORT: usize = 1 << 20;
/// Most behaviours in a report.
const BEHAVIOURS: usize = 256;
/// Longest name of an agent, in bytes (RFC 7622: a part has at most 1023).
const JID: usize = 2047;

/// An agent with its behaviours.
#[derive(Debug, Serialize)]
struct Agent {
    #[serde(flatten)]
    row: AgentRow,
    /// Why it counts as silent: it says that it is there, and what is due does not come.
    silent: Option<String>,
    behaviours: Vec<BehaviourReport>,
}

impl Agent {
    fn new((row, behaviours): (AgentRow, Vec<BehaviourReport>)) -> Self {
        let silent = silence::of(&row, &behaviours, now_ms());
        Self { row, silent, behaviours }
    }

    /// Its presence, or that it is silent.
    fn state(&self) -> &str {
        if self.silent.is_some() { "silent" } else { &self.row.presence }
    }
}

/// What an agent's behaviours do.
#[derive(Debug, Serialize)]
struct Behaviours {
    items: Vec<BehaviourReport>,
}

/// `GET /api/v1/agents`.
pub(crate) async fn list(
    state: Data<State>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let label = params.text("label").map(|label| match label.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (label, None),
    });
    let query = AgentsQuery { role: params.text("role"), label, duty: params.text("duty") };
    let wanted = params.one_of("state", &STATES);
    params.finish()?;
    let found = state.store.agents(&query).await?.into_iter().map(Agent::new);
    let items: Vec<_> =
        found.filter(|it| wanted.as_ref().is_none_or(|wanted| it.state() == wanted)).collect();
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Ok(Json(Page { items, next: None, total }))
}

/// `GET /api/v1/agents/{jid}`.
pub(crate) async fn show(
    state: Data<State>,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    Ok(Json(find(&state, &jid).await?))
}

/// `GET /api/v1/agents/{jid}/behaviours`.
pub(crate) async fn behaviours(
    state: Data<State>,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    Ok(Json(Behaviours { items: find(&state, &jid).await?.behaviours }))
}

/// `GET /api/v1/agents/{jid}/presence`.
pub(crate) async fn presence(
    state: Data<State>,
    jid: Path<String>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let (after, limit) = (params.cursor(), params.limit(PAGE, PAGE_MAX));
    params.finish()?;
    find(&state, &jid).await?;
    // One more for whether there is a next page, and one for how it was before.
    let (mut moments, total) = state.store.presence(&jid, after, limit + 2).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = moments.len() > limit;
    moments.truncate(limit);
    let next = moments.last().filter(|_| more).map(|last| query::cursor((last.since_ms, last.id)));
    Ok(Json(Page { items: moments, next, total }))
}

/// `POST /api/v1/agents/{jid}/report`.
pub(crate) async fn report(
    state: Data<State>,
    jid: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    if body.0.len() > REPORT {
        return Err(too_long(REPORT));
    }
    let report: Report = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not a report: {cause}")))?;
    check(&report, &jid)?;
    state.store.perform(StoreReport { report }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is wrong with the name of an agent.
pub(super) fn fault_of_jid(jid: &str) -> Option<&'static str> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '/';
    (jid.is_empty() || jid.len() > JID || jid.chars().any(odd))
        .then_some("must be a bare JID such as `probe1@vedette.local`")
}

fn check(report: &Report, jid: &str) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut blame = |field: &str, detail: String| {
        errors.push(FieldError { field: field.to_owned(), detail });
    };
    if let Some(fault) = fault_of_jid(&report.jid) {
        blame("jid", fault.to_owned());
    } else if report.jid != jid {
        blame("jid", format!("must be that of the path, `{jid}`"));
    }
    if report.behaviours.len() > BEHAVIOURS {
        blame("behaviours", format!("must not be more than {BEHAVIOURS}"));
    }
    let mut names: Vec<_> = report.behaviours.iter().map(|one| one.name.as_ref()).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.array_windows().find(|[one, next]| one == next) {
        blame("behaviours", format!("must have a name each; `{twice}` stands twice"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

async fn find(state: &State, jid: &str) -> Result<Agent, Problem> {
    let found = state.store.agent(jid).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("no agent `{jid}`")))?;
    Ok(Agent::new(found))
}
