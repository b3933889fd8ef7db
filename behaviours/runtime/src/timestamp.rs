//! Times as messages write them.

use std::time::SystemTime;

use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339};

/// FIPA's form (SC00070I, `DateTimeToken`): no signs between the figures, milliseconds at the end.
const FIPA: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
    "[year][month][day]T[hour][minute][second][subsecond digits:3]"
);

/// Reads RFC 3339, or FIPA's form. FIPA's form without a zone counts as UTC, as with `Z`.
pub(crate) fn read(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time.into());
    }
    let bare = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let time = PrimitiveDateTime::parse(bare, FIPA).ok()?;
    Some(time.assume_utc().into())
}

/// Writes RFC 3339 in UTC; `None` outside of the years 0 to 9999.
pub(crate) fn write(time: SystemTime) -> Option<String> {
    let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64, millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis)
    }

    #[test]
    fn both_forms_say_the_same_time() {
        let expected = Some(at(1_795_515_300, 250));
        for text in [
            "2026-11-24T10:15:00.250Z",
            "2026-11-24T11:15:00.25+01:00",
            "20261124T101500250Z",
            "20261124T101500250",
            " 20261124T101500250Z ",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_nothing() {
        for text in [
            "",
            "soon",
            "+00000000T000010000Z",
            "20261324T101500000Z",
            "20261124T101500000A",
            "2026-11-24",
            "20261124T101500000Z\u{0}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let before = UNIX_EPOCH - Duration::from_millis(1500);
        for time in [at(0, 0), at(1_795_515_300, 1), at(253_402_300_799, 999), before] {
            assert_eq!(write(time).as_deref().and_then(read), Some(time));
        }
        assert_eq!(write(at(1_795_515_300, 0)).as_deref(), Some("2026-11-24T10:15:00Z"));
        assert_eq!(write(at(253_402_300_800, 0)), None);
        assert_eq!(write(at(u64::MAX >> 2, 0)), None);
    }
}
