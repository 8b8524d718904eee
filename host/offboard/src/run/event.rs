//! The events of a run, owned and serialisable.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{
    contract::Problem,
    ledger::{LedgerError, OrderRecord},
    order::Order,
};

/// An order with its state at an event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OrderSnapshot {
    /// The number of the order in its run, from 1.
    pub number: u64,
    /// The order.
    pub order: Order,
    /// The name of the machine in the list of the user, if the list has ids and names.
    pub listed_name: Option<String>,
}

impl From<&OrderRecord> for Box<OrderSnapshot> {
    fn from(entry: &OrderRecord) -> Self {
        Self::new(OrderSnapshot {
            number: entry.number,
            order: entry.order.clone(),
            listed_name: entry.display_name.clone(),
        })
    }
}

impl Serialize for OrderSnapshot {
    /// The order without its comment, which may name people.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = &self.order;
        let action = order.action();
        let mut object = serializer.serialize_struct("OrderSnapshot", 8)?;
        object.serialize_field("number", &self.number)?;
        object.serialize_field("target", &order.target().to_string())?;
        object.serialize_field("machineId", &order.machine().map(ToString::to_string))?;
        object.serialize_field("name", &order.name())?;
        object.serialize_field("state", &order.state())?;
        object.serialize_field("actionId", &action.map(|action| &action.id))?;
        let status = action.map(|action| action.status.name());
        object.serialize_field("actionStatus", &status)?;
        object.serialize_field("problem", &order.problem())?;
        object.end()
    }
}

/// An event of a run.
///
/// As JSON, an event is an object. Its member `event` has the name of the variant in
/// kebab case, and durations are in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Event {
    /// The requests of a confirmed plan will be sent from now on.
    Sending {
        /// The number of machines in the plan.
        machines: u64,
        /// The other orders of the run whose outcome is unknown: the service is queried
        /// about them at the same time.
        unresolved: u64,
    },
    /// Accepted actions will be tracked from now on.
    Tracking {
        /// The number of actions.
        actions: u64,
    },
    /// The preflight of a machine begins.
    Preflight {
        /// Its order.
        order: Box<OrderSnapshot>,
    },
    /// A page of the fleet was read.
    FleetRead {
        /// The number of machines that were read so far.
        machines: u64,
    },
    /// The token may not read a machine. Its order can be sent nevertheless.
    PreflightUnavailable {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
    },
    /// The state of an order, or of its action, has changed.
    Changed {
        /// The order after the change.
        order: Box<OrderSnapshot>,
    },
    /// A request has no answer. The service is queried about its outcome.
    Reconciling {
        /// The order, whose outcome is unknown.
        order: Box<OrderSnapshot>,
    },
    /// A request was not sent or was postponed, and will be sent later.
    Retrying {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// A machine has its tag. It is offboarded next.
    Tagged {
        /// Its order.
        order: Box<OrderSnapshot>,
    },
    /// A machine was not tagged. It is offboarded nevertheless.
    TagFailed {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The reason.
        problem: Problem,
    },
    /// The token may not tag. No further machine is tagged, and the run continues.
    TaggingStopped {
        /// The reason.
        problem: Problem,
    },
    /// The service refused the token, and there is a new one.
    TokenRenewed,
    /// The service refused a request with an external id, so it was not carried out. The request
    /// is sent again without the id.
    ExternalIdRefused {
        /// Its order.
        order: Box<OrderSnapshot>,
        /// The answer.
        problem: Problem,
    },
    /// The service requests a pause, or cannot be reached. The run continues later.
    Waiting {
        /// The reason.
        problem: Problem,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// The next call waits for the rate limiter. This is reported if the limiter was made with
    /// [`rate_limit_reporter`](super::Events::rate_limit_reporter).
    RateLimited {
        /// Whether the service requested the pause. Otherwise the quota is used up.
        is_requested: bool,
        /// The time until then.
        #[serde(rename = "afterMs", serialize_with = "milliseconds")]
        after: Duration,
    },
    /// Another process has locked the ledger. This is reported if the ledger was opened with
    /// [`ledger_reporter`](super::Events::ledger_reporter).
    LedgerLocked {
        /// The id of that process, if the system names it.
        process: Option<u32>,
        /// How long the wait has lasted.
        #[serde(rename = "waitedMs", serialize_with = "milliseconds")]
        waited: Duration,
        /// The longest wait.
        #[serde(rename = "longestMs", serialize_with = "milliseconds")]
        longest: Duration,
    },
    /// Nothing more is sent.
    Stopped {
        /// The reason.
        problem: Problem,
    },
    /// The outcome of an order could not be recorded.
    NotRecorded {
        /// The order with its outcome.
        order: Box<OrderSnapshot>,
        /// The error of the ledger.
        error: String,
    },
    /// A cancellation was sent, and its outcome could not be recorded.
    CancellationNotRecorded {
        /// The error of the ledger.
        error: String,
    },
    /// The service lists too many actions to keep. A request without an answer stays
    /// unknown.
    ActionsNotKept {
        /// The reason.
        problem: Problem,
    },
    /// The status of accepted actions could not be read. It is read again later.
    StatusUnavailable {
        /// The reason.
        problem: Problem,
    },
    /// Accepted actions cannot be tracked.
    TrackingStopped {
        /// The reason.
        problem: Problem,
    },
    /// The stream was not read for too long, and dropped events. The ledger has the state of
    /// every order.
    Lagged {
        /// The number of dropped events.
        missed: u64,
    },
}

impl Event {
    pub(super) fn not_recorded(entry: &OrderRecord, error: &LedgerError) -> Self {
        Self::NotRecorded {
            order: entry.into(),
            error: error.to_string(),
        }
    }

    /// Whether the ledger does not have the information, or the run or a part of it ends with
    /// the event. A run has only a few of these events.
    pub(super) fn is_kept_unread(&self) -> bool {
        matches!(
            self,
            Self::Sending { .. }
                | Self::Tracking { .. }
                | Self::Stopped { .. }
                | Self::NotRecorded { .. }
                | Self::CancellationNotRecorded { .. }
                | Self::TaggingStopped { .. }
                | Self::TrackingStopped { .. }
                | Self::ActionsNotKept { .. }
        )
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    serializer.serialize_u64(milliseconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{contract::Retry, order::Target};

    #[test]
    fn an_event_is_an_object_without_the_comment() {
        let target = Target::Name("srv-1".to_owned());
        let order = Order::new(target, "Retired by a person".parse().unwrap());
        let snapshot = OrderSnapshot {
            number: 3,
            order,
            listed_name: None,
        };
        let event = Event::Retrying {
            order: Box::new(snapshot),
            problem: Problem::new("throttled", Retry::Safe, "busy"),
            after: Duration::from_millis(1500),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], "retrying");
        assert_eq!(json["afterMs"], 1500);
        assert_eq!(json["order"]["number"], 3);
        assert_eq!(json["order"]["target"], "srv-1");
        assert_eq!(json["order"]["state"], "planned");
        assert!(!json.to_string().contains("Retired"), "{json}");
    }
}
