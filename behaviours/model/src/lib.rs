//! What traffic means: features, scores, detectors, alerts.
//!
//! An [`Analyzer`] looks at what is seen. Its [`detect`]ors are state machines with stated thresholds;
//! a conversation becomes a [`Row`] of numbers, a [`Scorer`](score::Scorer) says how likely it is an
//! attack, and what is usual at a [`Site`](calibrate::Site) says from which score on that is told.
//! All evidence adds up to [`alert`]s.

mod analyzer;
mod heap;
mod judge;

pub mod alert;
pub mod detect;
pub mod intel;

pub mod calibrate;
pub mod card;
pub mod drift;
pub mod explain;
mod features;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod onnx;
pub mod score;

pub use analyzer::{Analyzer, Memory, Settings, Told};
pub use features::{Bounds, COUNT, Extractor, Feature, NAMES, Row, VERSION, hash};
pub use heap::{Heap, Heaped, squeezed};
pub use judge::{Judge, JudgeError, Verdict};
