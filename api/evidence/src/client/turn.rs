//! When an endpoint may be asked again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an endpoint is left alone after its first failure; twice as long after each more.
const FIRST_COOL_DOWN: Duration = Duration::from_secs(1);
const LONGEST_COOL_DOWN: Duration = Duration::from_mins(10);
/// A server that wants more than this is asked once a day.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    not_before: Option<Instant>,
}

impl Turn {
    /// Takes the turn, or says how long it is not given. Taking it starts the interval, so that of
    /// two tasks one asks.
    pub(super) fn take(&self, now: Instant, min_interval: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        let wait = state.wait(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        state.not_before = now.checked_add(min_interval);
        Ok(())
    }

    pub(super) fn succeeded(&self) {
        self.state().failures = 0;
    }

    pub(super) fn failed(&self, now: Instant, retry_after: Option<Duration>) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let doubled = FIRST_COOL_DOWN.saturating_mul(1 << (state.failures - 1).min(20));
        let pause = match retry_after {
            Some(wish) => wish.min(LONGEST_RETRY_AFTER),
            None => doubled.min(LONGEST_COOL_DOWN),
        };
        state.not_before = state.not_before.max(now.checked_add(pause));
    }

    /// How long until the turn is given.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.state().wait(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |then| then.saturating_duration_since(now))
    }
}
