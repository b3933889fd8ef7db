//! What a model says of itself: what it was trained on, how well it does, and from which score on it
//! calls something an attack.
//!
//! The card lies beside the model (`NAME.card.json`) or in it, as the note `vedette.card` of its
//! `metadata_props`. A model whose card is of other features is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{COUNT, NAMES, hash, onnx::Onnx};

/// The note of a model that has its card.
pub const NOTE: &str = "vedette.card";
/// Parts of a histogram.
pub const PARTS: usize = 10;
/// The most bytes of a card.
pub const LARGEST: usize = 1 << 20;

/// A model card (M. Mitchell et al., "Model Cards for Model Reporting", 2019).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was trained: `2026-11-24T22:00:00Z`.
    pub created: String,
    /// What it is, and what it is not for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which features it wants: [`hash`].
    pub features: String,
    /// What it was trained on.
    #[serde(default)]
    pub training: Vec<Source>,
    /// How well it does on families that it never saw.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// From which score on what is said.
    pub thresholds: Thresholds,
    /// Scores of benign conversations that were not trained on, by share: `"0.999"` → the score
    /// that so many are at or below.
    #[serde(default)]
    pub benign: BTreeMap<String, f32>,
    /// The median of each feature in training, in order; empty where it is not known. What a score
    /// is explained against.
    #[serde(default)]
    pub medians: Vec<f32>,
    /// How each feature was spread in training, in order; empty where it is not known. What the
    /// drift of a site is measured against.
    #[serde(default)]
    pub histograms: Vec<Histogram>,
}

/// Something that a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is, and of whom.
    pub name: String,
    /// Under which licence.
    pub licence: String,
    /// Conversations of it that are benign.
    pub benign: u64,
    /// Conversations of it that are not.
    pub malicious: u64,
}

/// How well a model does on a family while that was held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Which; `macro` for the mean of all.
    pub family: String,
    /// Conversations of it.
    pub flows: u64,
    /// Area under the receiver operating characteristic.
    pub auc: f32,
    /// The share detected while 0.1 % of the benign conversations are called attacks.
    pub at_one_in_thousand: f32,
    /// The share detected while 1 % of the benign conversations are called attacks.
    pub at_one_in_hundred: f32,
}

/// Scores from which on something is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// An attack: 0.1 % of the benign conversations that were held out are at or above it.
    pub attack: f32,
    /// Worth a look: 1 % of them are.
    pub suspect: f32,
}

impl Default for Thresholds {
    /// Of a model that has no card: half, and three tenths.
    fn default() -> Self {
        Self { attack: 0.5, suspect: 0.3 }
    }
}

/// How a feature was spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Where its [`PARTS`] meet: `PARTS - 1` values, none less than the one before it. A value
    /// belongs to the part before the first edge that is greater.
    pub edges: Vec<f32>,
    /// The share of each part.
    pub shares: Vec<f32>,
}

/// Why a card is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It cannot be read.
    #[error("the model's card cannot be read")]
    Format(#[source] serde_json::Error),
    /// It is too large.
    #[error("the model's card has {0} bytes; it may have {LARGEST}")]
    TooLarge(usize),
    /// It is of other features.
    #[error(
        "the model `{name}` was trained on other features: its card says `{told}`, this program \
         computes `{}`; train it anew with `vedette model train`",
        hash()
    )]
    Features {
        /// Which model.
        name: String,
        /// What its card says.
        told: String,
    },
    /// Something in it is not as it should be.
    #[error("the card of the model `{name}` has {what}; it would have to have {wanted}")]
    Content {
        /// Which model.
        name: String,
        /// What it has.
        what: String,
        /// What would have been right.
        wanted: String,
    },
}

impl Card {
    /// Reads a card, and refuses one that does not fit.
    pub fn read(json: &str) -> Result<Self, CardError> {
        if json.len() > LARGEST {
            return Err(CardError::TooLarge(json.len()));
        }
        let card: Self = serde_json::from_str(json).map_err(CardError::Format)?;
        card.check()?;
        Ok(card)
    }

    /// The card in a model, if it has one.
    pub fn within(onnx: &Onnx) -> Result<Option<Self>, CardError> {
        onnx.metadata.get(NOTE).map(|json| Self::read(json)).transpose()
    }

    /// The card of a model that has none: nothing is known of it but its name.
    pub fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), features: hash(), ..Self::default() }
    }

    fn check(&self) -> Result<(), CardError> {
        if self.features != hash() {
            return Err(CardError::Features {
                name: self.name.clone(),
                told: self.features.clone(),
            });
        }
        let Thresholds { attack, suspect } = self.thresholds;
        if !(0.0 < suspect && suspect <= attack && attack <= 1.0) {
            let what = format!("the thresholds {suspect} (suspect) and {attack} (attack)");
            return Err(self.content(what, "0 < suspect ≤ attack ≤ 1"));
        }
        let medians = &self.medians;
        if !matches!(medians.len(), 0 | COUNT) || medians.iter().any(|it| !it.is_finite()) {
            let what = format!("{} medians", medians.len());
            return Err(self.content(what, format!("none, or {COUNT} numbers")));
        }
        if !matches!(self.histograms.len(), 0 | COUNT) {
            let what = format!("{} histograms", self.histograms.len());
            return Err(self.content(what, format!("none, or {COUNT}")));
        }
        let odd = self.histograms.iter().zip(NAMES).find(|(it, _)| !it.is_right());
        if let Some((_, feature)) = odd {
            let wanted =
                format!("{} edges in order and {PARTS} shares that add up to 1", PARTS - 1);
            return Err(self.content(format!("an odd histogram of `{}`", feature.name), wanted));
        }
        let odd = self.benign.iter().find(|(share, score)| {
            !share.parse().is_ok_and(|it: f64| (0.0..=1.0).contains(&it))
                || !(0.0..=1.0).contains(*score)
        });
        if let Some((share, score)) = odd {
            let what = format!("the benign score {score} at the share `{share}`");
            return Err(self.content(what, "both from 0 to 1"));
        }
        Ok(())
    }

    fn content(&self, what: String, wanted: impl Into<String>) -> CardError {
        CardError::Content { name: self.name.clone(), what, wanted: wanted.into() }
    }
}

impl Histogram {
    /// The part that a value belongs to.
    pub fn part(&self, value: f32) -> usize {
        self.edges.partition_point(|edge| *edge <= value)
    }

    fn is_right(&self) -> bool {
        let sum: f32 = self.shares.iter().sum();
        self.edges.len() == PARTS - 1
            && self.shares.len() == PARTS
            && self.edges.iter().all(|it| it.is_finite())
            && self.edges.is_sorted()
            && self.shares.iter().all(|it| *it >= 0.0)
            && (sum - 1.0).abs() < 1e-3
    }
}
