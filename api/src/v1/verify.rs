//! `/api/v1/verify`: whether a bundle that somebody has is genuine. Nothing of it is kept, and nobody
//! is asked who they are.

use actix_web::web::{self, Data, Json};
use evidence::Bundle;
use serde::Serialize;
use serde_json::{Value, json};

use super::items::overloaded;
use crate::{
    body::{Body, too_long},
    problem::Problem,
    state::State,
};

/// The longest bundle, in bytes.
const BUNDLE: usize = 4 << 20;

/// `POST /api/v1/verify`: the bundle is the body.
pub(crate) async fn post(state: Data<State>, body: Body) -> Result<Json<impl Serialize>, Problem> {
    if body.0.len() > BUNDLE {
        return Err(too_long(BUNDLE));
    }
    let authorities = state.authorities.clone();
    let judged = web::block(move || {
        let bundle = Bundle::read(&body.0)?;
        let verdict = bundle.verify(&authorities)?;
        Ok::<_, evidence::BundleError>((verdict, bundle.item().to_vec()))
    });
    let (verdict, item) = match judged.await.map_err(overloaded)? {
        Ok(judged) => judged,
        Err(error) => {
            let mut reason = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                reason = format!("{reason}: {inner}");
                cause = inner.source();
            }
            let answer = json!({ "genuine": false, "code": error.code(), "reason": reason });
            return Ok(Json(answer));
        }
    };
    let mut answer = json!({ "genuine": true, "code": "ok" });
    if let (Value::Object(answer), Ok(Value::Object(verdict))) =
        (&mut answer, serde_json::to_value(&verdict))
    {
        answer.extend(verdict);
        answer.insert("item".to_owned(), serde_json::from_slice(&item).unwrap_or_default());
        let members = state.store.list().await?.map(|it| it.members).unwrap_or_default();
        let key = answer.get("signed_by").and_then(Value::as_str).map(str::to_owned);
        let signer = members.into_iter().find(|it| Some(&it.evidence_key) == key.as_ref());
        if let Some(signer) = signer {
            answer.insert("signer_is".to_owned(), signer.jid.into());
        }
    }
    Ok(Json(answer))
}
