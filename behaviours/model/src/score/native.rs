//! An engine of our own for small models: trees, linear models, small networks, and means of those.

mod arithmetic;
mod linear;
mod matrix;
mod trees;

use std::{borrow::Cow, collections::HashMap};

use arithmetic::Arithmetic;
use linear::{Linear, Normalizer, Scaler};
use matrix::Matrix;
use trees::Trees;

use super::{Attribution, ScoreError, Scorer, check, last_column, output};
use crate::{
    COUNT, Row,
    onnx::{Node, Onnx},
};

/// So many rows are reckoned with at once, which bounds what is held.
const BATCH: usize = 1024;

/// So many numbers are held for each row, of all operations together.
const HELD: usize = 16_384;

/// A model that is made ready.
#[derive(Debug)]
pub struct Native {
    steps: Vec<Step>,
    result: usize,
    places: usize,
}

/// One operation: from where, to where.
#[derive(Debug)]
struct Step {
    what: Operation,
    from: Vec<usize>,
    to: usize,
}

/// What is done to batches of rows.
#[derive(Debug)]
enum Operation {
    Trees(Trees),
    Linear(Linear),
    Scaler(Scaler),
    Normalizer(Normalizer),
    Arithmetic(Arithmetic),
    /// Nothing: what goes in comes out.
    Same,
}

impl Native {
    /// Makes a model ready, as far as its probabilities need it. What it does not know it names.
    pub fn new(onnx: &Onnx) -> Result<Self, ScoreError> {
        let input = check(onnx)?;
        let result = output(onnx)?;
        let mut plan = Plan { onnx, steps: Vec::new(), places: HashMap::from([(input, 0)]) };
        // Only what the probabilities are made of.
        let mut wanted = vec![result.as_str()];
        let mut needed = vec![false; onnx.nodes.len()];
        while let Some(name) = wanted.pop() {
            for (node, needed) in onnx.nodes.iter().zip(&mut needed) {
                if !*needed && node.outputs.iter().any(|it| it == name) {
                    *needed = true;
                    wanted.extend(node.inputs.iter().map(String::as_str));
                }
            }
        }
        for (node, needed) in onnx.nodes.iter().zip(needed) {
            if needed {
                plan.add(node)?;
            }
        }
        let places = plan.places.len();
        let result = *plan.places.get(&result).ok_or_else(|| {
            ScoreError::Output(format!("an output `{result}` that nothing computes"))
        })?;
        Ok(Self { steps: plan.steps, result, places })
    }

    fn batch(&self, rows: &[Row], scores: &mut Vec<f32>) -> Result<(), ScoreError> {
        let mut values: Vec<Matrix<'_>> = Vec::with_capacity(self.places);
        values.resize_with(self.places, Matrix::default);
        if let Some(first) = values.first_mut() {
            *first = Matrix { width: COUNT, values: Cow::Borrowed(rows.as_flattened()) };
        }
        let mut held = 0;
        for step in &self.steps {
            let from: Vec<&Matrix<'_>> =
                step.from.iter().filter_map(|it| values.get(*it)).collect();
            let made = step.what.apply(&from, rows.len())?;
            held += made.width;
            if held > HELD {
                let fault = format!("needs more than {HELD} numbers for each row");
                return Err(ScoreError::Faulty { operation: "graph".to_owned(), fault });
            }
            if let Some(place) = values.get_mut(step.to) {
                *place = made;
            }
        }
        let result = values.get(self.result).map(|it| &*it.values).unwrap_or_default();
        last_column(result, rows.len(), scores)
    }
}

impl Scorer for Native {
    fn engine(&self) -> &'static str {
        "native"
    }

    fn score(&mut self, rows: &[Row], scores: &mut Vec<f32>) -> Result<(), ScoreError> {
        rows.chunks(BATCH).try_for_each(|rows| self.batch(rows, scores))
    }

    fn attribute(&self, row: &Row) -> Option<Attribution> {
        let mut known = self.steps.iter().filter(|it| !matches!(it.what, Operation::Same));
        match (known.next().map(|it| &it.what), known.next()) {
            (Some(Operation::Trees(trees)), None) => Some(trees.attribute(row)),
            _ => None,
        }
    }
}

/// What is made ready so far.
struct Plan<'a> {
    onnx: &'a Onnx,
    steps: Vec<Step>,
    places: HashMap<String, usize>,
}

