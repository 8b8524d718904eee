//! An order with its evidence, as `docs/schema/export.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfirmationInfo, CsvRow, OrderRow, schema, time};
use crate::{
    contract::{Problem, Retry},
    grant::Route,
    ledger::{OrderRecord, RequestRecord, RunRow, StateChangeRecord},
    order::{Order, State},
};

/// One order, and what is on record of it.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "One order with its evidence: a line of the output of export")]
pub struct ExportedOrder {
    /// The run's id.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// The order's number in its run, from 1.
    #[schemars(range(min = 1))]
    pub number: u64,
    /// How many times its offboarding was sent, or was about to be sent.
    pub attempts: u32,
    /// The order, as it is on record.
    #[serde(flatten)]
    pub order: OrderRow,
    /// Its POSTs, oldest first: the offboarding, and before it the tag if the run has one.
    pub requests: Vec<ExportedRequest>,
    /// How the order came to its state, and its action to its status, oldest first.
    pub moments: Vec<StateChange>,
    /// When the service first showed the action with the status that it has in `action`; null
    /// if there is no such answer.
    #[schemars(extend("format" = "date-time"))]
    pub action_read: Option<String>,
    /// The confirmations of the run, oldest first; a run that is resumed is confirmed again. A
    /// run from before confirmations were recorded has none.
    pub confirmations: Vec<ConfirmationInfo>,
}

/// A POST that left for an order, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedRequest {
    /// The path, with `{id}` for the machine's id.
    #[schemars(regex(pattern = "^/api/"))]
    pub route: String,
    /// What the call was allowed to send, in words.
    pub grant: String,
    /// When the request was put on record, right before it left.
    #[schemars(extend("format" = "date-time"))]
    pub sent: String,
    /// When the request was over; null if its process ended before.
    #[schemars(extend("format" = "date-time"))]
    pub answered: Option<String>,
    /// The address and port that it went to: the proxy's, if there is one; null if it was not
    /// connected.
    pub address: Option<String>,
    /// Bytes of the request that left; null if its process ended before that was recorded.
    #[schemars(range(min = 0))]
    pub bytes_sent: Option<i64>,
    /// The final HTTP status; null if there is no answer.
    pub status: Option<u16>,
    /// What went wrong with the exchange; null if nothing did.
    pub failure: Option<String>,
    /// What the answer, or its absence, was taken to mean; null for a success.
    pub error: Option<RequestError>,
    /// The answer as it was delivered, its first 64 KiB; null if there is none.
    pub answer: Option<String>,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestError {
    /// The name of the contract's error case, or of a problem that this host found by itself.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub kind: String,
    /// The HTTP status; null if there is no answer.
    pub status: Option<u16>,
    /// The service's error code; null if it sent none.
    pub code: Option<String>,
    /// The service's words, or this host's; null if there are none.
    pub message: Option<String>,
    /// The service's tracking id; null if it sent none.
    pub target: Option<String>,
    /// How long to wait, in seconds; null if the service did not say.
    pub retry_after: Option<u64>,
    /// Whether the request may be repeated.
    #[schemars(with = "schema::Retry")]
    pub retry: Retry,
    /// Whether the request was a read.
    pub reading: bool,
}

/// An order came to a state, or its action to a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChange {
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The order's state from then on.
    #[schemars(with = "State")]
    pub state: String,
    /// The service's status, or the kind of what went wrong; null if there is neither. Of
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
        hint: &dyn Fn(&Problem) -> String,
    ) -> Self {
        Self {
            run: run.uuid.to_string(),
            number: entry.number,
            attempts: entry.attempts,
            order: OrderRow::new(&entry.order, hint).in_plan(run.plan_digest()),
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

impl CsvRow for ExportedOrder {
    const COLUMNS: &'static [&'static str] = &[
        "run",
        "number",
        "attempts",
        "sent",
        "answered",
        "status",
        "asked",
        "machineId",
        "name",
        "comment",
        "state",
        "actionId",
        "actionStatus",
        "errorKind",
        "errorCode",
        "errorMessage",
        "errorTarget",
        "retry",
        "preflight",
        "note",
        "warnings",
        "actionRead",
    ];

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
        cells.extend(self.order.cells());
        cells.push(text(self.action_read.as_ref()));
        cells
    }
}
