//! The service's call limits, in sliding windows.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::timestamp::after;

/// The limits for one application of one tenant on one API, which all apply.
///
/// Its text consists of `CALLS/TIME` pairs with commas between, or is `none`. The default,
/// `100/60s,1500/1h`, is what Microsoft's API documentation states for each API. That it is
/// counted for each application and tenant is a Microsoft engineer's answer in an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The limits, which all apply. Empty means no limit.
    pub limits: Vec<Limit>,
}

/// A number of calls in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls in the window, at least 1.
    pub calls: u32,
    /// The length of the window, above zero.
    pub window: Duration,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            limits: vec![
                Limit {
                    calls: 100,
                    window: Duration::from_secs(60),
                },
                Limit {
                    calls: 1500,
                    window: Duration::from_secs(3600),
                },
            ],
        }
    }
}

/// The text isn't a quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} isn't a limit: write CALLS/TIME with both above zero, such as 100/60s, or none")]
pub struct QuotaSyntaxError(String);

impl FromStr for Quota {
    type Err = QuotaSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self { limits: Vec::new() });
        }
        text.split(',')
            .map(Limit::from_str)
            .collect::<Result<_, _>>()
            .map(|limits| Self { limits })
    }
}

impl FromStr for Limit {
    type Err = QuotaSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = || {
            let (calls, window) = text.trim().split_once('/')?;
            let calls = calls.parse().ok().filter(|calls| *calls > 0)?;
            let window = humantime::parse_duration(window)
                .ok()
                .filter(|window| !window.is_zero())?;
            Some(Self { calls, window })
        };
        limit().ok_or_else(|| QuotaSyntaxError(text.to_owned()))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limits.is_empty() {
            return f.write_str("none");
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let seconds = limit.window.as_secs();
            // The documented text has 60s, which humantime would write as 1m.
            if limit.window.subsec_nanos() == 0 && seconds < 3600 {
                write!(f, "{comma}{}/{seconds}s", limit.calls)?;
            } else {
                let window = humantime::format_duration(limit.window)
                    .to_string()
                    .replace(' ', "");
                write!(f, "{comma}{}/{window}", limit.calls)?;
            }
        }
        Ok(())
    }
}

/// Counts calls, separately for each key.
#[derive(Debug)]
pub(crate) struct Meter<K> {
    quota: Quota,
    longest: Duration,
    calls: HashMap<K, VecDeque<Timestamp>>,
}

impl<K: Eq + Hash> Meter<K> {
    pub(crate) fn new(quota: Quota) -> Self {
        let longest = quota
            .limits
            .iter()
            .map(|limit| limit.window)
            .max()
            .unwrap_or_default();
        Self {
            quota,
            longest,
            calls: HashMap::new(),
        }
    }

    /// Counts a call at `now`, or returns after how many seconds, rounded up, one will be
    /// admitted. A refused call isn't counted: otherwise that time would be wrong.
    pub(crate) fn admit(&mut self, key: K, now: Timestamp) -> Result<(), u64> {
        if self.quota.limits.is_empty() {
            return Ok(());
        }
        let calls = self.calls.entry(key).or_default();
        // Concurrent calls may arrive here in another order than they read the clock (a race).
        let now = calls.back().map_or(now, |last| now.max(*last));
        while calls
            .front()
            .is_some_and(|call| after(*call, self.longest) <= now)
        {
            calls.pop_front();
        }
        let free = self.quota.limits.iter().filter_map(|limit| {
            let holder = calls
                .len()
                .checked_sub(usize::try_from(limit.calls).unwrap_or(usize::MAX))?;
            let free = after(*calls.get(holder)?, limit.window);
            (free > now).then_some(free)
        });
        match free.max() {
            None => {
                calls.push_back(now);
                Ok(())
            }
            Some(free) => {
                let wait = free.duration_since(now);
                let seconds = wait.as_secs().unsigned_abs();
                Err(seconds.saturating_add(u64::from(wait.subsec_nanos() > 0)))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_900_000_000_000 + millis).unwrap()
    }

    #[test]
    fn the_text_form_goes_both_ways() {
        for text in ["100/60s,1500/1h", "3/2s", "1/500ms", "none"] {
            assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
        }
        assert_eq!(
            "100/60s,1500/1h".parse::<Quota>().unwrap(),
            Quota::default()
        );
        for text in [
            "", "5", "0/1s", "5/0s", "5/", "/5s", "1/1s,", "-1/1s", "x/1s",
        ] {
            assert!(text.parse::<Quota>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_window_slides() {
        let mut meter = Meter::new("2/10s".parse().unwrap());
        assert_eq!(meter.admit((), at(0)), Ok(()));
        assert_eq!(meter.admit((), at(4_000)), Ok(()));
        assert_eq!(meter.admit((), at(4_500)), Err(6));
        assert_eq!(meter.admit((), at(9_999)), Err(1));
        assert_eq!(meter.admit((), at(10_000)), Ok(()));
        assert_eq!(meter.admit((), at(10_000)), Err(4));
        assert_eq!(meter.admit((), at(14_000)), Ok(()));
    }

    #[test]
    fn refused_calls_do_not_postpone_the_next() {
        let mut meter = Meter::new("1/10s".parse().unwrap());
        assert_eq!(meter.admit((), at(0)), Ok(()));
        for millis in (0..10_000).step_by(100) {
            assert!(meter.admit((), at(millis)).is_err(), "{millis}");
        }
        assert_eq!(meter.admit((), at(10_000)), Ok(()));
    }

    #[test]
    fn the_longer_window_binds_after_the_shorter() {
        let mut meter = Meter::new("2/1s,3/1h".parse().unwrap());
        assert_eq!(meter.admit((), at(0)), Ok(()));
        assert_eq!(meter.admit((), at(0)), Ok(()));
        assert_eq!(meter.admit((), at(0)), Err(1));
        assert_eq!(meter.admit((), at(1_000)), Ok(()));
        assert_eq!(meter.admit((), at(1_000)), Err(3_599));
        assert_eq!(meter.admit((), at(3_600_000)), Ok(()));
    }

    #[test]
    fn both_documented_limits_hold() {
        let mut meter = Meter::new(Quota::default());
        let mut admitted = 0;
        for second in 0..3600 {
            for _ in 0..3 {
                admitted += u32::from(meter.admit((), at(second * 1000)).is_ok());
            }
            if second == 59 {
                assert_eq!(admitted, 100);
            }
        }
        assert_eq!(admitted, 1500);
    }

    #[test]
    fn an_overtaken_call_gets_the_right_time() {
        let mut meter = Meter::new("1/10s".parse().unwrap());
        assert_eq!(meter.admit((), at(5_000)), Ok(()));
        assert_eq!(meter.admit((), at(0)), Err(10));
    }

    #[test]
    fn keys_are_counted_apart() {
        let mut meter = Meter::new("1/1m".parse().unwrap());
        assert_eq!(meter.admit("a", at(0)), Ok(()));
        assert_eq!(meter.admit("b", at(0)), Ok(()));
        assert_eq!(meter.admit("a", at(0)), Err(60));
    }

    #[test]
    fn no_limits_admit_everything() {
        let mut meter = Meter::new("none".parse().unwrap());
        assert!((0..5_000).all(|_| meter.admit((), at(0)).is_ok()));
    }
}
