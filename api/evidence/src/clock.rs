//! The time of this machine.

use std::time::{Duration, SystemTime};

/// Time since 1970 UTC; zero when the clock is set before that.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock; tests set it")]
pub(crate) fn system_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
