//! `/api/v1/presence`: who came, changed and went.

use actix_web::web::{Data, Json};
use serde::Serialize;
use types::Presence;

use super::agents::fault_of_jid;
use crate::{
    body::JsonBody,
    problem::{FieldError, Problem},
    state::State,
    store::StorePresence,
};

/// The longest status, in bytes.
const STATUS: usize = 16 << 10;

/// How many were new.
#[derive(Debug, Serialize)]
struct Stored {
    stored: usize,
}

/// `POST /api/v1/presence`.
pub(crate) async fn post(
    state: Data<State>,
    body: JsonBody,
) -> Result<Json<impl Serialize>, Problem> {
    let presences: Vec<Presence> = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not a list of presences: {cause}")))?;
    let limit = state.limits.items;
    if presences.len() > limit {
        let detail = format!("must not be more than {limit} presences");
        return Err(Problem::unprocessable(detail).with("limit", limit));
    }
    let wrong: Vec<_> = presences.iter().enumerate().flat_map(faults).collect();
    if !wrong.is_empty() {
        return Err(Problem::fields(wrong));
    }
    let stored = state.store.perform(StorePresence { presences }).await?;
    Ok(Json(Stored { stored }))
}

fn faults((number, presence): (usize, &Presence)) -> Vec<FieldError> {
    let why = presence.why.as_ref().is_some_and(|why| why.len() > STATUS);
    let heavy = presence.load > 100;
    let long = presence.status.as_ref().is_some_and(|status| status.len() > STATUS);
    let faults = [
        ("jid", fault_of_jid(&presence.jid).map(str::to_owned)),
        ("why", why.then(|| format!("must not be longer than {STATUS} bytes"))),
        ("load", heavy.then(|| "must be a number from 0 to 100".to_owned())),
        ("status", long.then(|| format!("must not be longer than {STATUS} bytes"))),
    ];
    let named = |(field, detail): (_, Option<String>)| {
        Some(FieldError { field: format!("{number}.{field}"), detail: detail? })
    };
    faults.into_iter().filter_map(named).collect()
}
