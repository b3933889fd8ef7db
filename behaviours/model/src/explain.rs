//! Why a conversation got its score: what each feature adds to it.

use serde::Serialize;

use crate::{
    COUNT, NAMES, Row,
    score::{Attribution, ScoreError, Scorer},
};

/// How many features an explanation names.
pub const NAMED: usize = 5;

/// Why a conversation got its score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// In what the amounts are.
    pub unit: Unit,
    /// What it would be without knowing anything of the conversation.
    pub base: f64,
    /// What moved it most, most first; at most [`NAMED`].
    pub reasons: Vec<Reason>,
    /// What all others moved it by. The base, the reasons and the rest together are the score.
    pub rest: f64,
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// The sum of trees, before it is made a probability.
    Sum,
    /// The probability itself.
    Probability,
}

/// What one feature adds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Which.
    pub feature: &'static str,
    /// What it says, for people.
    pub meaning: &'static str,
    /// What it is.
    pub value: f32,
    /// By how much it moves the score; above 0 towards an attack.
    pub amount: f64,
}

/// Explains a score. Of trees alone each question on the way counts. Of other models features are
/// put back one after the other to what is usual (`medians` of the card, else 0): those first that
/// matter most by themselves.
pub fn explain(
    model: &mut dyn Scorer,
    row: &Row,
    medians: &[f32],
) -> Result<Explanation, ScoreError> {
    match model.attribute(row) {
        Some(Attribution { base, amounts }) => Ok(told(row, Unit::Sum, base, &amounts)),
        None => occlude(model, row, medians),
    }
}

fn occlude(model: &mut dyn Scorer, row: &Row, medians: &[f32]) -> Result<Explanation, ScoreError> {
    let usual: Row = std::array::from_fn(|at| medians.get(at).copied().unwrap_or(0.0));
    let without = |at: usize, row: &Row| {
        let mut row = *row;
        if let (Some(place), Some(usual)) = (row.get_mut(at), usual.get(at)) {
            *place = *usual;
        }
        row
    };
    // First each by itself.
    let mut rows: Vec<Row> = (0..COUNT).map(|at| without(at, row)).collect();
    rows.push(*row);
    let mut scores = Vec::with_capacity(rows.len());
    model.score(&rows, &mut scores)?;
    let all = scores.pop().unwrap_or(0.0);
    let mut order: Vec<(usize, f32)> =
        scores.into_iter().map(|it| (it - all).abs()).enumerate().collect();
    order.sort_by(|one, other| other.1.total_cmp(&one.1));
    // Then one after the other, so that the steps add up.
    let mut stripped = *row;
    let rows: Vec<Row> = order
        .iter()
        .map(|(at, _)| {
            stripped = without(*at, &stripped);
            stripped
        })
        .collect();
    let mut scores = Vec::with_capacity(rows.len());
    model.score(&rows, &mut scores)?;
    let mut amounts = [0.0; COUNT];
    let mut last = f64::from(all);
    for ((at, _), score) in order.into_iter().zip(scores) {
        if let Some(amount) = amounts.get_mut(at) {
            *amount = last - f64::from(score);
        }
        last = f64::from(score);
    }
    Ok(told(row, Unit::Probability, last, &amounts))
}

fn told(row: &Row, unit: Unit, base: f64, amounts: &[f64; COUNT]) -> Explanation {
    let mut reasons: Vec<Reason> = NAMES
        .iter()
        .zip(row)
        .zip(amounts)
        .filter(|(_, amount)| **amount != 0.0)
        .map(|((feature, value), amount)| Reason {
            feature: feature.name,
            meaning: feature.meaning,
            value: *value,
            amount: *amount,
        })
        .collect();
    reasons.sort_by(|one, other| other.amount.abs().total_cmp(&one.amount.abs()));
    let rest = reasons.iter().skip(NAMED).map(|it| it.amount).sum();
    reasons.truncate(NAMED);
    Explanation { unit, base, reasons, rest }
}
