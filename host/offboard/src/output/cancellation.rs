//! A cancellation, as `docs/schema/cancellation.json`, `order.json` and `export.json` describe
//! it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CsvRow, ExportedRequest};
use crate::{ledger::CancellationRecord, order::State};

/// A request to cancel an action, and what became of it.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "A recorded cancellation: a line of the export of all cancellations, and an element of the cancellations of an order"
)]
pub struct CancellationInfo {
    /// The id of the action, in lower case.
    pub action: String,
    /// The run of the action's order; null if the ledger has no order of the action.
    #[schemars(extend("format" = "uuid"))]
    pub run: Option<String>,
    /// The number of the action's order in its run; null without one.
    pub number: Option<u64>,
    /// The user of the operating system who cancelled it, or `uid` and the number of a user
    /// without a name; null if the user is unknown.
    pub by: Option<String>,
    /// The reason, which the service records.
    pub comment: Option<String>,
    /// The outcome: `cancelled` if the service confirmed it, `rejected` if it refused, `not-sent`,
    /// or `unknown` if there is no answer (yet). Another state is the one that the service
    /// returned for the action.
    pub state: State,
    /// The request and its answer.
    #[serde(flatten)]
    pub request: ExportedRequest,
}

impl From<CancellationRecord> for CancellationInfo {
    fn from(record: CancellationRecord) -> Self {
        let (run, number) = record.order.unzip();
        Self {
            action: record.action,
            run: run.map(|run| run.to_string()),
            number,
            by: record.by,
            comment: record.comment,
            state: record.state,
            request: record.request.into(),
        }
    }
}

impl CancellationInfo {
    /// The cancellation as text.
    #[must_use]
    pub fn in_words(&self) -> String {
        let by = self.by.as_deref().unwrap_or("an unknown user");
        let comment = self.comment.as_deref().unwrap_or_default();
        let (at, action) = (&self.request.sent, &self.action);
        let outcome = match self.state {
            State::Cancelled => "cancelled".to_owned(),
            State::Unknown => "the outcome is unknown".to_owned(),
            state => {
                let error = self.request.error.as_ref();
                let reason = error.and_then(|error| error.message.as_deref());
                reason.map_or_else(|| state.to_string(), |reason| format!("{state}: {reason}"))
            }
        };
        format!("{at} by {by}, action {action}, comment {comment:?}: {outcome}")
    }

    /// The cells of the last of an order's cancellations; empty without one.
    pub(super) fn last_cells(all: &[Self]) -> [String; 4] {
        let Some(last) = all.last() else {
            return <[String; 4]>::default();
        };
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            or_nothing(&last.by),
            last.request.sent.clone(),
            or_nothing(&last.comment),
            last.state.to_string(),
        ]
    }
}

impl CsvRow for CancellationInfo {
    fn columns() -> Vec<&'static str> {
        vec![
            "action",
            "run",
            "number",
            "by",
            "comment",
            "state",
            "sent",
            "answered",
            "status",
            "errorKind",
            "errorMessage",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        let error = self.request.error.as_ref();
        vec![
            self.action.clone(),
            or_nothing(&self.run),
            self.number
                .map_or_else(String::new, |number| number.to_string()),
            or_nothing(&self.by),
            or_nothing(&self.comment),
            self.state.to_string(),
            self.request.sent.clone(),
            or_nothing(&self.request.answered),
            self.request
                .status
                .map_or_else(String::new, |status| status.to_string()),
            error.map_or_else(String::new, |error| error.kind.clone()),
            error.map_or_else(String::new, |error| or_nothing(&error.message)),
        ]
    }
}
