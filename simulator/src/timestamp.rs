//! Timestamps as the service writes them: UTC with `Z`, at most .NET's seven
//! fractional digits, trailing zeros dropped (as captured from the service).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Writes `time` in ticks of 100 ns.
pub(crate) fn wire(time: Timestamp) -> String {
    let ticks = time.subsec_nanosecond() / 100;
    let whole = time.strftime("%Y-%m-%dT%H:%M:%S");
    if ticks == 0 {
        return format!("{whole}Z");
    }
    let fraction = format!("{ticks:07}");
    format!("{whole}.{}Z", fraction.trim_end_matches('0'))
}

/// The next full microsecond. Of the two stamps of an action as captured, the
/// later one has six digits.
pub(crate) fn ceil_to_micros(time: Timestamp) -> Timestamp {
    let over = i64::from(time.subsec_nanosecond() % 1000);
    if over == 0 {
        time
    } else {
        after(
            time,
            Duration::from_nanos(1000u64.saturating_sub(over.unsigned_abs())),
        )
    }
}

/// `time` plus `duration`, saturating at the latest time.
pub(crate) fn after(time: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// `time` minus `duration`, saturating at the earliest time.
pub(crate) fn before(time: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn up_to_seven_digits_and_no_trailing_zeros() {
        for (time, expected) in [
            ("2030-01-02T03:04:05Z", "2030-01-02T03:04:05Z"),
            ("2030-01-02T03:04:05.1Z", "2030-01-02T03:04:05.1Z"),
            ("2030-01-02T03:04:05.123457Z", "2030-01-02T03:04:05.123457Z"),
            (
                "2030-01-02T03:04:05.1234567Z",
                "2030-01-02T03:04:05.1234567Z",
            ),
            (
                "2030-01-02T03:04:05.123456789Z",
                "2030-01-02T03:04:05.1234567Z",
            ),
            (
                "2030-01-02T03:04:05.0000001Z",
                "2030-01-02T03:04:05.0000001Z",
            ),
            ("2030-01-02T03:04:05.000000099Z", "2030-01-02T03:04:05Z"),
            ("2030-01-02T05:04:05.1+02:00", "2030-01-02T03:04:05.1Z"),
        ] {
            assert_eq!(wire(time.parse().unwrap()), expected, "{time}");
        }
    }

    #[test]
    fn microseconds_are_rounded_up() {
        for (time, expected) in [
            (
                "2030-01-02T03:04:05.1234567Z",
                "2030-01-02T03:04:05.123457Z",
            ),
            ("2030-01-02T03:04:05.123456Z", "2030-01-02T03:04:05.123456Z"),
            ("2030-01-02T03:04:05.9999999Z", "2030-01-02T03:04:06Z"),
        ] {
            assert_eq!(
                wire(ceil_to_micros(time.parse().unwrap())),
                expected,
                "{time}"
            );
        }
    }
}
