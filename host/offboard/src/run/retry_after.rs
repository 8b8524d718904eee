//! The pauses that the service requests with an answer 429.

use std::time::Duration;

use super::{
    announced::{announced, retry_after},
    runner::{Runner, status_of, unrecorded},
    throttling::{LONGEST, longest},
};
use crate::{contract::Problem, egress::CallRecord};

/// The pause if the service does not specify one (unsourced): the shorter window of the quota.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// The shortest pause. A service that requests none, or less than a second, still has no
/// capacity.
const MIN_PAUSE: Duration = Duration::from_secs(1);

impl Runner {
    /// Applies the service's retry-after to all calls of the account.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(super) async fn apply_retry_after(&self, record: &CallRecord) -> Result<(), Problem> {
        if status_of(record) != Some(429) {
            return Ok(());
        }
        // The window of a quota is not recorded: a part of the calls leaves it earlier.
        match announced(record).map_or(DEFAULT_PAUSE, Duration::from_secs) {
            pause if pause <= LONGEST => self
                .rate_limiter
                .hold(pause)
                .await
                .map_err(|error| unrecorded(&error)),
            _ => Ok(()),
        }
    }
}

/// The pause after an answer 429, as egress saw it. `None` after any other answer.
pub(super) fn throttled_pause(record: &CallRecord) -> Option<Duration> {
    if status_of(record) != Some(429) {
        return None;
    }
    Some(pause_of(retry_after(record)))
}

/// The pause that the service specifies in an answer 429, up to the longest that is kept.
pub(super) fn announced_pause(record: &CallRecord) -> Option<Duration> {
    announced(record)?;
    throttled_pause(record).filter(|pause| *pause <= LONGEST)
}

/// The same pause. A run with one machine waits only for a time that the service specifies.
pub(super) fn requested_pause(record: &CallRecord, is_batch: bool) -> Option<Duration> {
    if !is_batch {
        retry_after(record)?;
    }
    throttled_pause(record)
}

/// The same pause, if it is short enough to wait for a tag.
pub(super) fn acceptable_pause(record: &CallRecord, is_batch: bool) -> Option<Duration> {
    requested_pause(record, is_batch).filter(|pause| *pause <= longest(is_batch))
}

/// The pause after an answer 429 that requests this one, if any.
pub(super) fn pause_of(requested: Option<u64>) -> Duration {
    let requested = requested.map(Duration::from_secs);
    requested.unwrap_or(DEFAULT_PAUSE).max(MIN_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_the_rate_always_has_a_pause() {
        for (requested, expected) in [(Some(0), 1), (Some(1), 1), (Some(7), 7), (None, 60)] {
            let pause = pause_of(requested);
            assert_eq!(pause, Duration::from_secs(expected), "{requested:?}");
        }
    }
}
