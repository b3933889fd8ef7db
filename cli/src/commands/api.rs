//! `vedette api`: the API alone.

use api::{Api, Config};

use crate::{
    arguments,
    exit::{Answer, Failure},
    signals,
};

pub(crate) async fn run(arguments: arguments::Api) -> Result<Answer, Failure> {
    let config = Config::read(&arguments.config).map_err(Failure::call)?;
    let api = Api::start(config).await.map_err(Failure::work)?;
    tokio::select! {
        signal = signals::stop() => tracing::info!(signal, "stopping"),
        () = api.wait() => return Err(Failure::work("the HTTP server ended by itself")),
    }
    api.stop().await;
    Ok(Answer::Yes)
}
