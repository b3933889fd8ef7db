//! When to try again: soon at first, then later and later, never all at the same moment.

use std::time::Duration;

use tokio::time::Instant;

use crate::chance;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that lived for less is counted as a failure, so that two connections of one
/// account, or a session that cannot be resumed, do not chase each other.
const LIVED: Duration = Duration::from_secs(5);

/// Counts failures and says how long to wait.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    connected: Option<Instant>,
}

impl Backoff {
    /// A connection stands.
    pub(crate) fn succeeded(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// No connection came about.
    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// How long to wait before the next attempt: exponential, between half and one and a half
    /// of it by chance.
    pub(crate) fn wait(&mut self) -> Duration {
        match self.connected.take() {
            Some(then) if then.elapsed() < LIVED => self.failed(),
            Some(_) => self.failures = 0,
            None => {}
        }
        if self.failures == 0 {
            return Duration::ZERO;
        }
        let exponent = self.failures.saturating_sub(1).min(16);
        let wait = FIRST.saturating_mul(1 << exponent).min(LONGEST);
        let [byte] = chance::bytes();
        wait.mul_f64(0.5 + f64::from(byte) / f64::from(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_a_bound_and_a_good_connection_forgives() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(), Duration::ZERO);
        for (failures, middle) in [(1, 100), (1, 200), (1, 400), (20, 30_000)] {
            for _ in 0..failures {
                backoff.failed();
            }
            let wait = backoff.wait().as_millis();
            assert!((middle / 2..=middle * 3 / 2).contains(&wait), "{wait} around {middle}");
        }
        backoff.succeeded();
        tokio::time::advance(LIVED).await;
        assert_eq!(backoff.wait(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_breaks_at_once_is_a_failure() {
        let mut backoff = Backoff::default();
        backoff.succeeded();
        assert!(backoff.wait() > Duration::ZERO);
    }
}
