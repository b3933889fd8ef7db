//! `vedette agents`: who there is, found by duty, label and state.

use std::fs;

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::up::Ready;
use crate::{
    arguments::{Agents, AgentsList, Reach},
    exit::{self, Answer, Failure},
};

/// The most that an API may answer, in bytes.
const ANSWER: usize = 64 << 20;

pub(crate) async fn run(arguments: Agents) -> Result<Answer, Failure> {
    match arguments {
        Agents::List(arguments) => list(&arguments).await,
        Agents::Show { jid, json, reach } => show(&jid, json, &reach).await,
    }
}

async fn list(arguments: &AgentsList) -> Result<Answer, Failure> {
    let mut query = Vec::new();
    query.extend(arguments.duty.as_ref().map(|it| ("duty", it.as_str())));
    query.extend(arguments.label.as_ref().map(|it| ("label", it.as_str())));
    query.extend(arguments.state.as_ref().map(|it| ("state", it.as_str())));
    query.extend(arguments.role.as_ref().map(|it| ("role", it.as_str())));
    let page = ask(&arguments.reach, &["agents"], &query).await?;
    if arguments.json {
        exit::result(&page.to_string());
        return Ok(Answer::Yes);
    }
    let found = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    for agent in &found {
        exit::result(&line(agent));
    }
    // Nobody found is an answer too: no.
    Ok(if found.is_empty() { Answer::No } else { Answer::Yes })
}

async fn show(jid: &str, json: bool, reach: &Reach) -> Result<Answer, Failure> {
    let agent = ask(reach, &["agents", jid], &[]).await?;
    if json {
        exit::result(&agent.to_string());
        return Ok(Answer::Yes);
    }
    exit::result(&line(&agent));
    for behaviour in agent.get("behaviours").and_then(Value::as_array).into_iter().flatten() {
        let text = |place: &str| behaviour.pointer(place).and_then(Value::as_str).unwrap_or("");
        let (name, run) = (text("/name"), text("/run"));
        exit::result(&format!("    {name} ({run}): {}, {}", text("/state"), text("/phase/phase")));
    }
    Ok(Answer::Yes)
}

/// One agent in one line.
fn line(agent: &Value) -> String {
    let text = |key: &str| agent.get(key).and_then(Value::as_str).unwrap_or("");
    let labels = agent.get("labels").and_then(Value::as_object);
    let labels: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("")))
        .collect();
    let silent = agent.get("silent").and_then(Value::as_str);
    let state = silent.map_or_else(|| text("presence").to_owned(), |why| format!("silent: {why}"));
    let load = agent.get("load").and_then(Value::as_i64).unwrap_or(0);
    let more = [
        (!labels.is_empty()).then(|| labels.join(",")),
        (load > 0).then(|| format!("load {load} %")),
        agent.get("flapping").and_then(Value::as_bool).unwrap_or(false).then(|| "flapping".into()),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    let head = format!("{:<32} {:<11} {state}", text("jid"), text("role"));
    if more.is_empty() { head } else { format!("{head} ({})", more.join("; ")) }
}

/// Asks the API for something.
async fn ask(reach: &Reach, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
    let base = address(reach)?;
    let mut url = Url::parse(&base)
        .map_err(|error| Failure::call(format!("`{base}` is no address: {error}")))?;
    url.path_segments_mut()
        .map_err(|()| Failure::call(format!("`{base}` is no address of an API")))?
        .pop_if_empty()
        .extend(["api", "v1"])
        .extend(path);
    url.query_pairs_mut().extend_pairs(query);
    let mut builder = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30));
    if url.scheme() == "http" {
        // No roots are needed, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(Failure::work)?;
    let mut request = client.get(url);
    if let Some(file) = &reach.token_file {
        let token = fs::read_to_string(file)
            .map_err(|error| Failure::call(format!("cannot read `{}`: {error}", file.display())))?;
        request = request.bearer_auth(token.trim());
    }
    let mut answer = request.send().await.map_err(|error| {
        Failure::work(error).hint("is the platform up? `--url` says where its API is")
    })?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(Failure::work)? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER {
            return Err(Failure::work(format!("the API answers more than {ANSWER} bytes")));
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
    let failure = format!("the API answers {status}: {detail}");
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::work(failure).hint("`--token-file` names the file of a token that may read")
        }
        StatusCode::UNPROCESSABLE_ENTITY => Failure::call(failure),
        _ => Failure::work(failure),
    })
}

/// Where the API is: as it was said, or that of the platform in the data folder.
fn address(reach: &Reach) -> Result<String, Failure> {
    if let Some(url) = &reach.url {
        return Ok(url.clone());
    }
    let path = reach.data.join("ready.json");
    let ready: Option<Ready> =
        fs::read_to_string(&path).ok().and_then(|it| serde_json::from_str(&it).ok());
    ready.map(|it| it.http).ok_or_else(|| {
        Failure::work(format!("no platform runs in `{}`", reach.data.display()))
            .hint("`--data` names the folder of one that does, `--url` the address of an API")
    })
}
