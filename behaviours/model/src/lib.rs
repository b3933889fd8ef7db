//! What traffic means: features, scores, detectors, alerts.

pub mod alert;
pub mod detect;
pub mod intel;
