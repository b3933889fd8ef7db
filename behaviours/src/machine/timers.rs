//! The times that a machine waits for while it is in a state.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime::Clock;
use tokio::time::Instant;

use super::definition::{Event, StateOf};

/// How long to sleep at most before the time of day is looked up again: it can be set.
const NAP: Duration = Duration::from_mins(1);

const NANOS: u128 = 1_000_000_000;

/// The times of the state that a machine is in.
#[derive(Debug)]
pub(super) struct Timers {
    /// When it was in the state for `stayed`.
    then: Instant,
    stayed: Duration,
    /// When it came into the state.
    entered: SystemTime,
    /// How much of the time in the state was dealt with.
    dealt: Duration,
    /// By the number of the way.
    due: Vec<(usize, Due)>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    /// After so long in the state.
    Stayed(Duration),
    At(SystemTime),
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            then: Instant::now(),
            stayed: Duration::ZERO,
            entered: UNIX_EPOCH,
            dealt: Duration::ZERO,
            due: Vec::new(),
        }
    }
}

impl Timers {
    /// The machine comes into a state.
    pub(super) fn enter(&mut self, state: Option<&StateOf>, clock: Clock) {
        *self = Self { entered: clock.now(), ..Self::default() };
        self.wind(state, clock);
    }

    /// The machine was in the state already before a restart.
    pub(super) fn resume(
        &mut self,
        state: Option<&StateOf>,
        clock: Clock,
        since_ms: i64,
        dealt_ms: u64,
    ) {
        let since = Duration::from_millis(u64::try_from(since_ms).unwrap_or_default());
        let entered = UNIX_EPOCH + since;
        let stayed = clock.now().duration_since(entered).unwrap_or_default();
        let dealt = Duration::from_millis(dealt_ms);
        *self = Self { stayed, entered, dealt, ..Self::default() };
        self.wind(state, clock);
    }

    /// The state has other times from now on.
    pub(super) fn change(&mut self, state: Option<&StateOf>, clock: Clock) {
        self.wind(state, clock);
    }

    fn wind(&mut self, state: Option<&StateOf>, clock: Clock) {
        let ways = state.map(|it| it.on.as_slice()).unwrap_or_default();
        let due = |(nth, way): (usize, &super::Way)| Some((nth, self.first(&way.event, clock)?));
        self.due = ways.iter().enumerate().filter_map(due).collect();
    }

    /// When it is due first, as far as that was not dealt with.
    fn first(&self, event: &Event, clock: Clock) -> Option<Due> {
        match event {
            Event::Message(_) | Event::Other | Event::Now => None,
            Event::After(after) => self.is_open(*after).then_some(Due::Stayed(*after)),
            Event::Every(every) => {
                let past = self.stayed_at(Instant::now()).max(self.dealt);
                Some(Due::Stayed(next_round(*every, past)))
            }
            Event::At(at) => {
                let after = at.duration_since(self.entered).ok()?;
                self.is_open(after).then_some(Due::At(*at))
            }
            Event::Schedule(timetable, _) => timetable.next(clock.now()).map(Due::At),
        }
    }

    /// Whether what comes after so long in the state was not dealt with.
    fn is_open(&self, after: Duration) -> bool {
        after > self.dealt || self.dealt.is_zero()
    }

    /// When something may be due next.
    pub(super) fn next(&self, clock: Clock) -> Option<Instant> {
        let now = Instant::now();
        self.due.iter().filter_map(|(_, due)| now.checked_add(self.left(*due, clock, now))).min()
    }

    fn left(&self, due: Due, clock: Clock, now: Instant) -> Duration {
        match due {
            Due::Stayed(after) => after.saturating_sub(self.stayed_at(now)),
            Due::At(at) => at.duration_since(clock.now()).unwrap_or_default().min(NAP),
        }
    }

    fn stayed_at(&self, now: Instant) -> Duration {
        self.stayed + now.duration_since(self.then)
    }

    /// Takes the first way whose time has come; of two at the same time the one that is written
    /// first.
    pub(super) fn pop(&mut self, state: &StateOf, clock: Clock) -> Option<usize> {
        let (now, time) = (Instant::now(), clock.now());
        let stayed = self.stayed_at(now);
        let overdue = |due: Due| match due {
            Due::Stayed(after) => stayed.checked_sub(after),
            Due::At(at) => time.duration_since(at).ok(),
        };
        let come = self.due.iter().enumerate().filter_map(|(place, (nth, due))| {
            overdue(*due).map(|late| (late, std::cmp::Reverse(*nth), place))
        });
        let (late, std::cmp::Reverse(nth), place) = come.max()?;
        self.dealt = self.dealt.max(stayed.saturating_sub(late)).max(Duration::from_millis(1));
        let again = match state.on.get(nth).map(|it| &it.event) {
            // Rounds that were missed are skipped, and the phase is kept.
            Some(Event::Every(every)) => Some(Due::Stayed(next_round(*every, stayed))),
            Some(Event::Schedule(timetable, _)) => timetable.next(time).map(Due::At),
            _ => None,
        };
        match (again, self.due.get_mut(place)) {
            (Some(again), Some(due)) => due.1 = again,
            _ => drop(self.due.remove(place)),
        }
        Some(nth)
    }

    pub(super) fn since_ms(&self) -> i64 {
        let since = self.entered.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn dealt_ms(&self) -> u64 {
        u64::try_from(self.dealt.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The first multiple of `every` after `stayed`.
fn next_round(every: Duration, stayed: Duration) -> Duration {
    let every = every.as_nanos().max(1);
    let nanos = (stayed.as_nanos() / every + 1).saturating_mul(every);
    let (seconds, rest) = (nanos / NANOS, nanos % NANOS);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Duration::new(seconds, u32::try_from(rest).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_always_still_to_come() {
        for every in [Duration::from_nanos(1), Duration::from_millis(7), Duration::from_hours(9)] {
            for stayed in [Duration::ZERO, Duration::from_hours(24 * 3650), every * 3] {
                let next = next_round(every, stayed);
                assert!(
                    next > stayed && next.saturating_sub(stayed) <= every,
                    "{every:?} {stayed:?} {next:?}"
                );
            }
        }
    }
}
