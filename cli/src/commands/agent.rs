//! `vedette agent`: one agent.

use std::path::Path;

use agents::{Config, ConfigError, LinkState, Role, Running, mermaid};
use serde_json::json;

use crate::{
    arguments::Agent,
    exit::{self, Answer, Failure},
    signals,
};

pub(crate) async fn run(arguments: Agent) -> Result<Answer, Failure> {
    match arguments {
        Agent::Run { file } => run_agent(&file).await,
        Agent::Check { file } => check(&file),
        Agent::Behaviours { json } => {
            behaviours(json);
            Ok(Answer::Yes)
        }
    }
}

/// Why a file describes no agent, as a failure of the call.
pub(crate) fn mistaken(error: ConfigError) -> Failure {
    Failure::call(error).hint("`vedette agent behaviours` tells what can be set")
}

async fn run_agent(file: &Path) -> Result<Answer, Failure> {
    let config = Config::read(file).map_err(mistaken)?;
    let agent = Running::start(config).await.map_err(Failure::work)?;
    let mut link = agent.link();
    let refused = async {
        let refused = |it: &LinkState| matches!(it, LinkState::Refused(_));
        match link.wait_for(refused).await.as_deref() {
            Ok(LinkState::Refused(error)) => error.clone(),
            _ => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        signal = signals::stop() => {
            tracing::info!(signal, "stopping");
            Ok(Answer::Yes)
        }
        error = refused => Err(Failure::work(error.to_string())),
        failed = agent.finished() => match failed {
            0 => Ok(Answer::Yes),
            failed => Err(Failure::work(format!("{failed} behaviours did not end well"))),
        },
    };
    agent.stop().await;
    answer
}

fn check(file: &Path) -> Result<Answer, Failure> {
    let config = Config::read(file).map_err(mistaken)?;
    let told = format!("ok: {} {}", config.role.name(), config.account.jid);
    exit::result(&told);
    Ok(Answer::Yes)
}

fn behaviours(as_json: bool) {
    if as_json {
        let all: Vec<_> = Role::ALL.into_iter().flat_map(describe).collect();
        exit::result(&json!({ "items": all, "next": null, "total": all.len() }).to_string());
        return;
    }
    for role in Role::ALL {
        for (name, entry) in role.catalogue().entries() {
            exit::result(&format!("{name} ({}): {}", role.name(), entry.about));
            for setting in entry.settings {
                let needed = if setting.required { ", needed" } else { "" };
                exit::result(&format!("    {}{needed}: {}", setting.key, setting.about));
                exit::result(&format!("        {}", setting.example));
            }
            let states: Vec<_> = entry.diagram.states.iter().map(|it| &*it.name).collect();
            exit::result(&format!("    states: {}\n", states.join(", ")));
        }
    }
}

fn describe(role: Role) -> Vec<serde_json::Value> {
    let catalogue = role.catalogue();
    let entries = catalogue.entries();
    entries
        .map(|(name, entry)| {
            let settings: Vec<_> = entry
                .settings
                .iter()
                .map(|it| {
                    json!({
                        "key": it.key, "about": it.about,
                        "example": it.example, "required": it.required,
                    })
                })
                .collect();
            json!({
                "run": name, "role": role.name(), "about": entry.about, "settings": settings,
                "states": entry.diagram.states, "mermaid": mermaid(&entry.diagram),
            })
        })
        .collect()
}
