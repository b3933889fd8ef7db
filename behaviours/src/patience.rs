//! How long to wait: until a time, and after a failure longer each time, up to a bound.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);

/// Waits until then; without a then for ever.
pub(crate) async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Patience {
    failures: u32,
    longest: Duration,
}

impl Patience {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { failures: 0, longest }
    }

    /// Something worked.
    pub(crate) fn restore(&mut self) {
        self.failures = 0;
    }

    /// Something failed; says how long to rest.
    pub(crate) fn lose(&mut self) -> Duration {
        let rest = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        rest
    }

    /// Whether this is the first failure in a row: the one to tell.
    pub(crate) fn is_first(&self) -> bool {
        self.failures == 1
    }
}
