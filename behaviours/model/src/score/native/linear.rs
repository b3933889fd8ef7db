//! Linear models, and what is done to numbers before them.

use super::{Matrix, Post, faulty};
use crate::{onnx::Node, score::ScoreError};

/// The most classes.
const CLASSES: usize = 256;

/// `LinearClassifier`: weighted sums, one for each class.
#[derive(Debug)]
pub(super) struct Linear {
    width: usize,
    /// For each class its weights, and what is added.
    classes: Vec<(Vec<f32>, f32)>,
    post: Post,
}

impl Linear {
    pub(super) fn new(node: &Node) -> Result<Self, ScoreError> {
        let floats = |name| node.attributes.get(name).map_or(&[][..], |it| it.floats.as_slice());
        let (weights, added) = (floats("coefficients"), floats("intercepts"));
        let count = added.len();
        if !(2..=CLASSES).contains(&count) || weights.is_empty() || weights.len() % count != 0 {
            let fault = format!(
                "has {} coefficients and {count} intercepts; it would have to have an intercept for \
                 each of 2 to {CLASSES} classes, and as many coefficients for each",
                weights.len()
            );
            return Err(faulty(node, fault));
        }
        let width = weights.len() / count;
        let classes = weights.chunks_exact(width).zip(added);
        let classes = classes.map(|(weights, added)| (weights.to_vec(), *added)).collect();
        Ok(Self { width, classes, post: Post::of(node)? })
    }

    pub(super) fn apply<'a>(&self, from: &Matrix<'a>) -> Result<Matrix<'a>, ScoreError> {
        wide("LinearClassifier", self.width, from.width)?;
        let mut made = Vec::with_capacity(from.rows().len() * self.classes.len());
        let mut sums = vec![0.0; self.classes.len()];
        for row in from.rows() {
            for (sum, (weights, added)) in sums.iter_mut().zip(&self.classes) {
                *sum = row.iter().zip(weights).map(|(it, weight)| it * weight).sum::<f32>() + added;
            }
            self.post.apply(&mut sums);
            made.extend_from_slice(&sums);
        }
        Ok(Matrix::of(self.classes.len(), made))
    }
}

/// `Scaler`: (value - offset) * scale.
#[derive(Debug)]
pub(super) struct Scaler {
    offsets: Vec<f32>,
    scales: Vec<f32>,
}

impl Scaler {
    pub(super) fn new(node: &Node) -> Result<Self, ScoreError> {
        let floats = |name| node.attributes.get(name).map(|it| it.floats.clone());
        match (floats("offset"), floats("scale")) {
            (Some(offsets), Some(scales))
                if offsets.len() == scales.len() && !offsets.is_empty() =>
            {
                Ok(Self { offsets, scales })
            }
            _ => Err(faulty(node, "has not one `scale` for each `offset`".to_owned())),
        }
    }

    pub(super) fn apply<'a>(&self, from: &Matrix<'a>) -> Result<Matrix<'a>, ScoreError> {
        if self.offsets.len() != 1 {
            wide("Scaler", self.offsets.len(), from.width)?;
        }
        let pairs = || self.offsets.iter().zip(&self.scales).cycle();
        let scaled = |row: &[f32]| -> Vec<f32> {
            row.iter().zip(pairs()).map(|(it, (offset, scale))| (it - offset) * scale).collect()
        };
        Ok(Matrix::of(from.width, from.rows().flat_map(scaled).collect()))
    }
}

/// `Normalizer`: each row by its length.
#[derive(Debug)]
pub(super) enum Normalizer {
    /// By the greatest.
    Max,
    /// By the sum.
    L1,
    /// By the root of the sum of squares.
    L2,
}

impl Normalizer {
    pub(super) fn new(node: &Node) -> Result<Self, ScoreError> {
        match node.attributes.get("norm").map_or("MAX", |it| it.text.as_str()) {
            "MAX" => Ok(Self::Max),
            "L1" => Ok(Self::L1),
            "L2" => Ok(Self::L2),
            other => Err(faulty(node, format!("has `norm` `{other}`; there are MAX, L1, L2"))),
        }
    }

    pub(super) fn apply<'a>(&self, from: &Matrix<'a>) -> Matrix<'a> {
        let normal = |row: &[f32]| {
            let by: f32 = match self {
                Self::Max => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                Self::L1 => row.iter().map(|it| it.abs()).sum(),
                Self::L2 => row.iter().map(|it| it * it).sum::<f32>().sqrt(),
            };
            let by = if by == 0.0 { 1.0 } else { by };
            row.iter().map(|it| it / by).collect::<Vec<f32>>()
        };
        Matrix::of(from.width, from.rows().flat_map(normal).collect())
    }
}

/// Refuses rows of another width.
pub(super) fn wide(operation: &str, wanted: usize, given: usize) -> Result<(), ScoreError> {
    if wanted == given {
        return Ok(());
    }
    let fault = format!("wants rows of {wanted} numbers and gets {given}");
    Err(ScoreError::Faulty { operation: operation.to_owned(), fault })
}
