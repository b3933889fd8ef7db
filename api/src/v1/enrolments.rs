//! `/api/v1/enrolments`: who may join, by a token that is shown once.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Json, Path},
};
use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use evidence::sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::{EnrolmentToken, PASSWORD_WORDS, PROOF_WORDS, Registrar, TOKEN_PREFIX};

use super::Page;
use crate::{
    auth::Caller,
    body::{JsonBody, too_long},
    clock::now_ms,
    problem::{FieldError, Problem},
    state::State,
    store::{EnrolmentRow, OpenEnrolment, RevokeEnrolment},
};

/// The longest body, in bytes.
const BODY: usize = 64 << 10;
/// The longest name.
const NAME: usize = 64;
/// Most labels, and the longest of their names and values, in bytes.
const LABELS: usize = 32;
const LABEL: usize = 256;
/// How long a token can be used, in seconds: unless said otherwise, at least, at most.
const USUAL: i64 = 24 * 60 * 60;
const SHORTEST: i64 = 1;
const LONGEST: i64 = 30 * 24 * 60 * 60;
/// The longest token, in characters.
const TOKEN: usize = 600;
/// What an agent can be enrolled as.
const ROLES: [&str; 4] = ["probe", "aggregator", "analyzer", "mitigator"];
/// What can be set.
const FIELDS: [&str; 4] = ["name", "role", "labels", "expires"];

/// Who is to join.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    labels: Value,
    #[serde(default)]
    expires: Value,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// A new enrolment: the one time that its token is seen.
#[derive(Debug, Serialize)]
struct Opened {
    token: String,
    #[serde(flatten)]
    row: EnrolmentRow,
}

/// `POST /api/v1/enrolments`.
pub(crate) async fn post(
    state: Data<State>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    if body.0.len() > BODY {
        return Err(too_long(BODY));
    }
    let wanted: Wanted = serde_json::from_slice(&body.0)
        .map_err(|cause| Problem::unprocessable(format!("not an enrolment: {cause}")))?;
    let plan = wanted.read()?;
    let registrar = state.store.list().await?.map(|it| it.registrar).ok_or_else(nobody)?;
    let until = now_ms() / 1000 + plan.expires;
    let secret = Secret::random()?;
    let token = secret.token(&plan, &registrar, until)?;
    let deed = OpenEnrolment {
        who: Caller::of(&request).name,
        name: plan.name.clone(),
        role: plan.role,
        labels: plan.labels,
        password: BASE64_URL_SAFE_NO_PAD.encode(secret.derive(PASSWORD_WORDS)),
        proof_key: hex::encode(secret.derive(PROOF_WORDS)),
        expires_ms: until * 1000,
    };
    let opened = state.store.perform(deed).await?;
    let row = opened.ok_or_else(|| {
        let detail = format!("the name `{}` is taken; revoke it, or choose another", plan.name);
        Problem::conflict(detail)
    })?;
    state.orders.notify_waiters();
    Ok(HttpResponse::Created().json(Opened { token, row }))
}

/// `GET /api/v1/enrolments`.
pub(crate) async fn list(state: Data<State>) -> Result<Json<impl Serialize>, Problem> {
    let items = state.store.enrolments(now_ms()).await?;
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Ok(Json(Page { items, next: None, total }))
}

/// `GET /api/v1/enrolments/{name}`.
pub(crate) async fn show(
    state: Data<State>,
    name: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let row = state.store.enrolment(&name, now_ms()).await?;
    row.map(Json).ok_or_else(|| unknown(&name))
}

/// `DELETE /api/v1/enrolments/{name}`.
pub(crate) async fn delete(
    state: Data<State>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    if let Some(list) = state.store.list().await?
        && list.registrar.jid.split('@').next() == Some(name.as_str())
    {
        return Err(Problem::conflict("the registrar itself cannot be revoked"));
    }
    let deed = RevokeEnrolment { who: Caller::of(&request).name, name: name.to_string() };
    let row = state.store.perform(deed).await?.ok_or_else(|| unknown(&name))?;
    state.orders.notify_waiters();
    Ok(Json(row))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no enrolment and no member `{name}`"))
}

