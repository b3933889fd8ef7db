//! `/api/v1/audit`: who did what.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;

use super::Page;
use crate::{problem::Problem, query::Params, state::State};

/// Deeds on a page, unless the reader asks for another number, and most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1000;

/// `GET /api/v1/audit`.
pub(crate) async fn list(
    state: Data<State>,
    request: HttpRequest,
) -> Result<Json<impl Serialize>, Problem> {
    let mut params = Params::of(&request);
    let limit = params.limit(PAGE, PAGE_MAX);
    let before = params.text("cursor").and_then(|text| match text.parse() {
        Ok(id) => Some(id),
        Err(_) => params.refuse("cursor", "must be the `next` of the page before"),
    });
    params.finish()?;
    let (mut items, total) = state.store.audit(before, limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next, total }))
}
