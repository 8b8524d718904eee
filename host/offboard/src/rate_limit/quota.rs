//! The service's quota: a number of calls in any window of a given length, for each
//! application, tenant and API.

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

/// A number of calls in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of calls, at least 1.
    pub calls: u32,
    /// The length of the window, more than zero.
    pub window: Duration,
}

/// Limits that all apply, written `100/60s,1500/1h`, or `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota(pub Vec<Limit>);

/// Microsoft's API documentation has the same quota for offboarding, reading a machine and
/// reading an action.
impl Default for Quota {
    fn default() -> Self {
        let limit = |calls, seconds| Limit {
            calls,
            window: Duration::from_secs(seconds),
        };
        Self(vec![limit(100, 60), limit(1500, 3600)])
    }
}

/// The text is not a quota.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a quota is calls per time, such as 100/60s,1500/1h, or none")]
pub struct InvalidQuota;

impl Quota {
    /// The calls and the length in milliseconds of each window.
    pub(super) fn windows(&self) -> Vec<(u32, i64)> {
        let millis = |window: Duration| i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4);
        let window = |limit: &Limit| (limit.calls, millis(limit.window).max(1));
        self.0.iter().map(window).collect()
    }
}

impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        if text.trim() == "none" {
            return Ok(Self(Vec::new()));
        }
        let limit = |text: &str| {
            let (calls, window) = text.trim().split_once('/')?;
            let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
            let window = humantime::parse_duration(window.trim()).ok()?;
            (!window.is_zero()).then_some(Limit { calls, window })
        };
        let limits = text.split(',').map(limit).collect::<Option<Vec<_>>>();
        limits.map(Self).ok_or(InvalidQuota)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |limit: &Limit| {
            // A minute is written as 60 seconds, as in Microsoft's documentation.
            let window = match limit.window.as_secs() {
                seconds if limit.window.subsec_nanos() == 0 && seconds < 3600 => {
                    format!("{seconds}s")
                }
                _ => humantime::format_duration(limit.window)
                    .to_string()
                    .replace(' ', ""),
            };
            format!("{}/{window}", limit.calls)
        };
        let limits: Vec<String> = self.0.iter().map(limit).collect();
        if limits.is_empty() {
            formatter.write_str("none")
        } else {
            formatter.write_str(&limits.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_written_as_it_is_read() {
        for text in ["100/60s,1500/1h", "5/2s", "1/500ms", "none", "10/1h30m"] {
            let quota = text.parse::<Quota>().map(|quota| quota.to_string());
            assert_eq!(quota.as_deref(), Ok(text));
        }
        assert_eq!(Quota::default().to_string(), "100/60s,1500/1h");
        for text in [
            "",
            "100",
            "0/60s",
            "100/0s",
            "-1/1s",
            "1/1s,",
            "a/1s",
            "1/a",
            "none,1/1s",
            "1.5/1s",
        ] {
            assert_eq!(text.parse::<Quota>(), Err(InvalidQuota), "{text}");
        }
    }
}
