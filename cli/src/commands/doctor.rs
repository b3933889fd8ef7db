//! `vedette doctor`: what this machine has and lacks, and what to do about it.

use std::{fs, path::Path, process::Command, time::Duration};

use agents::prosody;
use serde::Serialize;
use tokio::{net::TcpStream, time::timeout};

use super::up::Ready;
use crate::{
    arguments,
    exit::{self, Answer, Failure},
};

/// How long a look at the network may take.
const LOOK: Duration = Duration::from_secs(3);

/// What was found of one thing.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    /// Which thing.
    name: &'static str,
    /// How it is.
    health: Health,
    /// What was seen.
    seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// Good.
    Ok,
    /// Good enough, but something cannot be done.
    Warn,
    /// `vedette up` will not work.
    Fail,
}

pub(crate) async fn run(arguments: &arguments::Doctor) -> Result<Answer, Failure> {
    let mut findings = vec![server(), data(&arguments.data), openssl()];
    findings.extend(ports());
    findings.extend(platform(&arguments.data).await);
    let sick = findings.iter().any(|it| it.health == Health::Fail);
    if arguments.json {
        let total = findings.len();
        let listed = serde_json::json!({ "items": findings, "next": null, "total": total });
        exit::result(&listed.to_string());
    } else {
        findings.iter().for_each(tell);
    }
    Ok(if sick { Answer::No } else { Answer::Yes })
}

fn tell(finding: &Finding) {
    let health = match finding.health {
        Health::Ok => "ok  ",
        Health::Warn => "warn",
        Health::Fail => "FAIL",
    };
    exit::result(&format!("{health}  {:<10} {}", finding.name, finding.seen));
    if let Some(hint) = &finding.hint {
        exit::result(&format!("      {:<10} → {hint}", ""));
    }
}

fn server() -> Finding {
    let found = |health, seen: String, hint: Option<&str>| Finding {
        name: "prosody",
        health,
        seen,
        hint: hint.map(str::to_owned),
    };
    let install = "on Debian and Ubuntu: apt-get install prosody; or run `make setup`";
    match Command::new("prosodyctl").arg("about").output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let version = text.lines().find(|line| line.starts_with("Prosody "));
            found(Health::Ok, version.unwrap_or("installed").to_owned(), None)
        }
        Err(error) => found(Health::Fail, format!("not installed ({error})"), Some(install)),
    }
}

fn openssl() -> Finding {
    let version = Command::new("openssl").arg("version").output();
    match version {
        Ok(output) => Finding {
            name: "openssl",
            health: Health::Ok,
            seen: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            hint: None,
        },
        Err(_) => Finding {
            name: "openssl",
            health: Health::Warn,
            seen: "not installed".to_owned(),
            hint: Some("only needed to verify evidence by a program that is not ours".to_owned()),
        },
    }
}

/// Whether the data folder can be written.
fn data(folder: &Path) -> Finding {
    let exists = folder.exists();
    let place = if exists { folder } else { folder.parent().unwrap_or(Path::new(".")) };
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let trial = place.join(format!(".vedette-doctor-{}", std::process::id()));
    let written = fs::write(&trial, "x").and_then(|()| fs::remove_file(&trial));
    let name = folder.display();
    match written {
        Ok(()) => Finding {
            name: "data",
            health: Health::Ok,
            seen: format!("`{name}` {}", if exists { "is ours" } else { "can be made" }),
            hint: None,
        },
        Err(error) => Finding {
            name: "data",
            health: Health::Fail,
            seen: format!("`{name}` cannot be written: {error}"),
            hint: Some("choose another folder with --data".to_owned()),
        },
    }
}

/// Whether the usual ports are free; `up` takes the next ones when they are not.
fn ports() -> Vec<Finding> {
    [("http", 8000), ("xmpp", prosody::USUAL_PORT)]
        .into_iter()
        .map(|(name, port)| match prosody::free_port(port) {
            Some(free) if free == port => Finding {
                name,
                health: Health::Ok,
                seen: format!("port {port} is free"),
                hint: None,
            },
            Some(free) => Finding {
                name,
                health: Health::Warn,
                seen: format!("port {port} is taken; `up` would use {free}"),
                hint: None,
            },
            None => Finding {
                name,
                health: Health::Fail,
                seen: format!("no free port from {port} on"),
                hint: None,
            },
        })
        .collect()
}

/// The platform in the data folder, if one runs.
async fn platform(folder: &Path) -> Option<Finding> {
    let text = fs::read_to_string(folder.join("ready.json")).ok()?;
    let found = |health, seen: String, hint: Option<&str>| {
        Some(Finding { name: "platform", health, seen, hint: hint.map(str::to_owned) })
    };
    let Ok(ready) = serde_json::from_str::<Ready>(&text) else {
        return found(Health::Warn, "ready.json cannot be read".to_owned(), None);
    };
    let http = ready.http.trim_start_matches("http://").to_owned();
    for (name, address) in [("API", http), ("XMPP server", ready.xmpp.clone())] {
        if !matches!(timeout(LOOK, TcpStream::connect(&address)).await, Ok(Ok(_))) {
            let seen = format!("its {name} does not answer at {address}");
            return found(Health::Fail, seen, Some("stop it and run `vedette up` again"));
        }
    }
    found(Health::Ok, format!("runs as process {} at {}", ready.pid, ready.http), None)
}
