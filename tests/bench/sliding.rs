//! What sliding windows allow, worked out.

use std::{collections::VecDeque, time::Duration};

use offboard_simulator::Quota;

/// The least time from the first to the last of so many calls: the one after so
/// many as a limit has leaves a window later than the first of them.
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

/// A client that asks at an even pace, whatever it is told, until so many calls
/// were taken: how long it takes, and how many are refused.
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