fn nobody() -> Problem {
    let detail = "no registrar has shown itself here yet, so nobody could be taken in; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(header::RETRY_AFTER, "1")
}

/// What is wanted, checked.
struct Plan {
    name: String,
    role: String,
    labels: BTreeMap<String, String>,
    expires: i64,
}

impl Wanted {
    fn read(self) -> Result<Plan, Problem> {
        let mut errors = Vec::new();
        let mut blame = |field: &str, detail: String| {
            errors.push(FieldError { field: field.to_owned(), detail });
        };
        for field in self.others.keys() {
            let what = format!("is not known; there are: {}", FIELDS.join(", "));
            blame(field, what);
        }
        let name = self.name.as_str().filter(|it| is_name(it)).map(str::to_owned);
        if name.is_none() {
            let what = "must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`, such as \"edge1\"";
            blame("name", what.to_owned());
        }
        let role = self.role.as_str().filter(|it| ROLES.contains(it)).map(str::to_owned);
        if role.is_none() {
            blame("role", format!("must be one of {}", ROLES.join(", ")));
        }
        let labels = labels(self.labels);
        if labels.is_none() {
            let what = "must be up to 32 names and texts of up to 256 bytes, such as \
                        {\"site\": \"lux1\"}";
            blame("labels", what.to_owned());
        }
        let expires = match &self.expires {
            Value::Null => Some(USUAL),
            given => given.as_i64().filter(|it| (SHORTEST..=LONGEST).contains(it)),
        };
        if expires.is_none() {
            blame("expires", format!("must be {SHORTEST} to {LONGEST} seconds"));
        }
        match (name, role, labels, expires) {
            (Some(name), Some(role), Some(labels), Some(expires)) if errors.is_empty() => {
                Ok(Plan { name, role, labels, expires })
            }
            _ => Err(Problem::fields(errors)),
        }
    }
}

/// The first part of an account, in the one form in which it is compared.
fn is_name(name: &str) -> bool {
    let is_right = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._-".contains(&it);
    (1..=NAME).contains(&name.len())
        && name.bytes().all(is_right)
        && name.bytes().next().is_some_and(|it| it.is_ascii_alphanumeric())
}

fn labels(given: Value) -> Option<BTreeMap<String, String>> {
    if given.is_null() {
        return Some(BTreeMap::new());
    }
    let labels: BTreeMap<String, String> = serde_json::from_value(given).ok()?;
    let is_word = |it: &str| it.len() <= LABEL && !it.chars().any(char::is_control);
    let are_right = labels.len() <= LABELS
        && labels.iter().all(|(name, it)| !name.is_empty() && is_word(name) && is_word(it));
    are_right.then_some(labels)
}

/// What the new agent proves itself with. It is in the token, and nowhere else.
struct Secret([u8; 32]);

impl Secret {
    fn random() -> Result<Self, Problem> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the system gives no random numbers")
        })?;
        Ok(Self(bytes))
    }

    fn derive(&self, words: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), words.as_bytes())
    }

    fn token(&self, plan: &Plan, registrar: &Registrar, until: i64) -> Result<String, Problem> {
        let broken = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no token can be made");
        let short = |hexadecimal: &str| {
            hex::decode(hexadecimal)
                .map(|it| BASE64_URL_SAFE_NO_PAD.encode(it))
                .map_err(|_| broken())
        };
        let (_, domain) = registrar.jid.split_once('@').ok_or_else(broken)?;
        let token = EnrolmentToken {
            jid: format!("{}@{domain}", plan.name),
            registrar: registrar.jid.clone(),
            server: registrar.server.clone(),
            authority: registrar.authority.as_deref().map(short).transpose()?,
            registry: short(&registrar.key)?,
            secret: BASE64_URL_SAFE_NO_PAD.encode(self.0),
            role: plan.role.clone(),
            until,
        };
        let mut bytes = serde_json::to_vec(&token).map_err(|_| broken())?;
        let check = sha256(&bytes);
        bytes.extend(check.iter().take(4));
        let text = format!("{TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        if text.len() > TOKEN {
            let detail = "the names of account, server and domain are too long for a token";
            return Err(Problem::unprocessable(detail));
        }
        Ok(text)
    }
}
