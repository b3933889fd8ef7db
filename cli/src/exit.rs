//! How a command ends: the answer is yes or no, or it went wrong, and then why and what to do.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use agents::Chain;

/// The answer of a command that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes.
    Yes,
    /// No.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::SUCCESS,
            Answer::No => Self::from(1),
        }
    }
}

/// Why a command did not work.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
}

impl Failure {
    /// The call was wrong, or a file that it names.
    pub(crate) fn call(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code: 2, error: error.into(), hint: None }
    }

    /// It could not be done.
    pub(crate) fn work(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code: 3, error: error.into(), hint: None }
    }

    /// The same, with what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says the whole chain once, and the hint.
    pub(crate) fn tell(&self) -> ExitCode {
        let mut text = format!("error: {}\n", Chain(self.error.as_ref()));
        if let Some(hint) = &self.hint {
            text.push_str("hint: ");
            text.push_str(hint);
            text.push('\n');
        }
        say(&mut io::stderr(), &text);
        ExitCode::from(self.code)
    }
}

/// Says what is wrong with the call, or what was asked for with `--help`.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// A result, for stdout.
pub(crate) fn result(text: &str) {
    let mut line = text.trim_end().to_owned();
    line.push('\n');
    say(&mut io::stdout(), &line);
}

fn say(to: &mut impl Write, text: &str) {
    // A closed pipe is the reader's choice.
    drop(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}
