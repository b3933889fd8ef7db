//! `/api/v1/members` and `/api/v1/registrar`: the signed list, what is wanted of the registrar, and
//! what it did.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::Serialize;
use types::{EnrolmentNews, ListHead, ListReport, Member, Registrar};

use super::{
    agents::fault_of_jid,
    device::{Qr, Shown},
};
use crate::{
    auth::Caller,
    body::JsonBody,
    problem::{FieldError, Problem},
    query::Params,
    state::State,
    store::{ExpireEnrolments, KeepList, NoteNews},
};

/// Most members of a list.
const MEMBERS: usize = 20_000;
/// Most news at once.
const NEWS: usize = 1000;
/// The longest text in news, in bytes.
const TEXT: usize = 4096;
/// The longest that the registrar can wait for something to be wanted, in seconds.
const WAIT: u64 = 30;

/// The list of members, as the registry signed it. Whoever has its key can verify it.
#[derive(Debug, Serialize)]
struct List {
    registrar: Option<Registrar>,
    head: Option<ListHead>,
    items: Vec<Member>,
    next: Option<String>,
    total: u64,
}

/// `GET /api/v1/members`.
pub(crate) async fn list(state: Data<State>) -> Result<Json<impl Serialize>, Problem> {
    let (registrar, head, items) = match state.store.list().await? {
        Some(ListReport { registrar, head, members }) => (Some(registrar), Some(head), members),
        None => (None, None, Vec::new()),
    };
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Ok(Json(List { registrar, head, items, next: None, total }))
}

/// A member, its devices as people compare them.
#[derive(Debug, Serialize)]
struct Detail {
    #[serde(flatten)]
    member: Member,
    /// In the order of the member's.
    fingerprints: Vec<Fingerprint>,
}

#[derive(Debug, Serialize)]
struct Fingerprint {
    #[serde(flatten)]
    shown: Shown,
    qr: Option<Qr>,
}

/// `GET /api/v1/members/{jid}`.
pub(crate) async fn show(
    state: Data<State>,
    jid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let members = state.store.list().await?.map(|it| it.members).unwrap_or_default();
    let member = members.into_iter().find(|it| it.jid == *jid);
    let member =
        member.ok_or_else(|| Problem::not_found(format!("the registry vouches for no `{jid}`")))?;
    let fingerprints = member
        .devices
        .iter()
        .map(|it| Shown::of(&member.jid, it))
        .map(|shown| Fingerprint { qr: shown.qr(), shown })
        .collect();
    Ok(Json(Detail { member, fingerprints }))
}

/// `POST /api/v1/members`.
pub(crate) async fn post(state: Data<State>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let report: ListReport = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not a list of members: {cause}")))?;
    check(&report)?;
    state.store.perform(KeepList { report }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /api/v1/registrar/orders`: waits for the first order after `after`, up to `wait` seconds.
pub(crate) async fn orders(
    state: Data<State>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let mut number = |name: &str, most: u64| {
        let text = params.text(name)?;
        let value = text.parse().ok().filter(|it| *it <= most);
        value.or_else(|| params.refuse(name, format!("must be a number from 0 to {most}")))
    };
    let after = number("after", u64::MAX >> 1).and_then(|it| i64::try_from(it).ok());
    let wait = Duration::from_secs(number("wait", WAIT).unwrap_or(0));
    params.finish()?;
    let after = after.unwrap_or(0);
    state.store.perform(ExpireEnrolments).await?;
    let until = tokio::time::Instant::now() + wait;
    loop {
        // Whoever wants something after this is not missed.
        let wanted = state.orders.notified();
        let orders = state.store.orders(after).await?;
        if !orders.items.is_empty() || orders.next < after {
            return Ok(Json(orders));
        }
        tokio::select! {
            () = wanted => {}
            () = tokio::time::sleep_until(until) => return Ok(Json(orders)),
            () = state.closing.cancelled() => return Ok(Json(orders)),
        }
    }
}

/// `POST /api/v1/registrar/news`.
pub(crate) async fn news(
    state: Data<State>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let news: Vec<EnrolmentNews> = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not a list of news: {cause}")))?;
    if news.len() > NEWS {
        let detail = format!("must not be more than {NEWS} news");
        return Err(Problem::unprocessable(detail).with("limit", NEWS));
    }
    let long = news.iter().enumerate().filter(|(_, it)| it.name.len() > TEXT || is_long(it));
    let wrong: Vec<_> = long
        .map(|(at, _)| FieldError {
            field: at.to_string(),
            detail: format!("must not hold texts of more than {TEXT} bytes"),
        })
        .collect();
    if !wrong.is_empty() {
        return Err(Problem::fields(wrong));
    }
    state.store.perform(NoteNews { who: Caller::of(&request).name, news }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn is_long(news: &EnrolmentNews) -> bool {
    match &news.fate {
        types::Fate::Refused(why) | types::Fate::Failed(why) => why.len() > TEXT,
        types::Fate::Joined(_)
        | types::Fate::Ready
        | types::Fate::Expired
        | types::Fate::Revoked
        | types::Fate::Trusted(_) => false,
    }
}

fn check(report: &ListReport) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut blame = |field: String, detail: String| errors.push(FieldError { field, detail });
    let is_key = |it: &str| it.len() == 64 && hex::decode(it).is_ok();
    let registrar = &report.registrar;
    if !is_key(&registrar.key) {
        blame("registrar.key".to_owned(), "must be 64 hexadecimal digits".to_owned());
    }
    if registrar.authority.as_deref().is_some_and(|it| !is_key(it)) {
        blame("registrar.authority".to_owned(), "must be 64 hexadecimal digits".to_owned());
    }
    if let Some(fault) = fault_of_jid(&registrar.jid) {
        blame("registrar.jid".to_owned(), fault.to_owned());
    }
    if report.members.len() > MEMBERS {
        blame("members".to_owned(), format!("must not be more than {MEMBERS}"));
    }
    for (at, member) in report.members.iter().enumerate().take(MEMBERS) {
        if let Some(fault) = fault_of_jid(&member.jid) {
            blame(format!("members.{at}.jid"), fault.to_owned());
        }
    }
    if usize::try_from(report.head.count) != Ok(report.members.len()) {
        blame("head.count".to_owned(), "must be how many members there are".to_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}
