//! The states of an order.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::ActionStatus;

/// The state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Nothing was sent yet, or the run is a dry run.
    Planned,
    /// The request may have left. In the ledger: a process is sending it, or ended before it
    /// recorded more.
    Sending,
    /// The service accepted it, and its action is not final.
    Accepted,
    /// The device was offboarded.
    Succeeded,
    /// The device failed to carry it out.
    Failed,
    /// The device did not fetch it in time.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// Accepted, and its action was not final at the deadline. With an error of kind
    /// `not-listed`: the service no longer lists the action.
    Pending,
    /// The service, the policy or this host rejected it for a permanent reason.
    /// Nothing was done. It is final: the order is never sent again.
    Rejected,
    /// Nothing was done, and the reason may be temporary: no request was sent, or the service
    /// refused it because of the credential or the rate. It is safe to repeat the order.
    NotSent,
    /// Skipped intentionally. With an error of kind `discarded`: a user discarded it before it was
    /// sent, so the machine was not offboarded. With an error of kind `seen-since`: the machine has
    /// reported since it was offboarded earlier, so it is not finished.
    Skipped,
    /// It may have been carried out, but there is no answer. Do not repeat it without a check.
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Planned,
        Self::Sending,
        Self::Accepted,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::Pending,
        Self::Rejected,
        Self::NotSent,
        Self::Skipped,
        Self::Unknown,
    ];

    /// The state of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The name that output and records use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::NotSent => "not-sent",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The state of an accepted order whose action has this status.
#[must_use]
pub fn state_of(status: &ActionStatus) -> State {
    match status {
        ActionStatus::Succeeded => State::Succeeded,
        ActionStatus::Failed => State::Failed,
        ActionStatus::TimeOut => State::TimedOut,
        ActionStatus::Cancelled => State::Cancelled,
        ActionStatus::Pending | ActionStatus::InProgress | ActionStatus::Other(_) => {
            State::Accepted
        }
    }
}
