//! The effects of faults.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;

use crate::action::End;

/// The effect of a fault on a call. To commit means to carry the call out: before it, nothing
/// has been done; after it, everything has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The call is carried out late, or not at all if the client leaves before.
    Delay(Duration),
    /// The call is carried out at once and answered late.
    DelayAfterCommit(Duration),
    /// The connection is closed without any byte of an answer.
    DropBeforeCommit,
    DropAfterCommit,
    Status(Refusal),
    StatusAfterCommit(Refusal),
    /// A body that isn't JSON, with the status of the answer.
    Garbage,
    /// The body is sent byte by byte, with this pause between bytes.
    SlowBody(Duration),
    /// The connection is reset when half of the body was sent.
    ResetInBody,
    /// The action exists, but reads do not show it yet.
    VisibleAfter(Duration),
    /// The final status of the action that it creates.
    Ends(End),
}

impl Effect {
    /// Whether the whole effect happens before the call is carried out, if it is.
    pub(super) fn is_before_commit(self) -> bool {
        matches!(
            self,
            Self::Delay(_) | Self::DropBeforeCommit | Self::Status(_)
        )
    }
}

/// A status instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// 400 to 599.
    pub(crate) status: StatusCode,
    /// The retry-after in seconds, if there is one.
    pub(crate) retry_after: Option<u64>,
}

/// Why a text isn't an [`Effect`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnEffect {
    #[error(
        "{0:?} isn't a fault: it is one of delay=TIME, delay-after-commit=TIME, \
         drop-before-commit, drop-after-commit, status=CODE, status-after-commit=CODE, garbage, \
         slow-body=TIME, reset-in-body, visible-after=TIME, ends=Failed, ends=TimeOut"
    )]
    Unknown(String),
    #[error("{0:?} isn't a time above zero, such as 500ms or 2s")]
    Time(String),
    #[error(
        "{0:?} isn't an error status: write 400 to 599, optionally with a Retry-After header, such \
         as 503 or 429,retry-after=5s"
    )]
    Status(String),
    #[error("{0:?} isn't how an action fails: it ends as Failed or as TimeOut")]
    End(String),
}

impl FromStr for Effect {
    type Err = NotAnEffect;

    fn from_str(text: &str) -> Result<Self, NotAnEffect> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        match (name, value) {
            ("delay", Some(value)) => time(value).map(Self::Delay),
            ("delay-after-commit", Some(value)) => time(value).map(Self::DelayAfterCommit),
            ("drop-before-commit", None) => Ok(Self::DropBeforeCommit),
            ("drop-after-commit", None) => Ok(Self::DropAfterCommit),
            ("status", Some(value)) => refusal(value).map(Self::Status),
            ("status-after-commit", Some(value)) => refusal(value).map(Self::StatusAfterCommit),
            ("garbage", None) => Ok(Self::Garbage),
            ("slow-body", Some(value)) => time(value).map(Self::SlowBody),
            ("reset-in-body", None) => Ok(Self::ResetInBody),
            ("visible-after", Some(value)) => time(value).map(Self::VisibleAfter),
            ("ends", Some("Failed")) => Ok(Self::Ends(End::Failed)),
            ("ends", Some("TimeOut")) => Ok(Self::Ends(End::TimeOut)),
            ("ends", Some(value)) => Err(NotAnEffect::End(value.to_owned())),
            _ => Err(NotAnEffect::Unknown(text.to_owned())),
        }
    }
}

fn time(text: &str) -> Result<Duration, NotAnEffect> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| NotAnEffect::Time(text.to_owned()))
}

fn refusal(text: &str) -> Result<Refusal, NotAnEffect> {
    let read = || {
        let (code, wait) = match text.split_once(',') {
            Some((code, wait)) => (code, Some(wait.strip_prefix("retry-after=")?)),
            None => (text, None),
        };
        let status = StatusCode::from_bytes(code.as_bytes()).ok()?;
        if !(status.is_client_error() || status.is_server_error()) {
            return None;
        }
        let retry_after = match wait {
            // The header is in whole seconds.
            Some(wait) => Some(
                humantime::parse_duration(wait)
                    .ok()
                    .filter(|wait| wait.subsec_nanos() == 0)?
                    .as_secs(),
            ),
            None => None,
        };
        Some(Refusal {
            status,
            retry_after,
        })
    };
    read().ok_or_else(|| NotAnEffect::Status(text.to_owned()))
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "delay={}", written(*time)),
            Self::DelayAfterCommit(time) => write!(f, "delay-after-commit={}", written(*time)),
            Self::DropBeforeCommit => f.write_str("drop-before-commit"),
            Self::DropAfterCommit => f.write_str("drop-after-commit"),
            Self::Status(refusal) => write!(f, "status={refusal}"),
            Self::StatusAfterCommit(refusal) => write!(f, "status-after-commit={refusal}"),
            Self::Garbage => f.write_str("garbage"),
            Self::SlowBody(pause) => write!(f, "slow-body={}", written(*pause)),
            Self::ResetInBody => f.write_str("reset-in-body"),
            Self::VisibleAfter(time) => write!(f, "visible-after={}", written(*time)),
            Self::Ends(End::Failed) => f.write_str("ends=Failed"),
            Self::Ends(End::TimeOut) => f.write_str("ends=TimeOut"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match self.retry_after {
            Some(seconds) => write!(f, ",retry-after={}", written(Duration::from_secs(seconds))),
            None => Ok(()),
        }
    }
}

fn written(time: Duration) -> String {
    humantime::format_duration(time)
        .to_string()
        .replace(' ', "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_goes_both_ways() {
        for text in [
            "delay=2s",
            "delay-after-commit=500ms",
            "drop-before-commit",
            "drop-after-commit",
            "status=400",
            "status=599",
            "status-after-commit=503",
            "status=429,retry-after=5s",
            "status-after-commit=503,retry-after=0s",
            "garbage",
            "slow-body=20ms",
            "reset-in-body",
            "visible-after=1m30s",
            "ends=Failed",
            "ends=TimeOut",
        ] {
            assert_eq!(text.parse::<Effect>().unwrap().to_string(), text);
        }
        let long: Effect = "delay=90s".parse().unwrap();
        assert_eq!(long.to_string(), "delay=1m30s");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "\"\" isn't a fault: it is one of delay=TIME"),
            ("drop", "\"drop\" isn't a fault"),
            ("garbage=1", "isn't a fault"),
            ("delay", "isn't a fault"),
            ("Garbage", "isn't a fault"),
            ("delay=0s", "\"0s\" isn't a time above zero"),
            ("delay=2", "isn't a time"),
            ("slow-body=", "isn't a time"),
            ("visible-after=-1s", "isn't a time"),
            ("status=200", "\"200\" isn't an error status"),
            ("status=600", "isn't an error status"),
            ("status=5030", "isn't an error status"),
            ("status=x", "isn't an error status"),
            ("status=", "isn't an error status"),
            ("status=503,5s", "isn't an error status"),
            ("status=503,retry-after=", "isn't an error status"),
            ("status=503,retry-after=500ms", "isn't an error status"),
            ("ends=Succeeded", "\"Succeeded\" isn't how an action fails"),
            ("ends=failed", "isn't how an action fails"),
        ] {
            let error = text.parse::<Effect>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
