//! How likely a conversation is an attack, as a model says it.
//!
//! Two engines read the same file: ONNX Runtime, where its library is found, and one of our own that
//! knows the operations of trees, linear models and small networks. They agree to within 1e-5.

mod native;
mod runtime;

pub use native::Native;
pub use runtime::{Runtime, library};

use crate::{
    COUNT, Row, onnx,
    onnx::{Onnx, Port},
};

/// Scores conversations.
pub trait Scorer: Send + std::fmt::Debug {
    /// What reckons: `native`, or `onnxruntime`.
    fn engine(&self) -> &'static str;

    /// Appends the probability of an attack for each row.
    fn score(&mut self, rows: &[Row], scores: &mut Vec<f32>) -> Result<(), ScoreError>;

    /// How each feature moved the score of a row, where the model is one of trees alone.
    fn attribute(&self, _row: &Row) -> Option<Attribution> {
        None
    }
}

/// How each feature moved a score away from what it is without knowing anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// The score without knowing anything.
    pub base: f64,
    /// What each feature adds to it.
    pub amounts: Box<[f64; COUNT]>,
}

/// Why a model cannot be used, or does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// It is no ONNX.
    #[error("the model is no ONNX")]
    Format(#[from] onnx::WireError),
    /// What goes in is not what we have.
    #[error("the model wants {0}; it would have to want one `float[N, {COUNT}]`")]
    Input(String),
    /// What comes out is not what is needed.
    #[error(
        "the model has {0}; it would have to have a tensor of probabilities (of a classifier, \
         export it with `zipmap=False`)"
    )]
    Output(String),
    /// It has something that our own engine does not know.
    #[error("the model has the operation `{0}`, which only ONNX Runtime knows (`make setup`)")]
    Operation(String),
    /// An operation is not as it should be.
    #[error("the model's operation `{operation}` {fault}")]
    Faulty {
        /// Which.
        operation: String,
        /// What is wrong with it.
        fault: String,
    },
    /// ONNX Runtime is not there.
    #[error("ONNX Runtime is not there ({0}); `make setup` fetches it")]
    NoRuntime(String),
    /// ONNX Runtime says no.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
}

/// A scorer for a model: ONNX Runtime where its library is there, else our own.
pub fn scorer(bytes: &[u8]) -> Result<Box<dyn Scorer>, ScoreError> {
    match Runtime::new(bytes) {
        Ok(runtime) => Ok(Box::new(runtime)),
        Err(ScoreError::NoRuntime(_)) => Ok(Box::new(Native::new(&onnx::read(bytes)?)?)),
        Err(error) => Err(error),
    }
}

/// What our models must have: one input of [`COUNT`] numbers a row, and probabilities.
pub(crate) fn check(onnx: &Onnx) -> Result<String, ScoreError> {
    let given: Vec<_> =
        onnx.inputs.iter().filter(|it| !onnx.constants.contains_key(&it.name)).collect();
    let [input] = &given[..] else {
        return Err(ScoreError::Input(format!("{} inputs", given.len())));
    };
    let count = i64::try_from(COUNT).ok();
    let wide = matches!(&input.shape[..], [_, side] if side.is_none() || *side == count);
    if input.element != Some(Port::FLOAT) || !wide {
        let sides: Vec<_> =
            input.shape.iter().map(|it| it.map_or("?".to_owned(), |it| it.to_string())).collect();
        let element = match input.element {
            Some(Port::FLOAT) => "float",
            Some(11) => "double",
            _ => "something else",
        };
        return Err(ScoreError::Input(format!("`{element}[{}]`", sides.join(", "))));
    }
    Ok(input.name.clone())
}

/// The name of the output that has the probabilities: the one of that name, else the only tensor of
/// numbers.
pub(crate) fn output(onnx: &Onnx) -> Result<String, ScoreError> {
    let mut tensors = onnx.outputs.iter().filter(|it| it.element == Some(Port::FLOAT));
    if let Some(port) = tensors.clone().find(|it| it.name.contains("probabilit")) {
        return Ok(port.name.clone());
    }
    match (tensors.next(), tensors.next()) {
        (Some(port), None) => Ok(port.name.clone()),
        (Some(_), Some(_)) => Err(ScoreError::Output("several outputs, none named so".to_owned())),
        (None, _) => Err(ScoreError::Output("no output of numbers".to_owned())),
    }
}

/// The probability of an attack in each row of an output: its last column.
pub(crate) fn last_column(
    values: &[f32],
    rows: usize,
    scores: &mut Vec<f32>,
) -> Result<(), ScoreError> {
    let width = values.len().checked_div(rows).unwrap_or(0);
    if rows == 0 {
        return Ok(());
    }
    if width == 0 || width * rows != values.len() {
        let length = values.len();
        return Err(ScoreError::Output(format!("{length} numbers for {rows} rows")));
    }
    scores.extend(values.chunks_exact(width).filter_map(|it| it.last().copied()));
    Ok(())
}
