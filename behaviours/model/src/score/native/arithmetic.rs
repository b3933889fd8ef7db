//! What ONNX itself has: sums, products, and the functions of small networks.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Matrix, faulty, linear::wide, logistic, softmax};
use crate::{
    onnx::{Node, Tensor},
    score::ScoreError,
};

/// The widest rows that are made.
const WIDEST: usize = 4_096;

/// An operation, its constants with it.
#[derive(Debug)]
pub(super) struct Arithmetic {
    name: String,
    what: What,
    /// The constants among what goes in, by place.
    constants: Vec<Option<Vec<f32>>>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Each row its own: `Relu` and the like.
    Each(fn(&mut [f32])),
    /// Number by number, of two or more.
    Both(fn(f32, f32) -> f32),
    /// The mean, number by number.
    Mean,
    /// Rows side by side.
    Concat,
    /// By a matrix of so many rows.
    Times(usize),
}

impl Arithmetic {
    pub(super) fn new(node: &Node, all: &BTreeMap<String, Tensor>) -> Result<Self, ScoreError> {
        let what = match node.operation.as_str() {
            "Relu" => What::Each(|row| row.iter_mut().for_each(|it| *it = it.max(0.0))),
            "Sigmoid" => What::Each(|row| row.iter_mut().for_each(|it| *it = logistic(*it))),
            "Tanh" => What::Each(|row| row.iter_mut().for_each(|it| *it = it.tanh())),
            "Softmax" => What::Each(softmax),
            "Add" | "Sum" => What::Both(|one, other| one + other),
            "Sub" => What::Both(|one, other| one - other),
            "Mul" => What::Both(|one, other| one * other),
            "Div" => What::Both(|one, other| one / other),
            "Max" => What::Both(f32::max),
            "Min" => What::Both(f32::min),
            "Mean" => What::Mean,
            "Concat" => What::Concat,
            "MatMul" => What::Times(0),
            other => return Err(ScoreError::Operation(other.to_owned())),
        };
        let along = node.attributes.get("axis").map_or(-1, |it| it.int);
        if matches!(what, What::Concat) && along != 1 && along != -1
            || node.operation == "Softmax" && !matches!(along, 1 | -1)
        {
            return Err(faulty(node, format!("is along `axis` {along}; known is 1")));
        }
        let tensors: Vec<Option<&Tensor>> = node.inputs.iter().map(|it| all.get(it)).collect();
        let what = match (what, &tensors[..]) {
            (What::Times(_), [None, Some(Tensor { shape, values })]) => match shape[..] {
                [height, 1..=4_096] if height > 0 && !values.is_empty() => {
                    What::Times(usize::try_from(height).unwrap_or(0))
                }
                _ => {
                    return Err(faulty(
                        node,
                        "is not by a matrix of at most 4,096 columns".to_owned(),
                    ));
                }
            },
            (What::Times(_), _) => {
                return Err(faulty(node, "is not rows by one constant matrix".to_owned()));
            }
            (what, tensors) => {
                // A constant is a number, or a row for all rows.
                let row = |it: &Tensor| it.shape.iter().rev().skip(1).all(|side| *side == 1);
                if !tensors.iter().flatten().all(|it| row(it) && !it.values.is_empty()) {
                    return Err(faulty(node, "has a constant of more than one row".to_owned()));
                }
                what
            }
        };
        if tensors.iter().all(Option::is_some) {
            return Err(faulty(node, "reads only constants".to_owned()));
        }
        let constants = tensors.iter().map(|it| it.map(|it| it.values.clone())).collect();
        Ok(Self { name: node.operation.clone(), what, constants })
    }

    pub(super) fn apply<'a>(
        &self,
        from: &[&Matrix<'a>],
        rows: usize,
    ) -> Result<Matrix<'a>, ScoreError> {
        // What goes in, in its order: constants, and what was made.
        let mut made = from.iter();
        let inputs: Vec<Given<'_>> = self
            .constants
            .iter()
            .filter_map(|it| match it {
                Some(values) => Some(Given { values, width: values.len(), step: 0 }),
                None => made.next().map(|it| Given {
                    values: &it.values,
                    width: it.width,
                    step: it.width,
                }),
            })
            .collect();
        let [first, rest @ ..] = &inputs[..] else {
            return Err(self.fault("has nothing that goes in".to_owned()));
        };
        match self.what {
            What::Each(function) => {
                let mut values = first.values.to_vec();
                values.chunks_exact_mut(first.width.max(1)).for_each(function);
                Ok(Matrix { width: first.width, values: Cow::Owned(values) })
            }
            What::Both(function) => self.fold(first, rest, rows, function),
            What::Mean => {
                let mut sum = self.fold(first, rest, rows, |one, other| one + other)?;
                let by = inputs.iter().map(|_| 1.0_f32).sum::<f32>();
                sum.values.to_mut().iter_mut().for_each(|it| *it /= by);
                Ok(sum)
            }
            What::Concat => {
                let width = inputs.iter().map(|it| it.width).sum();
                if width > WIDEST {
                    return Err(self.fault(format!("makes rows of more than {WIDEST} numbers")));
                }
                let mut values = Vec::with_capacity(rows * width);
                for row in 0..rows {
                    for input in &inputs {
                        values.extend_from_slice(input.row(row));
                    }
                }
                Ok(Matrix::of(width, values))
            }
            What::Times(height) => {
                wide(&self.name, height, first.width)?;
                let matrix = rest.first().map(|it| it.values).unwrap_or_default();
                let width = matrix.len() / height.max(1);
                let mut values = vec![0.0; rows * width];
                for (row, sums) in values.chunks_exact_mut(width.max(1)).enumerate() {
                    for (value, weights) in
                        first.row(row).iter().zip(matrix.chunks_exact(width.max(1)))
                    {
                        sums.iter_mut()
                            .zip(weights)
                            .for_each(|(sum, weight)| *sum += value * weight);
                    }
                }
                Ok(Matrix::of(width, values))
            }
        }
    }

    /// Number by number; a row of one number is for all.
    fn fold<'a>(
        &self,
        first: &Given<'_>,
        rest: &[Given<'_>],
        rows: usize,
        function: fn(f32, f32) -> f32,
    ) -> Result<Matrix<'a>, ScoreError> {
        let all = || std::iter::once(first).chain(rest);
        let width = all().map(|it| it.width).max().unwrap_or(0);
        if let Some(odd) = all().find(|it| it.width != width && it.width != 1) {
            return Err(self.fault(format!("gets rows of {width} and of {} numbers", odd.width)));
        }
        if width > WIDEST {
            return Err(self.fault(format!("makes rows of more than {WIDEST} numbers")));
        }
        let mut values = Vec::with_capacity(rows * width);
        for row in 0..rows {
            let begin = values.len();
            values.extend(first.row(row).iter().copied().cycle().take(width));
            for other in rest {
                let other = other.row(row).iter().cycle();
                let made = values.iter_mut().skip(begin);
                made.zip(other).for_each(|(one, other)| *one = function(*one, *other));
            }
        }
        Ok(Matrix::of(width, values))
    }

    fn fault(&self, fault: String) -> ScoreError {
        ScoreError::Faulty { operation: self.name.clone(), fault }
    }
}

/// Something that goes in.
struct Given<'a> {
    values: &'a [f32],
    width: usize,
    /// From one row to the next; 0 of a constant.
    step: usize,
}

impl Given<'_> {
    fn row(&self, row: usize) -> &[f32] {
        let begin = row * self.step;
        self.values.get(begin..begin + self.width).unwrap_or_default()
    }
}
