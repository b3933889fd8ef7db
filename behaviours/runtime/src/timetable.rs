//! When something is due by the calendar: the expressions of cron, with a spread.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

/// The longest spread.
const WIDEST: Duration = Duration::from_hours(24);

/// What was written is no timetable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimetableError {
    /// It cannot be read.
    #[error(
        "`{expression}` is no cron expression; five fields such as `*/5 * * * *` (minute, hour, \
         day of month, month, day of week), and a time zone such as `Europe/Luxembourg` may follow"
    )]
    Expression {
        /// What was written.
        expression: String,
        /// Where and why.
        source: Box<cronexpr::Error>,
    },
    /// It never comes.
    #[error("`{0}` does not come within four years")]
    Never(String),
    /// It is spread too widely.
    #[error("a jitter of {} s is more than a day", .0.as_secs())]
    Jitter(Duration),
}

/// When something is due: a cron expression, in UTC unless it names a time zone.
///
/// Each occasion is put off by up to the jitter. By how much follows from who asks and from the
/// occasion: a fleet with one timetable does not act in one instant, and who is started anew does
/// at the same time as before. In the expression itself `H` stands for a value that follows from
/// who asks.
#[derive(Clone, Debug)]
pub struct Timetable {
    crontab: Crontab,
    expression: String,
    jitter: Duration,
    seed: u64,
}

impl Timetable {
    /// Reads an expression for `who`: an agent and its behaviour, say.
    pub fn new(expression: &str, jitter: Duration, who: &str) -> Result<Self, TimetableError> {
        if jitter > WIDEST {
            return Err(TimetableError::Jitter(jitter));
        }
        let seed = hash(who);
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        options.hashed_value = Some(seed);
        let crontab = cronexpr::parse_crontab_with(expression, options).map_err(|source| {
            let expression = expression.to_owned();
            TimetableError::Expression { expression, source: Box::new(source) }
        })?;
        let timetable = Self { crontab, expression: expression.to_owned(), jitter, seed };
        if timetable.occasion_after(UNIX_EPOCH).is_none() {
            return Err(TimetableError::Never(expression.to_owned()));
        }
        Ok(timetable)
    }

    /// The expression as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The first time after `after` that is due, spread included; none, when there is no more.
    pub fn next(&self, after: SystemTime) -> Option<SystemTime> {
        // What was due before may have been put off until after.
        let mut occasion = self.occasion_after(after.checked_sub(self.jitter)?);
        let mut next = None;
        // A later occasion may be put off by less.
        while let Some(it) = occasion.filter(|it| next.is_none_or(|next| *it < next)) {
            let due = it + self.put_off(it);
            if due > after && next.is_none_or(|next| due < next) {
                next = Some(due);
            }
            occasion = self.occasion_after(it);
        }
        next
    }

    /// The first time after `after` by the expression alone.
    fn occasion_after(&self, after: SystemTime) -> Option<SystemTime> {
        let after = after.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let after = MakeTimestamp::from_millisecond(i64::try_from(after.as_millis()).ok()?).ok()?;
        let next = self.crontab.find_next(after).ok()?.timestamp().as_millisecond();
        Some(UNIX_EPOCH + Duration::from_millis(u64::try_from(next).ok()?))
    }

    fn put_off(&self, occasion: SystemTime) -> Duration {
        let width = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        if width == 0 {
            return Duration::ZERO;
        }
        Duration::from_millis(hash(&(self.seed, occasion)) % width)
    }
}

/// The same in every run and on every machine of one build.
fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_mins(minutes)
    }

    #[test]
    fn every_five_minutes_is_every_five_minutes() {
        let table = Timetable::new("*/5 * * * *", Duration::ZERO, "a").unwrap();
        assert_eq!(table.next(at(3)), Some(at(5)));
        assert_eq!(table.next(at(5)), Some(at(10)));
    }

    #[test]
    fn a_time_zone_counts() {
        let table = Timetable::new("0 12 * * * Asia/Tokyo", Duration::ZERO, "a").unwrap();
        assert_eq!(table.next(at(0)), Some(at(3 * 60)));
    }

    #[test]
    fn a_spread_is_within_its_bound_differs_by_who_and_never_comes_twice() {
        let table = |who| Timetable::new("0 * * * *", Duration::from_mins(90), who).unwrap();
        let (one, other) = (table("a"), table("b"));
        assert_ne!(one.next(at(0)), other.next(at(0)));
        assert_eq!(one.next(at(0)), table("a").next(at(0)));
        let mut last = at(0);
        for _ in 0..100 {
            let next = one.next(last).unwrap();
            assert!(next > last);
            last = next;
        }
        assert!((at(98 * 60)..at(103 * 60)).contains(&last));
    }

    #[test]
    fn what_is_no_timetable_is_told_with_what_would_be_one() {
        let told = |text| Timetable::new(text, Duration::ZERO, "a").unwrap_err().to_string();
        assert!(told("every day").starts_with("`every day` is no cron expression; five fields"));
        assert_eq!(told("0 0 30 2 *"), "`0 0 30 2 *` does not come within four years");
        let wide = Timetable::new("* * * * *", Duration::from_hours(48), "a").unwrap_err();
        assert_eq!(wide.to_string(), "a jitter of 172800 s is more than a day");
    }
}
