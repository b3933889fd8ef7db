//! `vedette trust`: which devices of people the agents believe, and by what people know the agents.

use std::time::Duration;

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::reach::{act, ask};
use crate::{
    arguments::{Reach, Trust},
    exit::{self, Answer, Failure},
};

/// How long the registrar may take to do what is wanted of it, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(arguments: Trust) -> Result<Answer, Failure> {
    match arguments {
        Trust::Add { who, fingerprint, json, reach } => {
            let wanted = match fingerprint {
                Some(fingerprint) => json!({ "jid": who, "fingerprint": fingerprint }),
                None => json!({ "uri": who }),
            };
            let row = act(&reach, Method::POST, &["operators"], Some(&wanted)).await?;
            settled(&reach, row, json).await
        }
        Trust::Remove { jid, fingerprint, json, reach } => {
            let mut path = vec!["operators", &jid];
            path.extend(fingerprint.as_deref());
            let row = act(&reach, Method::DELETE, &path, None).await?;
            settled(&reach, row, json).await
        }
        Trust::List { json, reach } => list(json, &reach).await,
        Trust::Show { who, json, reach } => show(&who, json, &reach).await,
    }
}

async fn list(json: bool, reach: &Reach) -> Result<Answer, Failure> {
    let page = ask(reach, &["operators"], &[]).await?;
    let rows = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if json {
        exit::result(&page.to_string());
        return Ok(Answer::Yes);
    }
    for row in &rows {
        tell(row);
    }
    Ok(if rows.is_empty() { Answer::No } else { Answer::Yes })
}

/// Waits until the registrar has done what is wanted, or said why not; no longer than patience.
async fn settled(reach: &Reach, mut row: Value, json: bool) -> Result<Answer, Failure> {
    let until = Instant::now() + PATIENCE;
    let jid = text(&row, "jid").to_owned();
    while !is_done(&row) && text(&row, "why").is_empty() && Instant::now() < until {
        sleep(LOOK).await;
        row = act(reach, Method::GET, &["operators", &jid], None).await?;
    }
    if json {
        exit::result(&row.to_string());
    } else {
        tell(&row);
    }
    match text(&row, "why") {
        _ if is_done(&row) => Ok(Answer::Yes),
        "" => {
            let hint = "it holds as soon as the registrar is there; `vedette trust list` tells";
            Err(Failure::work("the registrar has not signed it yet").hint(hint))
        }
        why => {
            let hint = format!("`vedette trust remove {jid}` takes it back");
            Err(Failure::work(why.to_owned()).hint(hint))
        }
    }
}

/// A line for each device of a person.
fn tell(row: &Value) {
    let state = match (text(row, "state"), is_done(row)) {
        (state, true) => state.to_owned(),
        (state, false) => format!("{state}, not done yet"),
    };
    let jid = text(row, "jid");
    let devices = row.get("devices").and_then(Value::as_array);
    let devices: Vec<&Value> = devices.into_iter().flatten().collect();
    if devices.is_empty() {
        exit::result(&format!("{jid:<32} {state}"));
    }
    for device in devices {
        exit::result(&format!("{jid:<32} {state:<8} {}", text(device, "fingerprint")));
    }
}

/// The fingerprints of a member, to be compared or read by a camera.
async fn show(who: &str, json: bool, reach: &Reach) -> Result<Answer, Failure> {
    let jid = if who.contains('@') { who.to_owned() } else { account(who, reach).await? };
    let member = ask(reach, &["members", &jid], &[]).await?;
    if json {
        exit::result(&member.to_string());
        return Ok(Answer::Yes);
    }
    exit::result(&format!("{jid} ({})", text(&member, "role")));
    let devices = member.get("fingerprints").and_then(Value::as_array);
    for device in devices.into_iter().flatten() {
        let uri = text(device, "uri");
        exit::result(&format!("\n{}\n{uri}", text(device, "fingerprint")));
        let code = QrCode::with_error_correction_level(uri, EcLevel::M).map_err(Failure::work)?;
        // Blocks are drawn where the code is light: most terminals write in light on dark.
        let mut drawn = code.render::<Dense1x2>();
        drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        exit::result(&drawn.build());
    }
    Ok(Answer::Yes)
}

/// The account of a member that is named by its first part.
async fn account(name: &str, reach: &Reach) -> Result<String, Failure> {
    let page = ask(reach, &["members"], &[]).await?;
    let members = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut accounts = members.iter().map(|it| text(it, "jid"));
    let found = accounts.find(|it| it.split_once('@').is_some_and(|(node, _)| node == name));
    found.map(str::to_owned).ok_or_else(|| {
        Failure::call(format!("the registry vouches for no `{name}`"))
            .hint("`vedette agents list` names the agents, `vedette trust list` the people")
    })
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_done(row: &Value) -> bool {
    row.get("done").and_then(Value::as_bool).unwrap_or(false)
}
