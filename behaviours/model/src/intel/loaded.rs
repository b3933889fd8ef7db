//! What came of reading a list.

use capture::Moment;
use serde::{Deserialize, Serialize};

use super::{Indicator, What, indicator::start};

/// What holds for the entries of a list that say nothing themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// What the list is called.
    pub source: String,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Until when an entry holds.
    pub valid_until: Option<Moment>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { source: "list".to_owned(), confidence: 0.7, valid_until: None }
    }
}

impl Defaults {
    /// An indicator that says nothing but what it is.
    pub(super) fn indicator(&self, what: What) -> Indicator {
        Indicator {
            what,
            source: self.source.clone(),
            confidence: self.confidence.clamp(0.0, 1.0),
            valid_until: self.valid_until,
        }
    }
}

/// An entry that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Its line, from 1; of JSON its place in the file, from 1.
    pub line: usize,
    /// Why, and what would have been right.
    pub why: String,
}

/// What came of reading a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Entries that were taken.
    pub taken: usize,
    /// Entries that were known already, and were brought up to date.
    pub known: usize,
    /// Entries that no longer held.
    pub expired: usize,
    /// Entries that their list does not mean for detection, and hashes of files: none are looked at.
    pub not_for_detection: usize,
    /// Entries of a kind that is not understood; they are never guessed at.
    pub not_understood: usize,
    /// Entries for which there was no room.
    pub no_room: usize,
    /// Entries that are wrong.
    pub wrong: usize,
    /// The first of those; at most [`Loaded::TOLD`].
    pub told: Vec<Wrong>,
}

impl Loaded {
    /// The most entries of which it is told what is wrong.
    pub const TOLD: usize = 100;

    pub(super) fn wrong(&mut self, line: usize, why: &str) {
        self.wrong += 1;
        self.tell(line, why);
    }

    pub(super) fn not_understood(&mut self, line: usize, why: &str) {
        self.not_understood += 1;
        self.tell(line, why);
    }

    fn tell(&mut self, line: usize, why: &str) {
        if self.told.len() < Self::TOLD {
            let why = if why.len() > 600 { start(why) } else { why.to_owned() };
            self.told.push(Wrong { line, why });
        }
    }
}

/// Reads a time: RFC 3339, a day, or seconds since 1970.
pub(super) fn moment(text: &str) -> Option<Moment> {
    use time::{
        Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
    };
    let text = text.trim();
    let at = |time: OffsetDateTime| {
        let nanoseconds = time.unix_timestamp_nanos();
        Moment(i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 {
            i64::MIN
        } else {
            i64::MAX
        }))
    };
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then(|| Moment::from_secs(seconds));
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(at(time));
    }
    let day = Date::parse(text.get(..10)?, format_description!("[year]-[month]-[day]")).ok()?;
    let rest = text.get(10..).unwrap_or_default().trim_start_matches(['T', ' ']);
    let time = match rest {
        "" => time::Time::MIDNIGHT,
        rest => time::Time::parse(rest, format_description!("[hour]:[minute]:[second]")).ok()?,
    };
    Some(at(day.with_time(time).assume_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_lists_write_them() {
        let right = Some(Moment(1_767_225_600_000_000_000));
        for text in ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01 00:00:00", "1767225600"] {
            assert_eq!(moment(text), right, "{text}");
        }
        for text in ["", "soon", "2026-13-01", "inf", "2026-01-01 later", "ä2026-01-01"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
