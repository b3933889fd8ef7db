//! `vedette agent`: one agent.

use std::path::Path;

use agents::{Config, ConfigError, LinkState, Running, dot, mermaid};

use super::up::alone;
use crate::{
    arguments::{Agent, Drawing, Form},
    exit::{self, Answer, Failure},
    signals,
};

mod listing;

pub(crate) async fn run(arguments: Agent) -> Result<Answer, Failure> {
    match arguments {
        Agent::Run { file } => run_agent(&file).await,
        Agent::Rotate { file } => rotate(&file).await,
        Agent::Check { file } => check(&file),
        Agent::Draw { file, r#as } => draw(&file, r#as),
        Agent::Behaviours { json, r#as } => {
            listing::tell(if json { Form::Json } else { r#as });
            Ok(Answer::Yes)
        }
    }
}

/// Why a file describes no agent, as a failure of the call.
pub(crate) fn mistaken(error: ConfigError) -> Failure {
    Failure::call(error).hint("`vedette agent behaviours` tells what can be set")
}

async fn run_agent(file: &Path) -> Result<Answer, Failure> {
    let config = alone(Config::read(file).map_err(mistaken)?)?;
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

/// Gives an agent new keys.
async fn rotate(file: &Path) -> Result<Answer, Failure> {
    let config = Config::read(file).map_err(mistaken)?;
    let jid = config.account.jid.to_string();
    let key = agents::rotate(config).await.map_err(Failure::work)?;
    exit::result(&format!("`{jid}` has a new identity key: {key}"));
    Ok(Answer::Yes)
}

fn check(file: &Path) -> Result<Answer, Failure> {
    let config = Config::read(file).map_err(mistaken)?;
    let told = format!("ok: {} {}", config.role.name(), config.account.jid);
    exit::result(&told);
    Ok(Answer::Yes)
}

/// Draws everything that a file names.
fn draw(file: &Path, drawing: Drawing) -> Result<Answer, Failure> {
    let diagrams = Config::read(file).map_err(mistaken)?.diagrams();
    if let Drawing::Json = drawing {
        let items: Vec<_> = diagrams
            .iter()
            .map(|(name, diagram)| serde_json::json!({ "name": name, "states": diagram.states }))
            .collect();
        let listed = serde_json::json!({ "items": items, "next": null, "total": items.len() });
        exit::result(&listed.to_string());
        return Ok(Answer::Yes);
    }
    for (name, diagram) in &diagrams {
        exit::result(&match drawing {
            Drawing::Mermaid => format!("%% {name}\n{}\n", mermaid(diagram)),
            Drawing::Dot | Drawing::Json => dot(name, diagram),
        });
    }
    Ok(Answer::Yes)
}
