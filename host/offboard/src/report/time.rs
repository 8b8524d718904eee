//! Moments as the page writes them: in UTC, always.

use jiff::Timestamp;

/// To the second.
pub(super) fn seconds(ms: i64) -> String {
    written(ms, "%Y-%m-%d %H:%M:%S")
}

/// To the millisecond.
pub(super) fn exactly(ms: i64) -> String {
    written(ms, "%Y-%m-%d %H:%M:%S%.3f")
}

/// A clock can be wrong by more than any calendar has.
pub(super) fn written(ms: i64, format: &str) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime(format).to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// How long something took.
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
