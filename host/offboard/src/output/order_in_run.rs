//! An order with the run that it belongs to, as `docs/schema/order.json` describes it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{CsvRow, OrderRow, RequestError};
use crate::ledger::{RunRow, TagRecord};

/// One order and its result.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "One order and its result: an element of the output of run, resume, show, status and cancel"
)]
pub struct OrderInRun {
    /// The order and its result.
    #[serde(flatten)]
    pub order: OrderRow,
    /// The id of the recorded run; null for a dry run, and for an action or a run that is not
    /// recorded.
    #[schemars(extend("format" = "uuid"))]
    pub run: Option<String>,
    /// The caller's idempotency key of the run; null without one.
    pub request_id: Option<String>,
    /// Whether the machine was tagged before its offboarding; null if the run has no tag, or if
    /// neither the tag nor the offboarding was sent.
    pub tagged: Option<bool>,
    /// Why the machine could not be tagged; null if it was tagged, or if no request for it was
    /// sent.
    pub tag_error: Option<RequestError>,
}

impl From<OrderRow> for OrderInRun {
    /// An order or an action without a recorded run.
    fn from(order: OrderRow) -> Self {
        Self {
            order,
            run: None,
            request_id: None,
            tagged: None,
            tag_error: None,
        }
    }
}

impl OrderInRun {
    /// The same order in its run.
    #[must_use]
    pub fn in_run(self, run: &RunRow) -> Self {
        Self {
            run: Some(run.uuid.to_string()),
            request_id: run.request_id.clone(),
            ..self
        }
    }

    /// The same order with what is known about its tag.
    #[must_use]
    pub fn with_tag(self, tag: TagRecord) -> Self {
        let (tagged, problem) = match tag {
            TagRecord::None => (None, None),
            TagRecord::Tagged => (Some(true), None),
            TagRecord::NotTagged(problem) => (Some(false), problem),
        };
        Self {
            tagged,
            tag_error: problem.map(|problem| RequestError::from(*problem)),
            ..self
        }
    }
}

impl CsvRow for OrderInRun {
    fn columns() -> Vec<&'static str> {
        let own = [
            "retryAfter",
            "run",
            "requestId",
            "tagged",
            "tagErrorKind",
            "tagErrorMessage",
        ];
        OrderRow::columns().into_iter().chain(own).collect()
    }

    fn cells(&self) -> Vec<String> {
        let or_nothing = |text: Option<&String>| text.cloned().unwrap_or_default();
        let error = self.tag_error.as_ref();
        let retry_after = self
            .order
            .error
            .as_ref()
            .and_then(|error| error.retry_after);
        let mut cells = self.order.cells();
        cells.extend([
            retry_after.map_or_else(String::new, |seconds| seconds.to_string()),
            or_nothing(self.run.as_ref()),
            or_nothing(self.request_id.as_ref()),
            self.tagged
                .map_or_else(String::new, |tagged| tagged.to_string()),
            or_nothing(error.map(|error| &error.kind)),
            or_nothing(error.and_then(|error| error.message.as_ref())),
        ]);
        cells
    }
}
