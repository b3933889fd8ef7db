//! What a score means at one site: a time of learning, then a threshold of its own.
//!
//! A model that was trained elsewhere finds some of what is usual here odd. For a while it is only
//! listened to; from then on what is called an attack has to be odder than all but a small share of
//! what was seen then, and than the model's own threshold. An attack while learning raises the
//! threshold by no more than it is frequent, and is told: what was above the model's own threshold
//! is counted.

use capture::Moment;
use serde::{Deserialize, Serialize};

use crate::card::Thresholds;

/// Parts of the sketch.
const PARTS: usize = 2048;
/// The logits between which the sketch tells scores apart: from 1 in 9 million to 1 less that.
const WIDEST: f64 = 16.0;
/// How far below a threshold a score has to fall before it counts as below, in logits.
const SLACK: f64 = 0.5;

/// How a site is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calibration {
    /// For how many seconds at least; of the traffic's own clock. A day by default.
    pub seconds: f64,
    /// For how many conversations at least. 10,000 by default.
    pub flows: u64,
    /// The share of what is seen while learning that must be below the threshold. 0.999 by default.
    pub share: f64,
    /// The highest threshold that learning may lead to. 0.995 by default: what a model is surer of
    /// than that is told, whatever is usual.
    pub most: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { seconds: 86_400.0, flows: 10_000, share: 0.999, most: 0.995 }
    }
}

/// Whether a site is learnt yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is: nothing is called an attack by its score.
    Learning,
    /// It was.
    Watching,
}

/// What is known of a site. It can be written down and read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    calibration: Calibration,
    own: Thresholds,
    phase: Phase,
    /// When the first conversation was, and the last.
    since: Option<Moment>,
    until: Option<Moment>,
    sketch: Sketch,
    above: u64,
    thresholds: Thresholds,
}

impl Site {
    /// A site of which nothing is known yet, watched with a model that has these thresholds.
    pub fn new(calibration: Calibration, own: Thresholds) -> Self {
        Self {
            calibration,
            own,
            phase: Phase::Learning,
            since: None,
            until: None,
            sketch: Sketch::default(),
            above: 0,
            thresholds: own,
        }
    }

    /// Takes in the score of a conversation that ended then, while learning; tells the phase after
    /// it. While watching nothing is learnt.
    pub fn learn(&mut self, score: f32, ended: Moment) -> Phase {
        if self.phase == Phase::Watching {
            return self.phase;
        }
        self.sketch.add(score);
        self.above = self.above.saturating_add(u64::from(score >= self.own.attack));
        let since = *self.since.get_or_insert(ended);
        let until = self.until.map_or(ended, |it| it.max(ended));
        self.until = Some(until);
        let enough = self.sketch.count >= self.calibration.flows
            && until.since(since) >= self.calibration.seconds;
        if enough {
            self.watch();
        }
        self.phase
    }

    /// Ends the learning now, with what was learnt so far.
    pub fn watch(&mut self) {
        self.phase = Phase::Watching;
        let most = self.calibration.most;
        let quantile = |share: f64| self.sketch.quantile(share);
        let raised = |own: f32, share: f64| own.max(quantile(share).unwrap_or(0.0).min(most));
        let share = self.calibration.share;
        let attack = raised(self.own.attack, share);
        // Ten times as many are worth a look.
        let suspect = raised(self.own.suspect, 1.0 - (1.0 - share) * 10.0).min(attack);
        self.thresholds = Thresholds { attack, suspect };
    }

    /// Forgets what was learnt, and begins anew.
    pub fn forget(&mut self) {
        *self = Self::new(self.calibration, self.own);
    }

    /// Whether it is learnt yet.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What a score has to reach here; while learning, the model's own thresholds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// How many conversations were learnt from.
    pub fn learnt(&self) -> u64 {
        self.sketch.count
    }

    /// How many of them were at or above the model's own threshold.
    pub fn above(&self) -> u64 {
        self.above
    }

    /// The score that so large a share of what was learnt from is at or below, to within 0.016 in
    /// logits; `None` where nothing was learnt.
    pub fn quantile(&self, share: f64) -> Option<f32> {
        self.sketch.quantile(share)
    }
}

/// Whether something is above a threshold, without wavering at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    above: bool,
}

/// What a score did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// It reached the threshold.
    Entered,
    /// It fell well below it.
    Left,
    /// Neither.
    Stayed,
}

impl Gate {
    /// Takes in a score. To leave, it has to be half a logit below the threshold.
    pub fn pass(&mut self, score: f32, threshold: f32) -> Crossing {
        let leaves = logit(score) < logit(threshold) - SLACK;
        match (self.above, score >= threshold) {
            (false, true) => {
                self.above = true;
                Crossing::Entered
            }
            (true, false) if leaves => {
                self.above = false;
                Crossing::Left
            }
            _ => Crossing::Stayed,
        }
    }

    /// Whether it is above.
    pub fn is_above(&self) -> bool {
        self.above
    }
}

/// How scores are spread: counts by their logit, in a bounded place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sketch {
    count: u64,
    /// Where it was counted at all: part → count.
    parts: std::collections::BTreeMap<usize, u64>,
}

