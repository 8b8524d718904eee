//! How long a run waits before a retry, and while the service limits the rate of its requests.

use std::time::Duration;

use tokio::time::Instant;

/// The longest period for a run with several machines: the longer window of the quota, and
/// five minutes.
pub(super) const LONGEST: Duration = Duration::from_secs(65 * 60);
/// The longest period for a run with one machine.
const LONGEST_FOR_ONE: Duration = Duration::from_secs(120);
/// The longest pause that the service did not request.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The longest period of a run with this number of machines.
pub(super) fn longest(is_batch: bool) -> Duration {
    if is_batch { LONGEST } else { LONGEST_FOR_ONE }
}

/// The pause before a retry, twice as long each time.
pub(super) fn backoff(attempts: u32) -> Duration {
    Duration::from_millis(500).saturating_mul(1 << attempts.min(7))
}

/// A period in which the service answers every request with 429. The time limits it, not the
/// number of requests: the service may ask for short pauses.
#[derive(Debug, Default)]
pub(super) struct Throttling {
    since: Option<Instant>,
    pauses: u32,
    /// The end of the last pause.
    until: Option<Instant>,
}

impl Throttling {
    /// The pause before the next request: at least the one that the service requests, and
    /// longer each time. `None` if the period would then be longer than this.
    pub(super) fn pause(
        &mut self,
        asked: Duration,
        longest: Duration,
        now: Instant,
    ) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        // Requests that were in flight together are refused together.
        if self.until.is_none_or(|until| now >= until) {
            self.pauses += 1;
        }
        let growing = match self.pauses {
            ..=1 => Duration::ZERO,
            pauses => backoff(pauses - 2).min(LONGEST_BACKOFF),
        };
        let pause = asked.max(growing);
        let end = now.checked_add(pause)?;
        if end.duration_since(since) > longest {
            return None;
        }
        self.until = self.until.max(Some(end));
        Some(pause)
    }

    /// The service answered a request with something other than 429.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of pauses and the time until a run ends, if every answer is a 429.
    fn endure(asked: Duration, longest: Duration) -> (u32, Duration) {
        let mut throttling = Throttling::default();
        let begun = Instant::now();
        let (mut now, mut pauses) = (begun, 0);
        while let Some(pause) = throttling.pause(asked, longest, now) {
            assert!(pause >= asked && pause <= asked.max(LONGEST_BACKOFF));
            now += pause;
            pauses += 1;
            assert!(pauses < 1000, "{asked:?} has no end");
        }
        (pauses, now.duration_since(begun))
    }

    #[test]
    fn the_time_ends_it_and_not_the_number_of_requests() {
        for longest in [LONGEST_FOR_ONE, LONGEST] {
            for asked in [0, 1, 10, 60] {
                let asked = Duration::from_secs(asked);
                let (pauses, time) = endure(asked, longest);
                assert!(time <= longest, "{asked:?}");
                assert!(time + LONGEST_BACKOFF > longest, "{asked:?}: {time:?}");
                // The number of requests stays small.
                assert!(pauses < 100, "{asked:?}: {pauses}");
            }
            let more = longest + Duration::from_secs(1);
            assert_eq!(endure(more, longest), (0, Duration::ZERO));
        }
    }

    #[test]
    fn requests_that_are_refused_together_count_once() {
        let (mut one, mut four) = (Throttling::default(), Throttling::default());
        let now = Instant::now();
        let asked = Duration::from_secs(1);
        let pause = |throttling: &mut Throttling, now| throttling.pause(asked, LONGEST, now);
        for _ in 0..4 {
            assert_eq!(pause(&mut four, now), Some(asked));
        }
        pause(&mut one, now);
        for round in 1..5 {
            let later = now + round * Duration::from_secs(60);
            assert_eq!(pause(&mut one, later), pause(&mut four, later));
        }
        one.end();
        assert_eq!(pause(&mut one, now), Some(asked));
    }
}
