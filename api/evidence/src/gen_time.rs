//! The time in a token, to the nanosecond (RFC 3161 section 2.4.2, `genTime`).

use std::fmt;
use std::time::Duration;

use der::{DateTime, DecodeValue, EncodeValue, ErrorKind, FixedTag, Header, Length, Reader, Tag};
use serde::{Serialize, Serializer};

/// When an authority saw a digest: a `GeneralizedTime` with an optional fraction of a second.
///
/// `der`'s own type refuses fractions, which most authorities send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenTime {
    unix_seconds: u64,
    nanos: u32,
}

impl GenTime {
    /// A time, in seconds and nanoseconds since 1970 UTC.
    pub fn new(since_1970: Duration) -> Self {
        Self { unix_seconds: since_1970.as_secs(), nanos: since_1970.subsec_nanos() }
    }

    /// Whole seconds since 1970 UTC.
    pub fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// Whole milliseconds since 1970 UTC.
    pub fn unix_ms(&self) -> u64 {
        self.unix_seconds.saturating_mul(1000).saturating_add(u64::from(self.nanos / 1_000_000))
    }

    /// As RFC 3339 writes it, in UTC: `2026-03-01T12:00:00.123Z`.
    pub fn to_rfc3339(&self) -> String {
        let seconds = Duration::from_secs(self.unix_seconds);
        let Ok(time) = DateTime::from_unix_duration(seconds) else {
            return String::new();
        };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minutes(),
            time.seconds(),
            self.fraction(),
        )
    }

    fn fraction(&self) -> String {
        if self.nanos == 0 {
            return String::new();
        }
        format!(".{:09}", self.nanos).trim_end_matches('0').to_owned()
    }

    fn to_asn1(self) -> String {
        self.to_rfc3339().chars().filter(|c| !matches!(c, '-' | ':' | 'T')).collect()
    }

    // DER: no missing seconds, no offset, a point and not a comma, no trailing zero.
    fn from_asn1(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
        if whole.len() != 14 || !digits(whole) {
            return None;
        }
        let year = whole.get(..4)?.parse().ok()?;
        let field = |at: usize| whole.get(at..at + 2)?.parse::<u8>().ok();
        let time =
            DateTime::new(year, field(4)?, field(6)?, field(8)?, field(10)?, field(12)?).ok()?;
        let nanos = fraction.map_or(Some(0), nanos)?;
        Some(Self { unix_seconds: time.unix_duration().as_secs(), nanos })
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn nanos(fraction: &str) -> Option<u32> {
    if !digits(fraction) || fraction.len() > 18 || fraction.ends_with('0') {
        return None;
    }
    let kept = fraction.get(..fraction.len().min(9))?;
    format!("{kept:0<9}").parse().ok()
}

impl fmt::Display for GenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl Serialize for GenTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FixedTag for GenTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for GenTime {
    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        let bytes = reader.read_vec(header.length)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| ErrorKind::DateTime)?;
        Self::from_asn1(text).ok_or_else(|| ErrorKind::DateTime.into())
    }
}

impl EncodeValue for GenTime {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.to_asn1().len())
    }

    fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
        writer.write(self.to_asn1().as_bytes())
    }
}
