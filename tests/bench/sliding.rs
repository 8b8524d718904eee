//! Calculations with sliding windows.

use std::{collections::VecDeque, time::Duration};

use offboard_simulator::Quota;

/// The shortest time from the first to the last of `calls` calls: the call after a full window
/// leaves one window later than the first call in it.
pub(crate) fn ideal(quota: &Quota, calls: usize) -> Duration {
    let mut leave: Vec<Duration> = Vec::new();
    for call in 0..calls {
        let free = quota.limits.iter().filter_map(|limit| {
            let holder = call.checked_sub(limit.calls as usize)?;
            Some(leave[holder] + limit.window)
        });
        leave.push(free.max().unwrap_or_default());
    }
    leave.last().copied().unwrap_or_default()
}

/// A client that sends at a constant rate, regardless of the answers, until `calls` calls were
/// accepted: its duration, and the number of refusals.
pub(crate) fn even(quota: &Quota, calls: usize, interval: Duration) -> (Duration, u64) {
    let longest = quota.limits.iter().map(|limit| limit.calls).max();
    let mut taken: VecDeque<Duration> = VecDeque::new();
    let (mut count, mut refused, mut now) = (0, 0, Duration::ZERO);
    loop {
        let is_free = quota.limits.iter().all(|limit| {
            let holder = taken.len().checked_sub(limit.calls as usize);
            holder.is_none_or(|holder| taken[holder] + limit.window <= now)
        });
        if !is_free {
            refused += 1
        } else {
            count += 1;
            if count == calls {
                return (now, refused);
            }
            taken.push_back(now);
            if taken.len() > longest.unwrap_or_default() as usize {
                taken.pop_front();
            }
        }
        now += interval;
    }
}
