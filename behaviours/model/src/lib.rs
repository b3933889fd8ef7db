//! What traffic means: features, scores, detectors, alerts.

mod features;
pub mod onnx;
pub mod score;

pub use features::{Bounds, COUNT, Extractor, Feature, NAMES, Row, VERSION, hash};
pub mod alert;
pub mod detect;
pub mod intel;
