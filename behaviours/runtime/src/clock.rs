//! The time of day, which tests can move.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time of day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug, Default)]
enum Source {
    #[default]
    System,
    Moved {
        started: SystemTime,
        origin: Instant,
    },
}

impl Clock {
    /// The clock of the system, with every correction that it gets.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that starts at `started` and then follows tokio's clock, so that a test with
    /// paused time sees paused time.
    pub fn starting(started: SystemTime) -> Self {
        Self(Source::Moved { started, origin: Instant::now() })
    }

    /// The time of day.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> SystemTime {
        match self.0 {
            Source::System => SystemTime::now(),
            Source::Moved { started, origin } => started + origin.elapsed(),
        }
    }

    /// Milliseconds since 1970 UTC; 0 before.
    pub fn now_ms(&self) -> i64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
