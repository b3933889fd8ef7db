//! Models in ONNX's format, as far as they are read here: the graph, its constants, and what its
//! authors wrote beside it.
//!
//! What is not read (subgraphs, sparse and external tensors) is passed over; an operation that needs
//! it says so when it is made ready. Nothing is believed: lengths are those of the bytes that are
//! there, and the parts are counted.

mod read;
mod wire;

use std::collections::BTreeMap;

pub use read::read;
pub use wire::WireError;

/// The most bytes of a model.
pub const LARGEST: usize = 64 << 20;

/// A model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Onnx {
    /// What its authors wrote beside it (`metadata_props`).
    pub metadata: BTreeMap<String, String>,
    /// What is computed, in order.
    pub nodes: Vec<Node>,
    /// Constants, by name.
    pub constants: BTreeMap<String, Tensor>,
    /// What goes in.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// What is done.
    pub operation: String,
    /// Of which set; empty for ONNX's own, `ai.onnx.ml` for classical models.
    pub domain: String,
    /// With what.
    pub inputs: Vec<String>,
    /// To what.
    pub outputs: Vec<String>,
    /// How.
    pub attributes: BTreeMap<String, Attribute>,
}

/// How something is done. Of the kinds, that which was written is filled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribute {
    /// A number.
    pub float: f32,
    /// A whole number.
    pub int: i64,
    /// A text.
    pub text: String,
    /// Numbers.
    pub floats: Vec<f32>,
    /// Whole numbers.
    pub ints: Vec<i64>,
    /// Texts.
    pub texts: Vec<String>,
    /// Whether it is of a kind that is not read: a tensor, a graph.
    pub other: bool,
}

/// A constant of numbers. Whole numbers and `f64` become `f32`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Its shape; empty of a single number.
    pub shape: Vec<i64>,
    /// Its numbers, row after row.
    pub values: Vec<f32>,
}

/// Something that goes in or comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What it is made of; `None` where it is no tensor.
    pub element: Option<i64>,
    /// Its shape; `None` for each side that the file leaves open.
    pub shape: Vec<Option<i64>>,
}

impl Port {
    /// The number that ONNX gave `f32`.
    pub const FLOAT: i64 = 1;
}
