//! `vedette`: the one command.
//!
//! Results go to stdout and talk to stderr. The exit code is 0 when it is done, 1 when the answer
//! is no, 2 when the call was wrong, 3 when it could not be done.

mod arguments;
mod commands;
mod exit;
mod logs;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    logs::start(&arguments);
    match Box::pin(commands::run(arguments.command)).await {
        Ok(answer) => answer.into(),
        Err(failure) => failure.tell(),
    }
}
