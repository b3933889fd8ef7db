//! A point in time, as captures tell it.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the start of 1970, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// From seconds since the start of 1970.
    pub fn from_secs(seconds: f64) -> Self {
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "saturates")]
        Self((seconds * 1e9).round() as i64)
    }

    /// Seconds since the start of 1970.
    pub fn secs(self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "to some 100 ns")]
        let nanoseconds = self.0 as f64;
        nanoseconds / 1e9
    }

    /// Seconds from `earlier` to here; less than nothing where the clock went backwards.
    pub fn since(self, earlier: Self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "of a difference")]
        let nanoseconds = self.0.saturating_sub(earlier.0) as f64;
        nanoseconds / 1e9
    }

    /// So many seconds later.
    #[must_use]
    pub fn after(self, seconds: f64) -> Self {
        Self(self.0.saturating_add(Self::from_secs(seconds).0))
    }
}
