//! What time it is, asked in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Milliseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "the one place where the API asks for the time")]
pub(crate) fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// A time as RFC 3339 in UTC, `2026-11-22T02:17:59Z`; with milliseconds where there are some.
pub(crate) fn rfc3339(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Seconds since 1970 UTC, from RFC 3339 or from the number itself.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let number = text.parse().ok();
    number.or_else(|| Some(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp()))
}

/// Nanoseconds since 1970 UTC, from RFC 3339 in JSON or from the number itself.
pub(crate) fn nanoseconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let time = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
        i64::try_from(time.unix_timestamp_nanos()).ok()
    })
}
