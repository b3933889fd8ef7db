//! How values are spread, without keeping them.

use serde::{Deserialize, Serialize};

/// Count, mean, deviation and bounds of a series (Welford's method).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many values there were.
    pub count: u32,
    /// Their mean.
    pub mean: f32,
    /// The sum of their squared distances from it.
    pub squares: f32,
    /// The least of them; 0 where there was none.
    pub least: f32,
    /// The greatest of them; 0 where there was none.
    pub most: f32,
}

impl Spread {
    /// One more value.
    #[inline]
    pub fn add(&mut self, value: f32) {
        if self.count == 0 {
            self.least = value;
            self.most = value;
        }
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        self.count = self.count.saturating_add(1);
        let distance = value - self.mean;
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count")]
        let count = self.count as f32;
        self.mean += distance / count;
        self.squares += distance * (value - self.mean);
    }

    /// The deviation of the sample; 0 below two values.
    pub fn deviation(&self) -> f32 {
        if self.count < 2 {
            return 0.0;
        }
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count")]
        let freedom = (self.count - 1) as f32;
        (self.squares / freedom).max(0.0).sqrt()
    }
}
