//! The only source of time.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// Wall-clock time that never runs backwards: it drives actions and quotas, and a correction
/// of the system's clock must not undo either.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// Starts `skew` seconds ahead of the system's clock, or behind it if negative.
    pub(crate) fn start(skew: i64) -> Self {
        let skew = SignedDuration::from_secs(skew);
        let end = if skew.is_negative() {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        Self {
            origin: Timestamp::now().saturating_add(skew).unwrap_or(end),
            started: Instant::now(),
        }
    }

    pub(crate) fn origin(&self) -> Timestamp {
        self.origin
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.origin
            .saturating_add(elapsed)
            .unwrap_or(Timestamp::MAX)
    }
}
