//! What traffic means: features, scores, detectors, alerts.

pub mod detect;
pub mod intel;
