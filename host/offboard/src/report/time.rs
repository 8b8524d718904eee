//! Times as the page shows them, always in UTC.

use jiff::Timestamp;

/// A time with seconds.
pub(super) fn seconds(ms: i64) -> String {
    written(ms, "%Y-%m-%d %H:%M:%S")
}

/// A time with milliseconds.
pub(super) fn exactly(ms: i64) -> String {
    written(ms, "%Y-%m-%d %H:%M:%S%.3f")
}

/// Formats a time. A wrong clock may exceed the range of the calendar.
pub(super) fn written(ms: i64, format: &str) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime(format).to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// A duration.
pub(super) fn duration(ms: i64) -> String {
    if ms.unsigned_abs() < 1000 {
        format!("{ms} ms")
    } else {
        format!("{}.{} s", ms / 1000, ms.unsigned_abs() % 1000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_can_be_written() {
        assert_eq!(seconds(1_795_688_430_123), "2026-11-26 10:20:30");
        assert_eq!(exactly(1_795_688_430_123), "2026-11-26 10:20:30.123");
        assert_eq!(exactly(1_795_688_430_000), "2026-11-26 10:20:30.000");
        assert_eq!(seconds(-1), "1969-12-31 23:59:59");
        assert_eq!(seconds(i64::MAX), "9223372036854775807 ms");
        assert_eq!(seconds(i64::MIN), "-9223372036854775808 ms");
    }

    #[test]
    fn a_duration_is_short() {
        assert_eq!(duration(312), "312 ms");
        assert_eq!(duration(61_290), "61.2 s");
        assert_eq!(duration(-5), "-5 ms");
    }
}
