//! api/evidence
