//! What traffic means: features, scores, detectors, alerts.

pub mod alert;
pub mod detect;
mod features;
pub mod intel;
pub mod onnx;
pub mod score;

pub use features::{Bounds, COUNT, Extractor, Feature, NAMES, Row, VERSION, hash};
