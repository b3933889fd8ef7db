//! What a source did before adds to what a model says of a conversation by itself.
//!
//! With p the model's probability, held within 0.0001 and 0.9999, and conversations in the order in
//! which they ended:
//!
//! - z = ln(p / (1 - p));
//! - usual: the mean of z over (source, destination port), weights fading with an hour, with one more
//!   value of -6 and weight 1; the conversation itself is part of it;
//! - heaped: the sum of max(0, z) over the source, fading with five minutes; itself too;
//! - score = z + usual + ln(1 + heaped) / 2, squeezed into 0 to 1 by 1 / (1 + e^(-score / 2)).
//!
//! Of those beyond [`SOURCES`] and [`PORTS`] the one that was quiet for longest is forgotten.

use std::net::IpAddr;

use capture::Moment;
use serde::{Deserialize, Serialize};

use crate::{
    card::{Figure, Thresholds},
    features::Recent,
};

/// Sources that are remembered.
const SOURCES: usize = 65_536;
/// Pairs of source and destination port that are remembered.
const PORTS: usize = 262_144;
const CLIP: f64 = 1e-4;
const PRIOR: f64 = -6.0;
const USUAL_S: f64 = 3600.0;
const HEAPED_S: f64 = 300.0;

/// What holds of a model's scores when they are heaped, as training found it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Heaped {
    /// From which squeezed score on what is said.
    pub thresholds: Thresholds,
    /// How well that does on families that were never seen.
    #[serde(default)]
    pub figures: Vec<Figure>,
}

/// What sources did before.
#[derive(Debug)]
pub struct Heap {
    usual: Recent<(IpAddr, u16), Faded>,
    heaped: Recent<IpAddr, Faded>,
}

/// A sum whose parts fade.
#[derive(Clone, Copy, Debug, Default)]
struct Faded {
    total: f64,
    weight: f64,
    last: Moment,
}

impl Faded {
    fn add(&mut self, value: f64, at: Moment, seconds: f64) {
        let fade = (-at.since(self.last).max(0.0) / seconds).exp();
        self.total = self.total * fade + value;
        self.weight = self.weight * fade + 1.0;
        self.last = at;
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self { usual: Recent::new(PORTS), heaped: Recent::new(SOURCES) }
    }
}

impl Heap {
    /// The score of the next conversation, before it is squeezed.
    pub fn score(&mut self, source: IpAddr, port: u16, ended: Moment, share: f32) -> f64 {
        let share = f64::from(share).clamp(CLIP, 1.0 - CLIP);
        let odds = (share / (1.0 - share)).ln();
        let usual = entry(&mut self.usual, (source, port), odds, ended, USUAL_S);
        let heaped = entry(&mut self.heaped, source, odds.max(0.0), ended, HEAPED_S);
        odds + (usual.total + PRIOR) / (usual.weight + 1.0) + heaped.total.ln_1p() / 2.0
    }
}

fn entry<K: Copy + Eq + std::hash::Hash>(
    table: &mut Recent<K, Faded>,
    key: K,
    value: f64,
    at: Moment,
    seconds: f64,
) -> Faded {
    let (faded, _) = table.get(key);
    faded.add(value, at, seconds);
    *faded
}

/// Brings a score into 0 to 1.
pub fn squeezed(score: f64) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "0 to 1")]
    let squeezed = (1.0 / (1.0 + (-score / 2.0).exp())) as f32;
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Row {
        end: f64,
        source: IpAddr,
        port: u16,
        probability: f32,
        score: f64,
    }

    #[test]
    fn scores_are_those_that_training_reckoned() {
        let told: serde_json::Value =
            serde_json::from_str(include_str!("../models/evidence.json")).unwrap();
        let rows: Vec<Row> = serde_json::from_value(told["example"].clone()).unwrap();
        assert!(rows.len() > 100);
        let mut heap = Heap::default();
        for row in rows {
            let at = Moment::from_secs(row.end);
            let score = heap.score(row.source, row.port, at, row.probability);
            assert!((score - row.score).abs() < 1e-3, "{score} {}", row.score);
        }
    }

    #[test]
    fn one_who_goes_on_scores_higher_than_one_who_does_it_once() {
        let mut heap = Heap::default();
        let source = [10, 0, 0, 1].into();
        let first = heap.score(source, 80, Moment(0), 0.9);
        let later = (1..10).map(|n| heap.score(source, 80, Moment(n), 0.9)).last().unwrap();
        let after = heap.score(source, 80, Moment::from_secs(86_400.0), 0.9);
        assert!(first < later && after < later, "{first} {later} {after}");
        assert!(squeezed(first) < squeezed(later));
    }
}
