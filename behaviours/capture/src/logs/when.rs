//! Times as logs write them.

use std::fmt;

use crate::Moment;

const SECOND: i64 = 1_000_000_000;

/// A time: seconds since 1970 (`1676851329.767505`), ISO 8601 (`2017-04-07T22:24:37.251547+0100`),
/// or Argus' (`2011/08/10 09:46:59.607825`; without a date it is of 1 January 1970).
pub(super) fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    decimal(text).or_else(|| calendar(text)).map(Moment)
}

/// Seconds, as nanoseconds, of a decimal number; nothing is lost to rounding.
pub(super) fn decimal(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |it| (true, it));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) {
        return None;
    }
    if !all_digits(rest) {
        return exponential(text);
    }
    let whole: i64 = whole.parse().ok()?;
    let all = whole.checked_mul(SECOND)?.checked_add(fraction(rest)?)?;
    Some(if negative { -all } else { all })
}

/// As in `8.9e-05`, which JSON writers like.
fn exponential(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.is_finite() && seconds.abs() < 9e9).then(|| Moment::from_secs(seconds).0)
}

/// Nanoseconds of the digits after the point; what is finer than they are is cut off.
fn fraction(digits: &str) -> Option<i64> {
    let kept = digits.get(..digits.len().min(9))?;
    if kept.is_empty() {
        return Some(0);
    }
    let scale = 10_i64.checked_pow(u32::try_from(9 - kept.len()).ok()?)?;
    kept.parse::<i64>().ok().map(|it| it * scale)
}

fn calendar(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (days(date)?, clock),
        None => (0, text),
    };
    let zone_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(zone_at)?;
    let mut parts = clock.splitn(3, ':');
    let hour = number(parts.next()?, 0, 23)?;
    let minute = number(parts.next()?, 0, 59)?;
    let (second, rest) = parts.next().map(|it| it.split_once('.').unwrap_or((it, "")))?;
    let second = number(second, 0, 60)?;
    if !rest.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let seconds = date * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    seconds.checked_mul(SECOND)?.checked_add(fraction(rest)?)
}

/// Seconds that a time zone is ahead: `Z`, `+0100`, `-05:30`, or nothing.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().skip(1).filter(|it| *it != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 0, 59)? };
    Some(sign * (number(hours, 0, 23)? * 3_600 + minutes * 60))
}

fn number(text: &str, least: i64, most: i64) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let value = digits.then(|| text.parse().ok())??;
    (least..=most).contains(&value).then_some(value)
}

/// Days from 1 January 1970 to `2017-04-07` or `2017/04/07` (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
fn days(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, ['-', '/']);
    let year = number(parts.next()?, 1, 2261)?;
    let month = number(parts.next()?, 1, 12)?;
    let day = number(parts.next()?, 1, 31)?;
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// A time as Suricata writes it, in UTC: `2017-04-07T21:24:37.251547+0000`. What is finer than a
/// microsecond is cut off.
pub(super) struct Iso(pub(super) Moment);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0.0.div_euclid(SECOND), self.0.0.rem_euclid(SECOND));
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let micros = rest / 1_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+0000"
        )
    }
}

/// A span of time in seconds and microseconds, as Zeek writes both times and durations.
pub(super) struct Decimal(pub(super) i64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs() / 1_000;
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time_is_read() {
        let same = Some(Moment(1_491_600_277_251_547_000));
        for text in [
            "1491600277.251547",
            "1491600277.251547000999",
            "2017-04-07T22:24:37.251547+0100",
            "2017-04-07T21:24:37.251547Z",
            "2017/04/07 21:24:37.251547",
            "2017-04-07T15:54:37.251547-05:30",
        ] {
            assert_eq!(parse(text), same, "{text}");
        }
        assert_eq!(parse("00:01:00.5"), Some(Moment(60_500_000_000)));
        assert_eq!(parse("8.9e-05"), Some(Moment(89_000)));
        assert_eq!(parse("-1.5"), Some(Moment(-1_500_000_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1e999",
            "99999999999999999999",
            "2017-13-01T00:00:00",
            "24:00:00",
            "2017-04-07T",
            "1:2",
            "2017-04-07T00:00:00+é",
            "٣",
            "2017-04-07T00:00:00.x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for micros in [
            0,
            951_782_400_000_000,
            1_709_164_800_123_456,
            -62_000_000_000_001,
            4_102_444_799_999_999,
        ] {
            let moment = Moment(micros * 1_000);
            assert_eq!(parse(&Iso(moment).to_string()), Some(moment), "{}", Iso(moment));
            assert_eq!(parse(&Decimal(moment.0).to_string()), Some(moment));
        }
    }
}
