//! A model at work: it is asked about many conversations at once, and its scores are held against
//! what is usual at this site.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use capture::{Flow, Moment};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Row,
    calibrate::{Calibration, Gate, Phase, Site},
    card::{Card, CardError, Thresholds},
    detect::{Evidence, Example, Severity},
    drift::Drift,
    explain::{Explanation, explain},
    heap::{Heap, Heaped, squeezed},
    onnx,
    score::{ScoreError, Scorer, scorer},
};

/// How many conversations are scored at once.
const BATCH: usize = 256;
/// How many hosts have a gate; when there are more, all are closed.
const HOSTS: usize = 65_536;
/// How many verdicts of a pair are explained before the next day's.
const EXPLAINED: usize = 4096;

/// A model, ready to judge.
#[derive(Debug)]
pub struct Judge {
    scorer: Box<dyn Scorer>,
    card: Card,
    site: Site,
    drift: Option<Drift>,
    /// What sources did before, where it is known what that means.
    heap: Option<Heap>,
    gates: HashMap<IpAddr, Gate>,
    explained: HashSet<(IpAddr, IpAddr, u16)>,
    rows: Vec<Row>,
    waiting: Vec<Waiting>,
    failures: u64,
    failure: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    example: Example,
    end: Moment,
}

/// What a model says of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Which conversation.
    pub flow: Example,
    /// How likely it is an attack.
    pub score: f32,
    /// From which score on it counts as one here; `None` while the site is learnt.
    pub threshold: Option<f32>,
    /// Whether it counts as one.
    pub attack: bool,
    /// Why, where it counts as one and that was not said before of the same two hosts and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Explanation>,
}

/// Why a model is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// It cannot be used.
    #[error(transparent)]
    Model(#[from] ScoreError),
    /// It does not fit.
    #[error(transparent)]
    Card(#[from] CardError),
    /// What is known of heaped scores cannot be read.
    #[error("`evidence.json` cannot be read; right would be what `vedette model train` writes")]
    Heaped(#[source] serde_json::Error),
}

impl Judge {
    /// With that model, and the card that lies beside it, else the one in it. A model without a card
    /// is taken as it is: its owner answers for it.
    ///
    /// `heaped` is what training found of scores to which it adds what a source did before
    /// (`evidence.json`); without it a score is the model's own.
    pub fn new(
        name: &str,
        model: &[u8],
        card: Option<&str>,
        heaped: Option<&str>,
        learn: Calibration,
    ) -> Result<Self, JudgeError> {
        let card = if let Some(json) = card {
            Card::read(json)?
        } else {
            let onnx = onnx::read(model).map_err(ScoreError::from)?;
            Card::within(&onnx)?.unwrap_or_else(|| Card::unknown(name))
        };
        let heaped: Option<Heaped> =
            heaped.map(serde_json::from_str).transpose().map_err(JudgeError::Heaped)?;
        let thresholds = heaped.as_ref().map_or(card.thresholds, |heaped| heaped.thresholds);
        let site = Site::new(learn, thresholds);
        let drift = Drift::new(&card.histograms);
        Ok(Self {
            scorer: scorer(model)?,
            card,
            site,
            drift,
            heap: heaped.map(|_| Heap::default()),
            gates: HashMap::new(),
            explained: HashSet::new(),
            rows: Vec::with_capacity(BATCH),
            waiting: Vec::with_capacity(BATCH),
            failures: 0,
            failure: None,
        })
    }

    /// With the model that comes with this program.
    pub fn standard(learn: Calibration) -> Result<Self, JudgeError> {
        let (model, card) = Self::shipped();
        let heaped = include_str!("../models/evidence.json");
        Self::new("standard", model, Some(card), Some(heaped), learn)
    }

    /// The model that comes with this program (ONNX), and its card (JSON).
    pub fn shipped() -> (&'static [u8], &'static str) {
        let model = include_bytes!("../models/model.onnx");
        let card = include_str!("../models/model.card.json");
        (model, card)
    }

    /// Its name and version.
    pub fn name(&self) -> String {
        format!("{} {}", self.card.name, self.card.version)
    }

    /// What is known of this site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Goes on with a site that was learnt before.
    pub fn settle(&mut self, site: Site) {
        self.site = site;
    }

    /// Judges from now on, by the model's own thresholds and what was learnt so far: a capture that
    /// is read once has no time to learn from.
    pub fn watch(&mut self) {
        self.site.watch();
    }

    /// Adds a conversation; says whether there are enough to ask about.
    pub(crate) fn add(&mut self, flow: &Flow, row: &Row) -> bool {
        if let Some(drift) = &mut self.drift {
            drift.add(row);
        }
        self.rows.push(*row);
        self.waiting.push(Waiting { example: Example::from(flow), end: flow.end });
        self.rows.len() >= BATCH
    }

    /// Asks about all that wait.
    pub(crate) fn ask(&mut self) -> Vec<(Verdict, Option<Evidence>)> {
        let (rows, waiting) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.waiting));
        let mut scores = Vec::with_capacity(rows.len());
        if let Err(error) = self.scorer.score(&rows, &mut scores) {
            // Detectors go on without it, and it is shown.
            self.failures += 1;
            self.failure = Some(error.to_string());
            return Vec::new();
        }
        if let Some(heap) = &mut self.heap {
            for (waiting, score) in waiting.iter().zip(&mut scores) {
                let Example { originator, responder, .. } = waiting.example;
                let heaped = heap.score(originator.address, responder.port, waiting.end, *score);
                *score = squeezed(heaped);
            }
        }
        let asked = waiting.iter().zip(&rows).zip(scores);
        asked.map(|((waiting, row), score)| self.judge(*waiting, row, score)).collect()
    }

    fn judge(&mut self, waiting: Waiting, row: &Row, score: f32) -> (Verdict, Option<Evidence>) {
        let Waiting { example, end } = waiting;
        if self.site.phase() == Phase::Learning {
            self.site.learn(score, end);
            let verdict =
                Verdict { flow: example, score, threshold: None, attack: false, why: None };
            return (verdict, None);
        }
        let (own, here) = (self.card.thresholds, self.site.thresholds());
        let threshold = here.attack;
        if self.gates.len() >= HOSTS {
            self.gates.clear();
        }
        let gate = self.gates.entry(example.originator.address).or_default();
        gate.pass(score, threshold);
        let attack = gate.is_above();
        let why = if attack { self.explain(&example, row) } else { None };
        let evidence = severity(score, attack, own, here).map(|severity| {
            let held = if severity == Severity::Low { here.suspect } else { threshold };
            evidence(waiting, severity, score, held, why.as_ref())
        });
        (Verdict { flow: example, score, threshold: Some(threshold), attack, why }, evidence)
    }

    fn explain(&mut self, flow: &Example, row: &Row) -> Option<Explanation> {
        let pair = (flow.originator.address, flow.responder.address, flow.responder.port);
        if self.explained.len() >= EXPLAINED {
            self.explained.clear();
        }
        if !self.explained.insert(pair) {
            return None;
        }
        explain(self.scorer.as_mut(), row, &self.card.medians).ok()
    }

    /// How it stands.
    pub fn shown(&self) -> Value {
        let shifts = self.drift.as_ref().and_then(Drift::shifts);
        let farthest = shifts.map(|shifts| shifts.into_iter().take(8).collect::<Vec<_>>());
        json!({
            "name": self.card.name,
            "version": self.card.version,
            "engine": self.scorer.engine(),
            "features": self.card.features,
            "phase": self.site.phase(),
            "learnt": self.site.learnt(),
            "above_while_learning": self.site.above(),
            "thresholds": self.site.thresholds(),
            "drift": farthest,
            "failures": self.failures,
            "failure": self.failure,
        })
    }
}

