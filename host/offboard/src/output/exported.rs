//! An order with its requests and answers, as `docs/schema/export.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfirmationInfo, CsvRow, OrderRow, schema, time};
use crate::{
    contract::{Problem, Retry},
    grant::Route,
    ledger::{CancellationRecord, OrderRecord, RequestRecord, RunRow, StateChangeRecord},
    order::{Order, State},
};

/// One order, and everything that the ledger has recorded about it.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "One order with its requests and answers: a line of the output of export")]
pub struct ExportedOrder {
    /// The run's id.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// The order's number in its run, from 1.
    #[schemars(range(min = 1))]
    pub number: u64,
    /// How many times its offboarding was sent, or was recorded to be sent.
    pub attempts: u32,
    /// The order, as recorded.
    #[serde(flatten)]
    pub order: OrderRow,
    /// Its POST requests, oldest first: the offboarding, and before it the tag if the run has
    /// one.
    pub requests: Vec<ExportedRequest>,
    /// The changes of the state of the order and of the status of its action, oldest first.
    pub moments: Vec<StateChange>,
    /// When the service first returned the action with the status that it has in `action`; null
    /// without such an answer.
    #[schemars(extend("format" = "date-time"))]
    pub action_read: Option<String>,
    /// The confirmations of the run, oldest first. A resumed run is confirmed again. Runs of
    /// older versions have no confirmations.
    pub confirmations: Vec<ConfirmationInfo>,
}

/// A POST request that was sent for an order, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedRequest {
    /// The path, with `{id}` in place of the machine's id.
    #[schemars(regex(pattern = "^/api/"))]
    pub route: String,
    /// The request that the call was allowed to send, as text.
    pub grant: String,
    /// When the request was recorded, right before it was sent.
    #[schemars(extend("format" = "date-time"))]
    pub sent: String,
    /// When the request ended; null if its process ended before.
    #[schemars(extend("format" = "date-time"))]
    pub answered: Option<String>,
    /// The address and port that it was sent to: those of the proxy, if one is used; null if it
    /// was not connected.
    pub address: Option<String>,
    /// The number of bytes of the request that were sent; null if its process ended before that
    /// was recorded.
    #[schemars(range(min = 0))]
    pub bytes_sent: Option<i64>,
    /// The final HTTP status; null without an answer.
    pub status: Option<u16>,
    /// The error of the exchange; null without one.
    pub failure: Option<String>,
    /// The error that was derived from the answer or its absence; null for a success.
    pub error: Option<RequestError>,
    /// The answer as it was received, truncated to 64 KiB; null without one.
    pub answer: Option<String>,
    /// The external id in the body; null if it had none.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// The error of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestError {
    /// The name of the contract's error case, or of a problem that this host detected.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub kind: String,
    /// The HTTP status; null without an answer.
    pub status: Option<u16>,
    /// The service's error code; null without one.
    pub code: Option<String>,
    /// The message of the service or of this host; null without one.
    pub message: Option<String>,
    /// The service's tracking id; null without one.
    pub target: Option<String>,
    /// How long to wait, in seconds; null if the service did not report it.
    pub retry_after: Option<u64>,
    /// Whether the request may be repeated.
    #[schemars(with = "schema::Retry")]
    pub retry: Retry,
    /// Whether the request was a read.
    pub reading: bool,
}

/// A change of the state of an order, or of the status of its action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChange {
    /// When the change was recorded.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The order's state from then on.
    #[schemars(with = "State")]
    pub state: String,
    /// The status of the action, or the kind of the error; null without either. For the state
    /// `sending`: `resent`, if an earlier request may have been carried out and the user chose
    /// to send another one.
    pub detail: Option<String>,
}

impl ExportedOrder {
    /// An order of a run, with its requests and history. `hint` returns the front end's advice
    /// on a problem.
    #[must_use]
    pub fn new(
        run: &RunRow,
        entry: &OrderRecord,
        requests: Vec<RequestRecord>,
        moments: Vec<StateChangeRecord>,
        cancellations: Vec<CancellationRecord>,
        hint: &dyn Fn(&Problem) -> String,
    ) -> Self {
        Self {
            run: run.uuid.to_string(),
            number: entry.number,
            attempts: entry.attempts,
            order: OrderRow::new(&entry.order, hint)
                .in_plan(run.plan_digest())
                .with_cancellations(cancellations.into_iter().map(Into::into).collect()),
            confirmations: run
                .confirmations
                .iter()
                .map(ConfirmationInfo::from)
                .collect(),
            action_read: action_read(&entry.order, &moments).map(time),
            requests: requests.into_iter().map(ExportedRequest::from).collect(),
            moments: moments.into_iter().map(StateChange::from).collect(),
        }
    }
}

/// When the service first listed an action with this status, in milliseconds since 1970: with
/// each new status, its answer replaces the earlier one. The end of a wait, and an action that
/// the service no longer lists, are not answers.
pub(crate) fn action_read(order: &Order, moments: &[StateChangeRecord]) -> Option<i64> {
    let status = order.action()?.status.name();
    let is_answer = |moment: &&StateChangeRecord| {
        moment.detail.as_deref() == Some(status) && moment.state != State::Pending.name()
    };
    moments.iter().rfind(is_answer).map(|moment| moment.at)
}

impl From<RequestRecord> for ExportedRequest {
    fn from(evidence: RequestRecord) -> Self {
        Self {
            route: evidence.route,
            grant: evidence.granted,
            sent: time(evidence.sent),
            answered: evidence.answered.map(time),
            address: evidence.address,
            bytes_sent: evidence.bytes_sent,
            status: evidence.status,
            failure: evidence.failure,
            error: evidence.problem.map(RequestError::from),
            answer: evidence.answer,
            external_id: evidence.external_id,
        }
    }
}

impl From<Problem> for RequestError {
    fn from(problem: Problem) -> Self {
        Self {
            kind: problem.kind.to_string(),
            status: problem.status,
            code: problem.code,
            message: problem.message,
            target: problem.target,
            retry_after: problem.retry_after,
            retry: problem.retry,
            reading: problem.reading,
        }
    }
}

impl From<StateChangeRecord> for StateChange {
    fn from(moment: StateChangeRecord) -> Self {
        Self {
            at: time(moment.at),
            state: moment.state,
            detail: moment.detail,
        }
    }
}

/// The number of columns of an order that are newer than the export's own last column. Columns are
/// only added at the end.
const LATER_COLUMNS: usize = 5;

impl CsvRow for ExportedOrder {
    fn columns() -> Vec<&'static str> {
        let mut columns = vec!["run", "number", "attempts", "sent", "answered", "status"];
        let mut order = OrderRow::columns();
        let later = order.split_off(order.len() - LATER_COLUMNS);
        columns.extend(order);
        columns.push("actionRead");
        columns.extend(later);
        columns
    }

    fn cells(&self) -> Vec<String> {
        // A tag request is not an offboarding.
        let offboard = Route::Offboard.template();
        let mut requests = self.requests.iter();
        let last = requests.rfind(|request| request.route == offboard);
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let mut cells = vec![
            self.run.clone(),
            self.number.to_string(),
            self.attempts.to_string(),
            text(last.map(|last| &last.sent)),
            text(last.and_then(|last| last.answered.as_ref())),
            last.and_then(|last| last.status)
                .map_or_else(String::new, |status| status.to_string()),
        ];
        let mut order = self.order.cells();
        let later = order.split_off(order.len() - LATER_COLUMNS);
        cells.extend(order);
        cells.push(text(self.action_read.as_ref()));
        cells.extend(later);
        cells
    }
}
