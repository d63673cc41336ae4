//! The dates of signatures and of HTTP.

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `20261125T200144Z`, in seconds since 1970.
pub(crate) fn of_signature(text: &str) -> Option<i64> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// `Wed, 25 Nov 2026 20:01:44 GMT`.
pub(crate) fn of_http(seconds: i64) -> String {
    let moment = Instant::from_second(seconds).unwrap_or(Instant::UNIX_EPOCH);
    moment.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// As [`of_signature`] reads it.
pub(crate) fn to_signature(seconds: i64) -> String {
    let moment = Instant::from_second(seconds).unwrap_or(Instant::UNIX_EPOCH);
    moment.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_as_the_wire_has_them() {
        let seconds = of_signature("20261125T200144Z").unwrap();
        assert_eq!(to_signature(seconds), "20261125T200144Z");
        assert_eq!(of_http(seconds), "Wed, 25 Nov 2026 20:01:44 GMT");
        assert_eq!(of_signature("yesterday"), None);
    }
}