impl Sketch {
    fn add(&mut self, score: f32) {
        self.count = self.count.saturating_add(1);
        let count = self.parts.entry(part(score)).or_default();
        *count = count.saturating_add(1);
    }

    /// The upper end of the part in which the share is reached.
    fn quantile(&self, share: f64) -> Option<f32> {
        let total: u64 = self.parts.values().copied().fold(0, u64::saturating_add);
        if total == 0 {
            return None;
        }
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count")]
        let wanted = total as f64 * share.clamp(0.0, 1.0);
        let mut sum: u64 = 0;
        for (part, count) in &self.parts {
            sum = sum.saturating_add(*count);
            #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count")]
            let reached = sum as f64 >= wanted;
            if reached {
                return Some(upper(*part));
            }
        }
        self.parts.keys().next_back().map(|part| upper(*part))
    }
}

/// ln(p / (1 - p)), cut at [`WIDEST`]; of what is no number the least.
pub(crate) fn logit(score: f32) -> f64 {
    let score = f64::from(score);
    let logit = (score / (1.0 - score)).ln();
    if logit.is_nan() { -WIDEST } else { logit.clamp(-WIDEST, WIDEST) }
}

fn part(score: f32) -> usize {
    let place = (logit(score) + WIDEST) / (2.0 * WIDEST);
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 0 to 1 times a small number"
    )]
    let part = (place * PARTS as f64) as usize;
    part.min(PARTS - 1)
}

/// The score at the upper end of a part.
fn upper(part: usize) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a small number")]
    let place = (part.min(PARTS - 1) + 1) as f64 / PARTS as f64;
    let logit = (place * 2.0 - 1.0) * WIDEST;
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a score is f32")]
    let score = (1.0 / (1.0 + (-logit).exp())) as f32;
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Calibration {
        Calibration { seconds: 60.0, flows: 1_000, ..Calibration::default() }
    }

    /// Learns scores from 0 to 0.4, evenly, over so many seconds.
    fn taught(flows: u32, seconds: f64) -> Site {
        let mut site = Site::new(small(), Thresholds { attack: 0.3, suspect: 0.1 });
        for flow in 0..flows {
            let share = f64::from(flow) / f64::from(flows - 1);
            #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a test")]
            let score = (f64::from(flow * 7_919 % flows) / f64::from(flows) * 0.4) as f32;
            site.learn(score, Moment::from_secs(1e9 + share * seconds));
        }
        site
    }

    #[test]
    fn a_site_is_learnt_when_both_time_and_conversations_are_enough() {
        assert_eq!(taught(999, 3_600.0).phase(), Phase::Learning);
        assert_eq!(taught(5_000, 59.0).phase(), Phase::Learning);
        assert_eq!(taught(1_000, 60.0).phase(), Phase::Watching);
    }

    #[test]
    fn the_threshold_is_what_is_unusual_here_and_never_below_the_models_own() {
        let site = taught(10_000, 60.0);
        let Thresholds { attack, suspect } = site.thresholds();
        assert!((0.399..0.404).contains(&attack), "{attack}");
        assert!((0.395..0.401).contains(&suspect), "{suspect}");
        assert!(site.above() > 2_000, "{}", site.above());
        let mut quiet = Site::new(small(), Thresholds::default());
        quiet.learn(0.01, Moment(0));
        quiet.watch();
        assert_eq!(quiet.thresholds(), Thresholds::default());
    }

    #[test]
    fn learning_never_hides_what_the_model_is_sure_of() {
        let mut site = Site::new(small(), Thresholds::default());
        for second in 0..1_001 {
            site.learn(1.0, Moment::from_secs(f64::from(second)));
        }
        assert_eq!(site.phase(), Phase::Watching);
        assert!((site.thresholds().attack - 0.995).abs() < f32::EPSILON);
    }

    #[test]
    fn what_was_learnt_can_be_written_down_and_read_again() {
        for site in [taught(500, 10.0), taught(2_000, 90.0)] {
            let written = serde_json::to_string(&site).unwrap();
            assert_eq!(serde_json::from_str::<Site>(&written).unwrap(), site);
            assert!(written.len() < 40_000, "{}", written.len());
        }
    }

    #[test]
    fn a_score_that_wavers_crosses_once() {
        let mut gate = Gate::default();
        let crossings: Vec<_> =
            [0.4, 0.5, 0.45, 0.55, 0.42, 0.2, 0.45].map(|it| gate.pass(it, 0.5)).into();
        let entered = crossings.iter().filter(|it| **it == Crossing::Entered).count();
        assert_eq!((entered, crossings[5], gate.is_above()), (1, Crossing::Left, false));
    }

    #[test]
    fn what_is_no_score_is_harmless() {
        let mut site = Site::new(small(), Thresholds::default());
        for score in [f32::NAN, f32::INFINITY, -1.0, 2.0, 0.0, 1.0] {
            site.learn(score, Moment(i64::MAX));
        }
        assert!(site.quantile(1.0).is_some_and(|it| it <= 1.0));
    }
}
