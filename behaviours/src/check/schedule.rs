//! When a check runs.

use std::time::{Duration, SystemTime};

use runtime::{Clock, Fields};
use tokio::time::Instant;

/// When a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Once,
    Every(Duration),
    At(SystemTime),
}

impl Schedule {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let both = fields.has("every") && fields.has("at");
        let every = super::positive(fields, "every");
        let at = fields.parse("at", "a time such as \"2026-12-01T00:00:00Z\"", |text| {
            humantime::parse_rfc3339(text).ok()
        });
        if both {
            fields.complain("at", "there is an `every` already; keep one of the two");
        }
        match (every, at) {
            (Some(every), _) => Self::Every(every),
            (None, Some(at)) => Self::At(at),
            (None, None) => Self::Once,
        }
    }

    /// Whether there is no round after the one that was.
    pub(super) fn is_over(self) -> bool {
        !matches!(self, Self::Every(_))
    }

    /// When the round after the one that was due at `last` is due. Rounds that were missed are
    /// skipped, and the phase is kept.
    pub(super) fn next(self, last: Option<Instant>, clock: Clock) -> Instant {
        let now = Instant::now();
        match (self, last) {
            (Self::Once, _) | (Self::Every(_), None) => now,
            (Self::At(at), _) => now + at.duration_since(clock.now()).unwrap_or_default(),
            (Self::Every(every), Some(last)) => {
                let late = now.duration_since(last).as_nanos();
                let rounds = late / every.as_nanos().max(1) + 1;
                last + every.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn missed_rounds_are_skipped_and_the_phase_is_kept() {
        let every = Duration::from_secs(10);
        let (schedule, clock) = (Schedule::Every(every), Clock::system());
        let first = schedule.next(None, clock);
        assert_eq!(first, Instant::now());
        assert_eq!(schedule.next(Some(first), clock), first + every);
        tokio::time::advance(Duration::from_secs(25)).await;
        assert_eq!(schedule.next(Some(first), clock), first + 3 * every);
    }
}
