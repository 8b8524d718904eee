//! How long calls that are still to be made will take, as far as a quota tells.

use std::time::Duration;

use super::Quota;

/// The least time in which so many calls can leave, where `made` already count
/// in every window. At full pace, the limit with the least calls for its time
/// decides in the long run, and the others in the short.
#[must_use]
pub fn time_left(quota: &Quota, made: u64, calls: u64) -> Duration {
    let of = |limit: &super::Limit| {
        let per_window = u64::from(limit.calls);
        let made = made.min(per_window);
        // Those that fit into the window that is open leave at once.
        let windows = (made + calls).saturating_sub(1) / per_window;
        limit
            .window
            .saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
    };
    quota.0.iter().map(of).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn minutes(made: u64, calls: u64) -> u64 {
        time_left(&Quota::default(), made, calls).as_secs() / 60
    }

    #[test]
    fn the_hourly_quota_binds_after_a_quarter_of_an_hour() {
        assert_eq!(minutes(0, 100), 0);
        assert_eq!(minutes(0, 101), 1);
        assert_eq!(minutes(0, 1500), 14);
        assert_eq!(minutes(0, 1501), 60);
        assert_eq!(minutes(0, 3001), 120);
        assert_eq!(minutes(1400, 101), 60);
        assert_eq!(
            time_left(&"none".parse().unwrap(), 0, 1_000_000),
            Duration::ZERO
        );
    }
}
