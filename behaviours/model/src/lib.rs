//! What traffic means: features, scores, detectors, alerts.
//!
//! A conversation becomes a [`Row`] of numbers, a [`Scorer`](score::Scorer) says how likely it is an
//! attack, and what is usual at a [`Site`](calibrate::Site) says from which score on that is told.

pub mod calibrate;
pub mod card;
pub mod drift;
pub mod explain;
mod features;
pub mod onnx;
pub mod score;

pub use features::{Bounds, COUNT, Extractor, Feature, NAMES, Row, VERSION, hash};
pub mod alert;
pub mod detect;
pub mod intel;
