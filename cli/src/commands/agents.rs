//! `vedette agents`: who there is, found by duty, label and state.

use serde_json::Value;

use super::reach::ask;
use crate::{
    arguments::{Agents, AgentsList, Reach},
    exit::{self, Answer, Failure},
};

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
