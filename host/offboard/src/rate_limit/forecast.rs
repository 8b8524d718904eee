//! Forecasts the duration of the remaining calls, under a quota.

use std::{cmp::Reverse, time::Duration};

use super::{Limit, Quota};

/// The shortest time in which the remaining calls can leave, if `made` calls have left since
/// the first one, `elapsed` ago.
#[must_use]
pub fn time_left(quota: &Quota, elapsed: Duration, made: u64, calls: u64) -> Duration {
    let mut limits = quota.0.clone();
    limits.sort_by_key(|limit| Reverse(limit.window));
    let together = least(&limits, (made + calls).saturating_sub(1));
    let alone = least(&limits, calls.saturating_sub(1));
    together.saturating_sub(elapsed).max(alone)
}

/// The shortest time from the first call to the one that is `calls` later. The limits are
/// sorted by window, the longest first. It is the number of whole windows of the first limit,
/// plus the time of the remaining calls under the other limits; or the time of all calls under
/// the other limits, if that is longer.
fn least(limits: &[Limit], calls: u64) -> Duration {
    let Some((first, others)) = limits.split_first() else {
        return Duration::ZERO;
    };
    let per_window = u64::from(first.calls);
    let windows = u32::try_from(calls / per_window).unwrap_or(u32::MAX);
    let whole = first.window.saturating_mul(windows);
    whole
        .saturating_add(least(others, calls % per_window))
        .max(least(others, calls))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The forecast in minutes, after this many minutes and calls.
    fn minutes(elapsed: u64, made: u64, calls: u64) -> u64 {
        let elapsed = Duration::from_secs(60 * elapsed);
        time_left(&Quota::default(), elapsed, made, calls).as_secs() / 60
    }

    #[test]
    fn the_hourly_quota_binds_after_a_quarter_of_an_hour() {
        assert_eq!(minutes(0, 0, 100), 0);
        assert_eq!(minutes(0, 0, 101), 1);
        assert_eq!(minutes(0, 0, 1500), 14);
        assert_eq!(minutes(0, 0, 1501), 60);
        assert_eq!(minutes(0, 0, 3000), 74);
        assert_eq!(minutes(0, 0, 3001), 120);
    }

    #[test]
    fn what_has_passed_is_not_waited_for_again() {
        assert_eq!(minutes(14, 1500, 1500), 60);
        assert_eq!(minutes(70, 2600, 400), 4);
        assert_eq!(minutes(74, 2999, 1), 0);
        // After a pause, the remaining calls have their own rate.
        assert_eq!(minutes(600, 100, 1501), 60);
    }

    #[test]
    fn a_limit_with_a_short_window_may_be_the_one_that_binds() {
        let time = |quota: &str, calls| {
            let quota = quota.parse().unwrap();
            time_left(&quota, Duration::ZERO, 0, calls).as_secs()
        };
        assert_eq!(time("100/60s,7000/1h", 7001), 70 * 60);
        assert_eq!(time("none", 1_000_000), 0);
    }
}
