//! One command a file.

mod agent;
mod agents;
mod alerts;
mod analyze;
mod api;
mod doctor;
mod enroll;
mod join;
mod model;
mod reach;
mod trust;
mod up;
mod verify;

use crate::{
    arguments::Command,
    exit::{Answer, Failure},
};

/// Does what was asked for.
pub(crate) async fn run(command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Api(arguments) => api::run(arguments).await,
        Command::Agent(arguments) => agent::run(arguments).await,
        Command::Agents(arguments) => agents::run(arguments).await,
        Command::Alerts(arguments) => alerts::run(arguments).await,
        Command::Enroll(arguments) => enroll::run(arguments).await,
        Command::Join(arguments) => join::run(arguments).await,
        Command::Trust(arguments) => trust::run(arguments).await,
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Model(arguments) => model::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments).await,
    }
}
