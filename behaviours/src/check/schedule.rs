//! When a check runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime::{Clock, Context, Failure, Fields, Timetable};
use tokio::time::{Instant, sleep_until};

/// How long to sleep at most before the time of day is looked up again: it can be set.
const NAP: Duration = Duration::from_mins(1);

/// When a check runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Once,
    Every(Duration),
    At(SystemTime),
    Calendar { expression: String, jitter: Duration },
}

impl Schedule {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let named: Vec<&str> =
            ["every", "at", "schedule"].into_iter().filter(|it| fields.has(it)).collect();
        let every = super::positive(fields, "every");
        let at = fields.parse("at", "a time such as \"2026-12-01T00:00:00Z\"", |text| {
            humantime::parse_rfc3339(text).ok()
        });
        let spread = fields.has("jitter");
        let jitter = fields.parse("jitter", "a time of up to a day, such as \"30s\"", |text| {
            humantime::parse_duration(text).ok()
        });
        let calendar = calendar(fields, jitter.unwrap_or_default());
        if let [first, second, ..] = *named {
            let what = format!("there is `{first}` already; keep one of them");
            fields.complain(second, what);
        }
        if spread && !named.contains(&"schedule") {
            fields.complain("jitter", "it belongs to `schedule`, and there is none");
        }
        match (every, at, calendar) {
            (Some(every), ..) => Self::Every(every),
            (_, Some(at), _) => Self::At(at),
            (_, _, Some(calendar)) => calendar,
            (None, None, None) => Self::Once,
        }
    }

    /// Whether there is no round after the one that was.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Once | Self::At(_))
    }
}

fn calendar(fields: &mut Fields<'_>, jitter: Duration) -> Option<Schedule> {
    let expression: String = fields.take("schedule", "a cron expression")?;
    match Timetable::new(&expression, jitter, "") {
        Ok(_) => Some(Schedule::Calendar { expression, jitter }),
        Err(error) => {
            fields.complain("schedule", error.to_string());
            None
        }
    }
}

/// Keeps the rounds of one check.
#[derive(Debug)]
pub(super) struct Rounds {
    schedule: Schedule,
    timetable: Option<Timetable>,
    /// When the next round is due; none before the first.
    due: Option<Instant>,
    /// When that is by the time of day, where the calendar says it.
    occasion: Option<SystemTime>,
    /// The time of day at which the last round was due.
    last: Option<SystemTime>,
}

impl Rounds {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self { schedule, timetable: None, due: None, occasion: None, last: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.schedule.is_over()
    }

    /// Waits until the next round is due, or somebody wants one now. Whether there is one.
    pub(super) async fn wait(&mut self, ctx: &Context) -> Result<bool, Failure> {
        loop {
            let Some(due) = self.next(ctx)? else { return Ok(false) };
            let nap = due.min(Instant::now() + NAP);
            let waiting = async {
                tokio::select! {
                    () = sleep_until(nap) => false,
                    () = ctx.nudged() => true,
                }
            };
            if ctx.until_stopped(waiting).await? {
                // Out of turn: those that follow keep their phase.
                return Ok(true);
            }
            if due <= Instant::now() {
                // The time of day may lag behind: the same occasion must not come twice.
                self.last = self.occasion.max(Some(ctx.clock().now()));
                return Ok(true);
            }
            if !matches!(self.schedule, Schedule::Every(_)) {
                self.due = None;
            }
        }
    }

    /// A round has been run: by when the next one is due, by the time of day.
    pub(super) fn advance(&mut self, ctx: &Context) -> Result<Option<SystemTime>, Failure> {
        if self.is_over() {
            return Ok(None);
        }
        if let (Schedule::Every(every), Some(due)) = (&self.schedule, self.due) {
            self.due = Some(after(due, *every));
        } else {
            self.due = None;
        }
        let due = self.next(ctx)?;
        Ok(due.map(|due| ctx.clock().now() + due.saturating_duration_since(Instant::now())))
    }

    fn next(&mut self, ctx: &Context) -> Result<Option<Instant>, Failure> {
        if self.due.is_some() {
            return Ok(self.due);
        }
        let now = Instant::now();
        self.due = match &self.schedule {
            Schedule::Once | Schedule::Every(_) => Some(now),
            Schedule::At(at) => Some(now + left(*at, ctx.clock())),
            Schedule::Calendar { expression, jitter } => {
                if self.timetable.is_none() {
                    let who = format!("{}/{}", ctx.me().bare(), ctx.name());
                    self.timetable = Some(Timetable::new(expression, *jitter, &who)?);
                }
                let time = ctx.clock().now();
                let last = self.last.map_or(time, |last| last.max(time));
                let next = self.timetable.as_ref().and_then(|it| it.next(last));
                self.occasion = next;
                next.map(|next| now + left(next, ctx.clock()))
            }
        };
        Ok(self.due)
    }
}

fn left(until: SystemTime, clock: Clock) -> Duration {
    until.duration_since(clock.now()).unwrap_or_default()
}

/// When the round after the one that was due at `due` is due. Rounds that were missed are skipped,
/// and the phase is kept; one that is still to come was not run yet.
fn after(due: Instant, every: Duration) -> Instant {
    let now = Instant::now();
    if due > now {
        return due;
    }
    let rounds = now.duration_since(due).as_nanos() / every.as_nanos().max(1) + 1;
    due + every.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
}

/// Milliseconds since 1970 UTC.
pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn missed_rounds_are_skipped_and_the_phase_is_kept() {
        let every = Duration::from_secs(10);
        let first = Instant::now();
        assert_eq!(after(first, every), first + every);
        tokio::time::advance(Duration::from_secs(25)).await;
        assert_eq!(after(first, every), first + 3 * every);
        assert_eq!(after(first + 4 * every, every), first + 4 * every);
    }
}
