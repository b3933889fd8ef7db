//! How far a site's traffic is from what a model was trained on.
//!
//! The measure is the population stability index, Σ (here - there) · ln(here / there) over the parts
//! of each feature's histogram. By custom (E. Lewis, "An Introduction to Credit Scoring", 1994)
//! below 0.1 nothing has changed, from 0.25 on much has.

use serde::Serialize;

use crate::{
    COUNT, NAMES, Row,
    card::{Histogram, PARTS},
};

/// From here on traffic has shifted.
pub const SHIFTED: f64 = 0.1;
/// From here on it is another.
pub const ANOTHER: f64 = 0.25;

/// Panes of the window: the oldest goes when the newest is full.
const PANES: usize = 8;
/// Conversations of a pane.
const PANE: u32 = 4_096;
/// Below so many conversations nothing is said.
const ENOUGH: u32 = 1_000;
/// A share of nothing counts as this much, since the measure knows no nothing.
const LEAST: f64 = 1e-4;

type Counts = [[u32; PARTS]; COUNT];

/// The window, of the last 28,672 to 32,768 conversations.
#[derive(Debug)]
pub struct Drift {
    histograms: Vec<Histogram>,
    panes: std::collections::VecDeque<Box<Counts>>,
    in_newest: u32,
}

/// How far a feature is from what it was in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Which.
    pub feature: &'static str,
    /// The population stability index.
    pub index: f64,
    /// What that means.
    pub level: Level,
}

/// What an index means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As in training: below [`SHIFTED`].
    Stable,
    /// Not quite as in training.
    Shifted,
    /// Something else: [`ANOTHER`] or above.
    Another,
}

impl Level {
    /// Of an index.
    pub fn of(index: f64) -> Self {
        match index {
            index if index >= ANOTHER => Self::Another,
            index if index >= SHIFTED => Self::Shifted,
            _ => Self::Stable,
        }
    }
}

impl Drift {
    /// Against the histograms of a card; `None` where it has none.
    pub fn new(histograms: &[Histogram]) -> Option<Self> {
        (histograms.len() == COUNT).then(|| Self {
            histograms: histograms.to_vec(),
            panes: std::collections::VecDeque::with_capacity(PANES),
            in_newest: 0,
        })
    }

    /// Takes in a conversation.
    pub fn add(&mut self, row: &Row) {
        if self.panes.is_empty() || self.in_newest >= PANE {
            if self.panes.len() == PANES {
                self.panes.pop_front();
            }
            self.panes.push_back(Box::new([[0; PARTS]; COUNT]));
            self.in_newest = 0;
        }
        self.in_newest += 1;
        let Some(pane) = self.panes.back_mut() else { return };
        for ((counts, histogram), value) in pane.iter_mut().zip(&self.histograms).zip(row) {
            if let Some(count) = counts.get_mut(histogram.part(*value)) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many conversations are in the window.
    pub fn seen(&self) -> u32 {
        let full = u32::try_from(self.panes.len().saturating_sub(1)).unwrap_or(0);
        full * PANE + self.in_newest
    }

    /// How far each feature is from training, the farthest first; `None` below 1,000 conversations.
    pub fn shifts(&self) -> Option<Vec<Shift>> {
        if self.seen() < ENOUGH {
            return None;
        }
        let mut sums: Counts = [[0; PARTS]; COUNT];
        for pane in &self.panes {
            for (sum, counts) in sums.iter_mut().flatten().zip(pane.iter().flatten()) {
                *sum += counts;
            }
        }
        let seen = f64::from(self.seen());
        let mut shifts: Vec<Shift> = sums
            .iter()
            .zip(&self.histograms)
            .zip(NAMES)
            .map(|((counts, histogram), feature)| {
                let index = index(counts, seen, histogram);
                Shift { feature: feature.name, index, level: Level::of(index) }
            })
            .collect();
        shifts.sort_by(|one, other| other.index.total_cmp(&one.index));
        Some(shifts)
    }
}

fn index(counts: &[u32; PARTS], seen: f64, histogram: &Histogram) -> f64 {
    let parts = counts.iter().zip(&histogram.shares);
    parts
        .map(|(count, share)| {
            let here = (f64::from(*count) / seen).max(LEAST);
            let there = f64::from(*share).max(LEAST);
            (here - there) * (here / there).ln()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even() -> Vec<Histogram> {
        let edges = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0].to_vec();
        vec![Histogram { edges, shares: vec![0.1; PARTS] }; COUNT]
    }

    fn row(value: u16) -> Row {
        [f32::from(value); COUNT]
    }

    #[test]
    fn the_same_traffic_does_not_drift() {
        let mut drift = Drift::new(&even()).unwrap();
        (0..999).for_each(|it| drift.add(&row(it % 10)));
        assert_eq!(drift.shifts(), None, "too little to say anything");
        drift.add(&row(9));
        let shifts = drift.shifts().unwrap();
        assert!(shifts.iter().all(|it| it.level == Level::Stable && it.index < 1e-6), "{shifts:?}");
    }

    #[test]
    fn one_feature_that_changed_is_named_first() {
        let mut drift = Drift::new(&even()).unwrap();
        for at in 0..2_000_u16 {
            let mut row = row(at % 10);
            row[30] = f32::from(at % 5);
            row[31] = if at % 7 == 0 { 0.0 } else { f32::from(at % 10) };
            drift.add(&row);
        }
        let shifts = drift.shifts().unwrap();
        assert_eq!((shifts[0].feature, shifts[0].level), ("l_duration", Level::Another));
        // Twice the share in five parts, next to none in the other five.
        let wanted = 5.0 * (0.1 * 2_f64.ln() + (0.1 - 1e-4) * 1_000_f64.ln());
        assert!((shifts[0].index - wanted).abs() < 1e-6, "{} {wanted}", shifts[0].index);
        assert_eq!((shifts[1].feature, shifts[1].level), ("l_orig_bytes", Level::Shifted));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut drift = Drift::new(&even()).unwrap();
        (0..u32::from(u16::MAX)).for_each(|_| drift.add(&row(0)));
        (0..u32::from(u16::MAX)).for_each(|at| drift.add(&row(u16::try_from(at % 10).unwrap())));
        assert!(drift.seen() <= 8 * PANE);
        assert!(drift.shifts().unwrap()[0].index < 0.01);
    }
}
