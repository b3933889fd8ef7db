//! `vedette analyze`: captures, and what they show, without any server.

mod input;
mod output;
mod summary;

use std::{fs, path::Path};

use capture::{Engine, File, FileError, Moment, Seen, merge};
use model::{Analyzer, Judge, Told, intel::Intelligence};
use serde::Deserialize;

use crate::{
    arguments,
    exit::{Answer, Failure},
};

use input::Source;
use output::Output;
use summary::Summary;

/// How many indicators are kept.
const INDICATORS: usize = 2_000_000;

/// What a settings file says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    capture: capture::Settings,
    #[serde(flatten)]
    analysis: model::Settings,
}

pub(crate) fn run(arguments: &arguments::Analyze) -> Result<Answer, Failure> {
    let settings = settings(arguments)?;
    let sources = input::open(&arguments.files)?;
    let mut analyzer = analyzer(arguments, &settings)?;
    let mut output = Output::new(arguments);
    let mut summary = Summary::default();
    let mut troubles: Vec<String> = Vec::new();
    let mut engine = Engine::new(settings.capture);
    {
        let mut look = |seen: Seen| {
            summary.see(&seen);
            let mut told = Vec::new();
            analyzer.see(&seen, &mut |it| told.push(it));
            output.seen(seen);
            for it in told {
                tell(it, &mut output, &mut summary);
            }
        };
        let (captures, logs) = sources.into_iter().partition::<Vec<_>, _>(Source::is_capture);
        for log in logs {
            input::replay(log, &mut look, &mut troubles);
        }
        let captures: Vec<File> = captures.into_iter().filter_map(Source::capture).collect();
        if !captures.is_empty() {
            let mut fail = |error: FileError| troubles.push(error.to_string());
            merge(captures, &mut |frame| engine.frame(frame, &mut look), &mut fail);
            engine.finish(&mut look);
        }
    }
    let mut told = Vec::new();
    analyzer.pass(Moment(i64::MIN), &mut |it| told.push(it));
    for it in told {
        tell(it, &mut output, &mut summary);
    }
    for trouble in &troubles {
        tracing::warn!("{trouble}");
    }
    output.finish(&summary, engine.counters(), &analyzer, &troubles);
    if troubles.len() == arguments.files.len() && summary.is_empty() {
        return Err(Failure::work("nothing could be read"));
    }
    Ok(Answer::Yes)
}

fn tell(told: Told, output: &mut Output, summary: &mut Summary) {
    match told {
        Told::Alert(change) => {
            output.alert(&change);
            summary.alert(*change);
        }
        Told::Verdict(verdict) => output.verdict(&verdict),
    }
}

fn settings(arguments: &arguments::Analyze) -> Result<Settings, Failure> {
    let mut settings = match &arguments.settings {
        None => Settings::default(),
        Some(path) => toml::from_str(&read(path)?).map_err(|error| {
            Failure::call(format!("`{}` holds no settings: {error}", path.display()))
        })?,
    };
    // A file says all of its conversations; they are not told in parts.
    settings.capture.active = 0.0;
    settings.capture.verify_checksums |= arguments.checksums;
    Ok(settings)
}

fn analyzer(arguments: &arguments::Analyze, settings: &Settings) -> Result<Analyzer, Failure> {
    let mut intelligence = Intelligence::new(INDICATORS);
    for path in &arguments.intel {
        input::indicators(&mut intelligence, path)?;
    }
    for path in &arguments.allow {
        input::allowed(&mut intelligence, path)?;
    }
    let judge = judge(arguments, settings)?;
    Ok(Analyzer::new(&settings.analysis, intelligence, judge))
}

fn judge(arguments: &arguments::Analyze, settings: &Settings) -> Result<Option<Judge>, Failure> {
    if arguments.no_model {
        return Ok(None);
    }
    let learn = settings.analysis.learn;
    let made = match &arguments.model {
        None => Judge::standard(learn),
        Some(path) => {
            let cannot = |error| {
                Failure::work(format!("cannot read the model `{}`: {error}", path.display()))
            };
            let bytes = fs::read(path).map_err(cannot)?;
            let card = fs::read_to_string(path.with_extension("card.json")).ok();
            let heaped = fs::read_to_string(path.with_extension("evidence.json")).ok();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Judge::new(&name, &bytes, card.as_deref(), heaped.as_deref(), learn)
        }
    };
    let mut judge = made.map_err(Failure::call)?;
    // There is no time to learn the site from one capture.
    judge.watch();
    Ok(Some(judge))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::call(format!("cannot read `{}`: {error}", path.display())))
}
