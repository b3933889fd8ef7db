//! Talk, on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt};

use crate::arguments::{Arguments, Command};

/// Starts to log as the arguments say; a filter that cannot be read is told and not used.
pub(crate) fn start(arguments: &Arguments) {
    let usual = match arguments.command {
        Command::Up(_) | Command::Api(_) | Command::Agent(_) => {
            "info,actix_server=warn,sea_orm_migration=warn,sqlx=warn"
        }
        Command::Agents(_)
        | Command::Alerts(_)
        | Command::Enroll(_)
        | Command::Trust(_)
        | Command::Analyze(_)
        | Command::Model(_)
        | Command::Verify(_)
        | Command::Doctor(_) => "warn",
        // What goes wrong is told at the end, with what to do.
        Command::Join(_) => "error",
    };
    let asked = arguments.log.as_deref().unwrap_or(usual);
    let (filter, trouble) = match EnvFilter::try_new(asked) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(usual), Some(error)),
    };
    let format = fmt().with_writer(stderr).with_env_filter(filter).with_target(false);
    if arguments.log_json {
        format.json().flatten_event(true).init();
    } else {
        format.with_ansi(stderr().is_terminal()).compact().init();
    }
    if let Some(error) = trouble {
        tracing::warn!(%error, filter = asked, "this log filter cannot be read");
    }
}
