//! What traffic means: features, scores, detectors, alerts.
