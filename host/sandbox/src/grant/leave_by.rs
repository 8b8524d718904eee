//! The latest time at which a request may leave. The data that it was decided on becomes
//! outdated.

use std::time::{Duration, Instant, SystemTime};

/// A point in time by two clocks: the monotonic clock cannot be set, and the wall clock
/// also runs while the computer sleeps.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    at: Instant,
    by_the_wall: SystemTime,
}

impl ClockReading {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            by_the_wall: SystemTime::now(),
        }
    }

    /// Whether no more than this time has passed by either clock. A wall clock that was
    /// set back proves nothing, so the time counts as passed.
    #[must_use]
    pub fn is_within(self, time: Duration, now: Self) -> bool {
        let by_the_wall = now.by_the_wall.duration_since(self.by_the_wall);
        now.at.saturating_duration_since(self.at) <= time
            && by_the_wall.is_ok_and(|passed| passed <= time)
    }

    /// Whether this is earlier than another time.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        self.at < other.at
    }
}

/// The latest time for the first byte of a request.
#[derive(Debug, Clone, Copy)]
pub struct LeaveBy {
    from: ClockReading,
    within: Duration,
}

impl LeaveBy {
    /// The deadline this long after a point in time.
    #[must_use]
    pub fn new(from: ClockReading, within: Duration) -> Self {
        Self { from, within }
    }

    /// Whether the time has passed.
    #[must_use]
    pub fn is_over(self, now: ClockReading) -> bool {
        !self.from.is_within(self.within, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_late_also_after_the_computer_slept() {
        let now = ClockReading::now();
        let by = LeaveBy::new(now, Duration::from_secs(5));
        let later = |awake: u64, in_all: u64| ClockReading {
            at: now.at + Duration::from_secs(awake),
            by_the_wall: now.by_the_wall + Duration::from_secs(in_all),
        };
        assert!(!by.is_over(later(4, 4)));
        assert!(by.is_over(later(6, 6)));
        assert!(by.is_over(later(1, 3600)));
        // A clock that was set back proves nothing.
        let set_back = ClockReading {
            by_the_wall: now.by_the_wall - Duration::from_secs(1),
            ..later(1, 1)
        };
        assert!(by.is_over(set_back));
    }
}