/// What a score means: an attack is high; what wavers below the threshold of one is medium; what is
/// only suspect is odd.
fn severity(score: f32, is_above: bool, own: Thresholds, here: Thresholds) -> Option<Severity> {
    if score >= own.attack && score >= here.attack {
        return Some(Severity::High);
    }
    if is_above {
        return Some(Severity::Medium);
    }
    (score >= own.suspect && score >= here.suspect).then_some(Severity::Low)
}

fn evidence(
    waiting: Waiting,
    severity: Severity,
    score: f32,
    threshold: f32,
    why: Option<&Explanation>,
) -> Evidence {
    let reasons = why.map_or(&[][..], |why| &why.reasons);
    let named: Vec<(&str, f64)> =
        reasons.iter().map(|reason| (reason.feature, reason.value.into())).collect();
    let figures = [score.into(), threshold.into()];
    let mut told = Evidence::verdict(&waiting.example, waiting.end, severity, figures, &named);
    if !reasons.is_empty() {
        let meanings: Vec<&str> = reasons.iter().map(|reason| reason.meaning).collect();
        told.note = Some(meanings.join("; "));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Thresholds = Thresholds { attack: 0.6, suspect: 0.3 };

    #[test]
    fn a_score_is_an_attack_a_waverer_a_suspicion_or_nothing() {
        let here = Thresholds { attack: 0.8, suspect: 0.5 };
        let at = |score, is_above| severity(score, is_above, OWN, here);
        assert_eq!(at(0.8, true), Some(Severity::High));
        assert_eq!(at(0.79, true), Some(Severity::Medium));
        assert_eq!(at(0.79, false), Some(Severity::Low));
        assert_eq!(at(0.5, false), Some(Severity::Low));
        assert_eq!(at(0.49, false), None);
    }

    #[test]
    fn a_site_that_was_learnt_with_another_model_does_not_lower_the_threshold() {
        let here = Thresholds { attack: 0.2, suspect: 0.1 };
        assert_eq!(severity(0.6, true, OWN, here), Some(Severity::High));
        assert_eq!(severity(0.59, true, OWN, here), Some(Severity::Medium));
        assert_eq!(severity(0.29, false, OWN, here), None);
    }
}
