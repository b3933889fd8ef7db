//! A point in time, as captures tell it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nanoseconds since the start of 1970, UTC.
///
/// In JSON it is a text of RFC 3339, to the nanosecond: as a number it would be beyond 2^53, where
/// digits are lost (RFC 7493, 2.2). Such a number is read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(self.0.into()).ok();
        match time.and_then(|time| time.format(&Rfc3339).ok()) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Text(String),
        }
        let right = "a time such as \"2026-11-24T22:20:00Z\", or nanoseconds since 1970";
        match Written::deserialize(deserializer).map_err(|_| D::Error::custom(right))? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => {
                let time = OffsetDateTime::parse(&text, &Rfc3339);
                let time =
                    time.map_err(|_| D::Error::custom(format!("`{text}` is not {right}")))?;
                let number = i64::try_from(time.unix_timestamp_nanos());
                number.map(Self).map_err(|_| D::Error::custom(format!("`{text}` is too far away")))
            }
        }
    }
}

impl Moment {
    /// From seconds since the start of 1970.
    pub fn from_secs(seconds: f64) -> Self {
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "saturates")]
        Self((seconds * 1e9).round() as i64)
    }

    /// Seconds since the start of 1970.
    pub fn secs(self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "to some 100 ns")]
        let nanoseconds = self.0 as f64;
        nanoseconds / 1e9
    }

    /// Seconds from `earlier` to here; less than nothing where the clock went backwards.
    pub fn since(self, earlier: Self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "of a difference")]
        let nanoseconds = self.0.saturating_sub(earlier.0) as f64;
        nanoseconds / 1e9
    }

    /// So many seconds later.
    #[must_use]
    pub fn after(self, seconds: f64) -> Self {
        Self(self.0.saturating_add(Self::from_secs(seconds).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_nanosecond_and_read_back() {
        for number in [0, 1, -1, 1_795_563_938_739_000_001, i64::MAX, i64::MIN] {
            let written = serde_json::to_string(&Moment(number)).unwrap();
            assert_eq!(
                serde_json::from_str::<Moment>(&written).unwrap(),
                Moment(number),
                "{written}"
            );
        }
        assert_eq!(
            serde_json::to_string(&Moment(1)).unwrap(),
            "\"1970-01-01T00:00:00.000000001Z\""
        );
        assert_eq!(serde_json::from_str::<Moment>("7").unwrap(), Moment(7));
        let error = serde_json::from_str::<Moment>("\"soon\"").unwrap_err().to_string();
        assert!(error.contains("`soon` is not a time such as"), "{error}");
    }
}
