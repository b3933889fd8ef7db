//! `vedette enroll`: who may join, who did, who may not any more.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::reach::{act, ask};
use crate::{
    arguments::{Enroll, EnrollNew, Reach},
    exit::{self, Answer, Failure},
};

/// How long the registrar may take to do what is wanted of it, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(arguments: Enroll) -> Result<Answer, Failure> {
    match arguments {
        Enroll::New(arguments) => new(&arguments).await,
        Enroll::List { json, reach } => list(json, &reach).await,
        Enroll::Revoke { name, json, reach } => revoke(&name, json, &reach).await,
    }
}

async fn new(arguments: &EnrollNew) -> Result<Answer, Failure> {
    let expires = humantime::parse_duration(&arguments.expires).map_err(|error| {
        let what = format!("`{}` is no time: {error}", arguments.expires);
        Failure::call(what).hint("a time is such as 24h, 30m or 7days")
    })?;
    let labels: Result<Map<String, Value>, Failure> = arguments
        .label
        .iter()
        .map(|label| {
            let what = || format!("`{label}` is no label; it would be such as site=lux1");
            let (name, value) = label.split_once('=').ok_or_else(|| Failure::call(what()))?;
            Ok((name.to_owned(), value.into()))
        })
        .collect();
    let body = json!({
        "name": arguments.name,
        "role": arguments.role,
        "labels": labels?,
        "expires": expires.as_secs(),
    });
    let opened = act(&arguments.reach, Method::POST, &["enrolments"], Some(&body)).await?;
    let row = settled(&arguments.reach, &arguments.name, "ready").await?;
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (token, why, is_done) = (text(&opened, "token"), text(&row, "why"), is_done(&row));
    if arguments.json {
        let mut shown = row;
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("token".to_owned(), token.into());
        }
        exit::result(&shown.to_string());
    } else {
        exit::result(&token);
    }
    if !why.is_empty() {
        let hint = format!("`vedette enroll revoke {}` frees the name", arguments.name);
        return Err(Failure::work(why).hint(hint));
    }
    if !is_done {
        tracing::warn!("the registrar has not made the account yet; the token works once it has");
    }
    Ok(Answer::Yes)
}

async fn list(json: bool, reach: &Reach) -> Result<Answer, Failure> {
    let page = ask(reach, &["enrolments"], &[]).await?;
    if json {
        exit::result(&page.to_string());
        return Ok(Answer::Yes);
    }
    let rows = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    for row in &rows {
        exit::result(&line(row));
    }
    Ok(if rows.is_empty() { Answer::No } else { Answer::Yes })
}

async fn revoke(name: &str, json: bool, reach: &Reach) -> Result<Answer, Failure> {
    act(reach, Method::DELETE, &["enrolments", name], None).await?;
    let row = settled(reach, name, "revoked").await?;
    exit::result(&if json { row.to_string() } else { line(&row) });
    if is_done(&row) {
        return Ok(Answer::Yes);
    }
    let hint = "it is revoked as soon as the registrar is there; `vedette enroll list` tells";
    Err(Failure::work(format!("the registrar has not let `{name}` go yet")).hint(hint))
}

fn is_done(row: &Value) -> bool {
    row.get("done").and_then(Value::as_bool).unwrap_or(false)
}

/// Waits until the registrar has done what is wanted, or said why not; no longer than patience.
async fn settled(reach: &Reach, name: &str, state: &str) -> Result<Value, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let row = ask_as_operator(reach, name).await?;
        let is_there = row.get("state").and_then(Value::as_str) == Some(state) && is_done(&row);
        let has_failed = row.get("why").is_some_and(Value::is_string);
        if is_there || has_failed || Instant::now() > until {
            return Ok(row);
        }
        sleep(LOOK).await;
    }
}

async fn ask_as_operator(reach: &Reach, name: &str) -> Result<Value, Failure> {
    act(reach, Method::GET, &["enrolments", name], None).await
}

/// One enrolment in one line.
fn line(row: &Value) -> String {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or("");
    let state = match (text("state"), is_done(row)) {
        (state @ ("revoked" | "expired"), false) => format!("{state}, not done yet"),
        (state, _) => state.to_owned(),
    };
    let key = row.pointer("/member/devices/0/identity").and_then(Value::as_str).unwrap_or("");
    let why = text("why");
    let more = if why.is_empty() { key } else { why };
    format!("{:<24} {:<11} {state:<22} {more}", text("name"), text("role")).trim_end().to_owned()
}
