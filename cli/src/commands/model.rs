//! `vedette model`: how well a model does on conversations whose labels are known, and another one.

mod features;
mod figures;
mod train;

use std::{fs, path::Path};

use capture::Seen;
use model::{
    Extractor, Heap, Judge,
    card::Card,
    detect::{Detectors, Settings, Severity},
    intel::Intelligence,
    score, squeezed,
};
use serde_json::{Value, json};

use crate::{
    arguments,
    exit::{self, Answer, Failure},
};

use figures::{Group, Judged};

/// How many conversations are scored at once.
const BATCH: usize = 1024;

pub(crate) fn run(arguments: &arguments::Model) -> Result<Answer, Failure> {
    match arguments {
        arguments::Model::Eval(arguments) => eval(arguments),
        arguments::Model::Train(arguments) => train::run(arguments),
        arguments::Model::Features { matrix, table, files } => {
            let count = features::write(matrix, table, files)?;
            exit::result(&format!("{count} conversations; features {}", model::hash()));
            Ok(Answer::Yes)
        }
    }
}

/// The model that a file holds, its card where there is one, and whether its scores are heaped.
fn read(path: Option<&Path>) -> Result<(Vec<u8>, Option<Card>, bool), Failure> {
    let Some(path) = path else {
        let (bytes, card) = Judge::shipped();
        return Ok((bytes.to_vec(), Some(Card::read(card).map_err(Failure::work)?), true));
    };
    let bytes = fs::read(path)
        .map_err(|error| Failure::call(format!("cannot read `{}`: {error}", path.display())))?;
    let card = fs::read_to_string(path.with_extension("card.json")).ok();
    let card = card.map(|json| Card::read(&json)).transpose().map_err(Failure::call)?;
    Ok((bytes, card, path.with_extension("evidence.json").exists()))
}

fn eval(arguments: &arguments::ModelEval) -> Result<Answer, Failure> {
    let (bytes, card, is_heaped) = read(arguments.model.as_deref())?;
    let mut engine = score::scorer(&bytes).map_err(Failure::call)?;
    let home = match &arguments.home {
        Some(networks) => serde_json::from_value(json!(networks)).map_err(Failure::call)?,
        None => model::detect::Home::default(),
    };
    let mut groups: Vec<Group> = Vec::new();
    for file in &arguments.flows {
        let (name, rows) = features::rows(file)?;
        let settings = Settings { home: home.clone(), ..Settings::default() };
        let mut detectors = Detectors::new(&settings, Intelligence::new(0));
        let (mut extractor, mut evidence) = (Extractor::default(), Vec::new());
        let mut group = Group::new(&name);
        let mut heap = is_heaped.then(Heap::default);
        for part in rows.chunks(BATCH) {
            let features: Vec<_> = part.iter().map(|it| extractor.row(&it.flow)).collect();
            let mut scores = Vec::with_capacity(part.len());
            engine.score(&features, &mut scores).map_err(Failure::work)?;
            for (told, score) in part.iter().zip(scores) {
                let flow = &told.flow;
                let (source, port) = (flow.originator.address, flow.responder.port);
                let score = heap
                    .as_mut()
                    .map_or(score, |heap| squeezed(heap.score(source, port, flow.end, score)));
                let seen = Seen::Flow(Box::new(told.flow.clone()));
                detectors.see(&seen, &mut evidence);
                evidence.clear();
                let detected = detectors.covers(&seen).reaches(Severity::Medium);
                if let Some(malicious) = told.label.as_ref().and_then(|label| label.malicious) {
                    group.add(Judged { malicious, score, detected });
                }
            }
        }
        groups.push(group);
    }
    let figures = figures::all(&groups);
    let Some(figures) = figures else {
        let what = "no conversation is labelled benign, or none malicious";
        return Err(Failure::call(what).hint("Zeek's conn.log with a column `label` is read"));
    };
    let name =
        card.map_or_else(|| "no card".to_owned(), |card| format!("{} {}", card.name, card.version));
    if arguments.json {
        let told: Value = json!({ "model": name, "engine": engine.engine(), "figures": figures });
        exit::result(&told.to_string());
    } else {
        exit::result(&format!("{name} ({})\n{}", engine.engine(), figures::table(&figures)));
    }
    Ok(Answer::Yes)
}
