//! Instants, handed in by the caller. The core never asks what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 UTC with `Z`, whole seconds where the milliseconds are
/// zero. Read also with fractions and an offset, and without a zone, which is
/// taken as UTC (the seeds' tool writes those).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time such as 2026-02-01T10:30:00Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// The instant `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to here, zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant without its fraction of a second, as the state file has it.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// Reads an RFC 3339 time; one without a zone is taken as UTC.
    ///
    /// # Errors
    /// [`TimestampError`] holds the text.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let zoned = text.parse::<jiff::Timestamp>();
        let naive = || text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|z| z.timestamp());
        zoned
            .or_else(|_| naive())
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| TimestampError(text.chars().take(80).collect()))
    }

    /// `YYYYMMDD_HHMMSS` in UTC, as archives and reports are named.
    #[must_use]
    pub fn file_stamp(self) -> String {
        self.jiff().strftime("%Y%m%d_%H%M%S").to_string()
    }

    fn jiff(self) -> jiff::Timestamp {
        let end = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(end)
    }
}

/// A duration for people: `0.4 s`, `12.3 s`, `8 m 20 s`, `1 h 3 m`.
#[must_use]
pub fn for_people(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=59 => format!("{:.1} s", span.as_secs_f64()),
        60..=3_599 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format =
            if self.0 % 1000 == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%3fZ" };
        write!(f, "{}", self.jiff().strftime(format))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_fraction_and_zone() {
        let at = Timestamp::parse("2026-02-01T10:30:00Z").unwrap();
        assert_eq!(at.to_string(), "2026-02-01T10:30:00Z");
        assert_eq!(Timestamp::parse("2026-02-01T10:30:00").unwrap(), at);
        assert_eq!(Timestamp::parse("2026-02-01T12:30:00+02:00").unwrap(), at);
        let fraction = Timestamp::parse("2026-11-22T03:56:20.260349").unwrap();
        assert_eq!(fraction.to_string(), "2026-11-22T03:56:20.260Z");
        assert_eq!(fraction.whole_seconds().to_string(), "2026-11-22T03:56:20Z");
        assert!(Timestamp::parse("yesterday").is_err());
        assert!(Timestamp::parse("").is_err());
    }

    #[test]
    fn a_difference_is_never_below_zero() {
        let (early, late) = (Timestamp::from_millis(1_000), Timestamp::from_millis(3_500));
        assert_eq!(late - early, Duration::from_millis(2_500));
        assert_eq!(early - late, Duration::ZERO);
    }

    #[test]
    fn no_instant_panics_when_it_is_shown() {
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            assert!(!at.to_string().is_empty() && !at.file_stamp().is_empty());
            let _ = at + Duration::MAX;
        }
        let year = |millis| Timestamp::from_millis(millis).to_string()[..5].to_owned();
        assert_eq!([year(i64::MIN), year(i64::MAX)], ["-9999", "9999-"]);
    }
}
