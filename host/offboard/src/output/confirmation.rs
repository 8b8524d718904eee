//! A confirmation, as `docs/schema/run.json` and `docs/schema/export.json` describe it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time;
use crate::ledger::ConfirmationRow;

/// A confirmation of a run's plan: who, how, when, and for which plan.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmationInfo {
    /// When the plan was confirmed.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// How the plan was confirmed. `answer`: a user answered a question after the plan was shown.
    /// `consent`: the caller consented in advance. `expected-count`: the caller consented in
    /// advance to exactly this number of machines. `approval`: another person approved the plan.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub method: String,
    /// Who confirmed: the name that the front end gave, or else the user of the operating system,
    /// or `uid` and the number of a user without a name; null if the user is unknown.
    pub by: Option<String>,
    /// The digest of the plan that was confirmed (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plan_digest: String,
    /// The number of machines of the plan that requests are sent for.
    pub machines: u64,
}

impl From<&ConfirmationRow> for ConfirmationInfo {
    fn from(confirmation: &ConfirmationRow) -> Self {
        Self {
            at: time(confirmation.at),
            method: confirmation.method.clone(),
            by: confirmation.by.clone(),
            plan_digest: confirmation.digest.clone(),
            machines: confirmation.machines,
        }
    }
}

impl ConfirmationInfo {
    /// The confirmation as text.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self {
            at,
            method,
            by,
            plan_digest,
            machines,
        } = self;
        let by = by
            .as_ref()
            .map_or_else(String::new, |by| format!(" by {by}"));
        let machines = match machines {
            1 => "1 machine".to_owned(),
            machines => format!("{machines} machines"),
        };
        format!("{at}{by} ({method}): {machines}, plan digest {plan_digest}")
    }
}