impl Plan<'_> {
    fn add(&mut self, node: &Node) -> Result<(), ScoreError> {
        let mut from = Vec::new();
        for name in &node.inputs {
            if let Some(place) = self.places.get(name) {
                from.push(*place);
            } else if !self.onnx.constants.contains_key(name) {
                return Err(faulty(node, format!("reads `{name}`, which nothing wrote before it")));
            }
        }
        let what = self.operation(node)?;
        // Of a classifier the first output is the class, the second the probabilities.
        let at = usize::from(node.operation.ends_with("Classifier"));
        let name = node.outputs.get(at).ok_or_else(|| faulty(node, "has no output".to_owned()))?;
        let place = self.places.len();
        if self.places.insert(name.clone(), place).is_some() {
            return Err(faulty(node, format!("writes `{name}` a second time")));
        }
        if at == 1
            && let Some(label) = node.outputs.first()
        {
            // Who reads the class anyway finds nothing there, and says so.
            self.places.remove(label);
        }
        self.steps.push(Step { what, from, to: place });
        Ok(())
    }

    fn operation(&self, node: &Node) -> Result<Operation, ScoreError> {
        let constants = &self.onnx.constants;
        match (node.domain.as_str(), node.operation.as_str()) {
            ("ai.onnx.ml", "TreeEnsembleClassifier" | "TreeEnsembleRegressor") => {
                Ok(Operation::Trees(Trees::new(node)?))
            }
            ("ai.onnx.ml", "LinearClassifier") => Ok(Operation::Linear(Linear::new(node)?)),
            ("ai.onnx.ml", "Scaler") => Ok(Operation::Scaler(Scaler::new(node)?)),
            ("ai.onnx.ml", "Normalizer") => Ok(Operation::Normalizer(Normalizer::new(node)?)),
            // To f32, or to what is written in f32 anyway.
            ("" | "ai.onnx", "Identity" | "Cast" | "Dropout") => Ok(Operation::Same),
            // LightGBM's exporter multiplies by one.
            ("" | "ai.onnx", "Mul") if node.inputs.iter().any(|it| self.is_one(it)) => {
                Ok(Operation::Same)
            }
            ("" | "ai.onnx", _) => Arithmetic::new(node, constants).map(Operation::Arithmetic),
            (_, other) => Err(ScoreError::Operation(other.to_owned())),
        }
    }
}

impl Plan<'_> {
    fn is_one(&self, name: &str) -> bool {
        let one = |it: &f32| (it - 1.0).abs() < f32::EPSILON;
        self.onnx
            .constants
            .get(name)
            .is_some_and(|it| it.values.len() == 1 && it.values.iter().all(one))
    }
}

impl Operation {
    fn apply<'a>(&self, from: &[&Matrix<'a>], rows: usize) -> Result<Matrix<'a>, ScoreError> {
        let one = || {
            from.first().copied().ok_or_else(|| ScoreError::Faulty {
                operation: "?".to_owned(),
                fault: "reads only constants".to_owned(),
            })
        };
        match self {
            Self::Trees(trees) => trees.apply(one()?),
            Self::Linear(linear) => linear.apply(one()?),
            Self::Scaler(scaler) => scaler.apply(one()?),
            Self::Normalizer(normalizer) => Ok(normalizer.apply(one()?)),
            Self::Arithmetic(arithmetic) => arithmetic.apply(from, rows),
            Self::Same => Ok(one()?.clone()),
        }
    }
}

fn faulty(node: &Node, fault: String) -> ScoreError {
    ScoreError::Faulty { operation: node.operation.clone(), fault }
}

/// The logistic function.
fn logistic(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// What is done to the scores of a row at the end (`post_transform`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    None,
    Logistic,
    Softmax,
}

impl Post {
    fn of(node: &Node) -> Result<Self, ScoreError> {
        match node.attributes.get("post_transform").map_or("NONE", |it| it.text.as_str()) {
            "NONE" | "" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            other => Err(faulty(
                node,
                format!("has `post_transform` `{other}`; known are NONE, LOGISTIC, SOFTMAX"),
            )),
        }
    }

    fn apply(self, row: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => row.iter_mut().for_each(|it| *it = logistic(*it)),
            Self::Softmax => softmax(row),
        }
    }
}

fn softmax(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for it in &mut *row {
        *it = (*it - most).exp();
    }
    let sum: f32 = row.iter().sum();
    for it in row {
        *it /= sum;
    }
}
