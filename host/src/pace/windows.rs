//! How many calls were made in any stretch of time. The service counts a call
//! somewhere between its leaving and its answer, and nobody here knows where:
//! so it counts from the one until a window after the other. Pure: times in,
//! decisions out.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::Quota;

/// The calls of one API.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Those that have no answer yet.
    open: usize,
    /// When the others had theirs, oldest first.
    answered: VecDeque<Instant>,
}

/// Why a call may not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It may after this, if nobody was quicker.
    For(Duration),
    /// It may not before one of those that are open has its answer.
    Answer,
}

impl Windows {
    /// Counts a call that leaves now, if one may.
    pub(super) fn begin(&mut self, quota: &Quota, now: Instant) -> Result<(), Wait> {
        let longest = quota.0.iter().map(|limit| limit.window).max();
        let Some(longest) = longest else {
            return Ok(());
        };
        while self
            .answered
            .front()
            .is_some_and(|at| now.duration_since(*at) >= longest)
        {
            self.answered.pop_front();
        }
        let mut wait = None;
        for limit in &quota.0 {
            let calls = usize::try_from(limit.calls).unwrap_or(usize::MAX);
            let counted = |at: &&Instant| now.duration_since(**at) < limit.window;
            let recent = self.answered.iter().rev().take_while(counted).count();
            if self.open + recent < calls {
                continue;
            }
            // As many have to grow old as there are too many.
            let too_many = self.open + recent - calls;
            let Some(oldest) = self.answered.get(self.answered.len() - recent + too_many) else {
                return Err(Wait::Answer);
            };
            let left = limit.window.saturating_sub(now.duration_since(*oldest));
            wait = wait.max(Some(left));
        }
        match wait {
            Some(left) => Err(Wait::For(left)),
            None => {
                self.open += 1;
                Ok(())
            }
        }
    }

    /// A call that was counted has its answer, or never will.
    pub(super) fn end(&mut self, quota: &Quota, now: Instant) {
        if !quota.0.is_empty() {
            self.open = self.open.saturating_sub(1);
            self.answered.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[test]
    fn a_slot_is_free_a_window_after_its_answer() {
        let quota = quota("2/10s");
        let (mut windows, start) = (Windows::default(), Instant::now());
        windows.begin(&quota, start).unwrap();
        windows.begin(&quota, start).unwrap();
        assert_eq!(windows.begin(&quota, start), Err(Wait::Answer));
        windows.end(&quota, start + 3 * SECOND);
        assert_eq!(
            windows.begin(&quota, start + 4 * SECOND),
            Err(Wait::For(9 * SECOND))
        );
        windows.end(&quota, start + 5 * SECOND);
        assert_eq!(
            windows.begin(&quota, start + 5 * SECOND),
            Err(Wait::For(8 * SECOND))
        );
        assert_eq!(windows.begin(&quota, start + 13 * SECOND), Ok(()));
        assert_eq!(
            windows.begin(&quota, start + 13 * SECOND),
            Err(Wait::For(2 * SECOND))
        );
    }

    #[test]
    fn all_limits_hold_at_once() {
        let quota = quota("2/1s,3/10s");
        let (mut windows, start) = (Windows::default(), Instant::now());
        let mut call = |at: Duration| {
            let begun = windows.begin(&quota, start + at);
            if begun.is_ok() {
                windows.end(&quota, start + at);
            }
            begun
        };
        assert_eq!(call(Duration::ZERO), Ok(()));
        assert_eq!(call(Duration::ZERO), Ok(()));
        assert_eq!(call(Duration::ZERO), Err(Wait::For(SECOND)));
        assert_eq!(call(SECOND), Ok(()));
        assert_eq!(call(2 * SECOND), Err(Wait::For(8 * SECOND)));
        assert_eq!(call(10 * SECOND), Ok(()));
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let mut windows = Windows::default();
        for _ in 0..10_000 {
            windows.begin(&quota("none"), Instant::now()).unwrap();
            windows.end(&quota("none"), Instant::now());
        }
        assert!(windows.answered.is_empty());
    }

    /// Numbers that look like chance, and are the same each time.
    fn chance(state: &mut u64, below: u64) -> u64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state >> 33) % below
    }

    /// Wherever between its leaving and its answer the service counts each call.
    #[test]
    fn no_stretch_of_time_has_more_calls_than_the_quota() {
        let quota = quota("5/700ms,11/3s");
        for seed in 1..40 {
            let mut state = seed;
            let (mut windows, start) = (Windows::default(), Instant::now());
            let mut open: Vec<Duration> = Vec::new();
            let mut counted: Vec<Duration> = Vec::new();
            let mut now = Duration::ZERO;
            for _ in 0..400 {
                now += Duration::from_millis(chance(&mut state, 60));
                open.retain(|end| {
                    if *end <= now {
                        windows.end(&quota, start + *end);
                    }
                    *end > now
                });
                open.sort_unstable();
                match windows.begin(&quota, start + now) {
                    Ok(()) => {
                        let takes = Duration::from_millis(1 + chance(&mut state, 300));
                        let at = chance(&mut state, 1_000);
                        counted.push(
                            now + takes.mul_f64(f64::from(u32::try_from(at).unwrap()) / 1000.0),
                        );
                        open.push(now + takes);
                    }
                    // Later by the least that there is: the answer may have come
                    // between two looks.
                    Err(Wait::For(left)) => now += left,
                    Err(Wait::Answer) => now = *open.iter().min().unwrap(),
                }
            }
            counted.sort_unstable();
            for limit in &quota.0 {
                let calls = limit.calls as usize;
                for pair in counted.windows(calls + 1) {
                    let apart = pair[calls] - pair[0];
                    assert!(apart >= limit.window, "seed {seed}: {apart:?}");
                }
            }
            assert!(counted.len() > 100, "seed {seed}: {}", counted.len());
        }
    }
}
