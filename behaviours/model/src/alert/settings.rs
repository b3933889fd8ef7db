//! When evidence becomes an alert.

use crate::detect::setting::settings;

settings! {
    /// How evidence is added up. What a piece weighs is its severity (0, 0.2, 0.5, 0.8, 1) times its
    /// confidence, and it halves with time.
    pub struct Accumulation {
        /// The sum, over one host and one family of evidence, that opens an alert. One piece of high
        /// severity is enough, one of medium severity if it is sure.
        threshold: f64 = 0.4,
        /// The sum over all families of a host that opens an alert of a family which alone comes to
        /// half of the threshold only.
        joint: f64 = 0.8,
        /// The sum that confirms an alert, if two detectors agree.
        confirm: f64 = 1.0,
        /// How many detectors must agree if none of them says more than low.
        agreeing: usize = 3,
        /// How many verdicts of a model on the same peer weigh in full; one weighs its share.
        verdicts: u32 = 5,
        /// After so long a piece weighs half, in seconds.
        half_life_s: f64 = 3600.0,
        /// After so long without evidence an alert expires, in seconds.
        expire_s: f64 = 86_400.0,
        /// How many hosts and families are followed. Then the one quiet for longest leaves, those
        /// without an open alert first; an alert that must leave is told as expired.
        files: usize = 16_384,
    }
}
