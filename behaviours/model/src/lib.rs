//! What traffic means: features, scores, detectors, alerts.

mod features;

pub use features::{Bounds, COUNT, Extractor, Feature, NAMES, Row, VERSION, hash};
