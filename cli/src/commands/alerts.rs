//! `vedette alerts`: what speaks against hosts, and what people say of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::reach::{act_with, ask};
use crate::{
    arguments::{AlertName, Alerts, AlertsList, Handling, Verdict},
    exit::{self, Answer, Failure},
};

pub(crate) async fn run(arguments: Alerts) -> Result<Answer, Failure> {
    match arguments {
        Alerts::List(arguments) => list(&arguments).await,
        Alerts::Show(name) => show(&name).await,
        Alerts::Confirm(handling) => go(&handling, "confirmed").await,
        Alerts::Acknowledge(handling) => go(&handling, "acknowledged").await,
        Alerts::Mitigate(handling) => go(&handling, "mitigated").await,
        Alerts::Expire(handling) => go(&handling, "expired").await,
        Alerts::Judge { name, verdict, note } => {
            let verdict = match verdict {
                Verdict::Attack => "attack",
                Verdict::Benign => "benign",
            };
            handle(&name, &json!({ "verdict": verdict, "note": note })).await
        }
    }
}

async fn list(arguments: &AlertsList) -> Result<Answer, Failure> {
    let mut query = Vec::new();
    query.extend(arguments.state.as_ref().map(|it| ("state", it.as_str())));
    query.extend(arguments.severity.as_ref().map(|it| ("severity", it.as_str())));
    query.extend(arguments.host.as_ref().map(|it| ("host", it.as_str())));
    query.extend(arguments.source.as_ref().map(|it| ("source", it.as_str())));
    if !arguments.all && arguments.state.is_none() {
        query.push(("open", "true"));
    }
    query.push(("limit", "1000"));
    let page = ask(&arguments.reach, &["alerts"], &query).await?;
    if arguments.json {
        exit::result(&page.to_string());
        return Ok(Answer::Yes);
    }
    let found = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    for alert in &found {
        exit::result(&line(alert));
    }
    // None found is an answer too: no.
    Ok(if found.is_empty() { Answer::No } else { Answer::Yes })
}

async fn show(name: &AlertName) -> Result<Answer, Failure> {
    let alert = ask(&name.reach, &["alerts", &name.id], &source(name)).await?;
    if name.json {
        exit::result(&alert.to_string());
        return Ok(Answer::Yes);
    }
    exit::result(&line(&alert));
    tell_handling(&alert);
    for (title, key) in [("techniques", "techniques"), ("peers", "peers")] {
        let names = texts(alert.get(key));
        if !names.is_empty() {
            exit::result(&format!("    {title}: {}", names.join(", ")));
        }
    }
    for piece in alert.get("evidence").and_then(Value::as_array).into_iter().flatten() {
        exit::result(&format!("    {}", evidence(piece)));
    }
    for change in alert.get("told").and_then(Value::as_array).into_iter().flatten() {
        exit::result(&format!("    {} by item {}", text(change, "change"), text(change, "item")));
    }
    Ok(Answer::Yes)
}

async fn go(handling: &Handling, state: &str) -> Result<Answer, Failure> {
    handle(&handling.name, &json!({ "state": state, "note": handling.note })).await
}

async fn handle(name: &AlertName, body: &Value) -> Result<Answer, Failure> {
    let path = ["alerts", name.id.as_str()];
    let alert = act_with(&name.reach, Method::POST, &path, &source(name), Some(body)).await?;
    if name.json {
        exit::result(&alert.to_string());
        return Ok(Answer::Yes);
    }
    exit::result(&line(&alert));
    tell_handling(&alert);
    Ok(Answer::Yes)
}

fn source(name: &AlertName) -> Vec<(&'static str, &str)> {
    name.source.iter().map(|it| ("source", it.as_str())).collect()
}

/// One alert in one line.
fn line(alert: &Value) -> String {
    let verdict = alert.get("verdict").and_then(Value::as_str);
    let verdict = verdict.map(|it| format!(", judged {it}")).unwrap_or_default();
    format!(
        "{:<8} {:<12} {} ({}), by {}{verdict}",
        text(alert, "severity"),
        text(alert, "state"),
        text(alert, "id"),
        texts(alert.get("detectors")).join(", "),
        text(alert, "source"),
    )
}

/// Who moved it and who judged it.
fn tell_handling(alert: &Value) {
    let told = [("moved", "moved_by", "note"), ("judged", "judged_by", "judged_note")];
    for (what, who, note) in told {
        let (who, note) = (text(alert, who), text(alert, note));
        if !who.is_empty() {
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            exit::result(&format!("    {what} by {who}{note}"));
        }
    }
}

/// One piece of evidence in one line: the figures, and what they were held against.
fn evidence(piece: &Value) -> String {
    let figures = piece.get("why").and_then(Value::as_array).into_iter().flatten().map(|why| {
        let value = figure(why.get("value"));
        match why.get("threshold").filter(|it| it.is_number()) {
            Some(threshold) => {
                format!("{} {value} (threshold {})", text(why, "name"), figure(Some(threshold)))
            }
            None => format!("{} {value}", text(why, "name")),
        }
    });
    let figures: Vec<String> = figures.collect();
    let note = text(piece, "note");
    let note = if note.is_empty() { String::new() } else { format!("; {note}") };
    format!("{}: {}{note}", text(piece, "detector"), figures.join(", "))
}

fn figure(value: Option<&Value>) -> String {
    let number = value.and_then(Value::as_f64).unwrap_or_default();
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}
