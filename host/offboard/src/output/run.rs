//! A run, as `docs/schema/run.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ConfirmationInfo, CsvRow, schema, time};
use crate::ledger::RunRow;

/// A run that is on record.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "A run that is on record: an element of the output of runs")]
pub struct RunInfo {
    /// The run's id; its beginning is enough to name it.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// When the run was ordered.
    #[schemars(extend("format" = "date-time"))]
    pub began: String,
    /// Who ordered it: the user of the operating system, or `uid` and the number of a user
    /// without a name; null if the system does not name the user.
    pub user: Option<String>,
    /// The tenant that the token names; null if it names none.
    pub tenant: Option<String>,
    /// The application that the token was issued to; null if the token names none.
    pub application: Option<String>,
    /// The service's origin.
    pub api_root: String,
    /// The kind of credential; null if there was none.
    pub auth: Option<String>,
    /// The configuration's profile; null if none was chosen.
    pub profile: Option<String>,
    /// The version of this software that ordered the run.
    pub version: String,
    /// The plugin's digest (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plugin_sha256: String,
    /// The caller's own key for the run, which makes ordering it idempotent; null if it has
    /// none.
    pub request_id: Option<String>,
    /// The tag that each machine gets right before it is offboarded; null if the run sets none.
    pub tag: Option<String>,
    /// How many orders the run has.
    pub orders: u64,
    /// How many orders are not finished: they are still to be sent, reconciled or tracked.
    pub open: u64,
    /// How many orders are in which state; a state without orders is left out.
    #[schemars(schema_with = "schema::orders_by_state")]
    pub states: Map<String, Value>,
    /// The confirmations of the run, oldest first; a run that is resumed is confirmed again. A
    /// run from before confirmations were recorded has none.
    pub confirmations: Vec<ConfirmationInfo>,
}

impl From<&RunRow> for RunInfo {
    fn from(run: &RunRow) -> Self {
        let states = run.counts.each();
        Self {
            run: run.uuid.to_string(),
            began: time(run.began),
            user: run.user.clone(),
            tenant: run.tenant.clone(),
            application: run.application.clone(),
            api_root: run.api_root.clone(),
            auth: run.auth.clone(),
            profile: run.profile.clone(),
            version: run.version.clone(),
            plugin_sha256: run.plugin_sha256.clone(),
            request_id: run.request_id.clone(),
            tag: run.tag.as_ref().map(ToString::to_string),
            orders: run.counts.total(),
            open: run.counts.open(),
            states: states
                .map(|(state, count)| (state.name().to_owned(), count.into()))
                .collect(),
            confirmations: run
                .confirmations
                .iter()
                .map(ConfirmationInfo::from)
                .collect(),
        }
    }
}

impl RunInfo {
    /// The number of orders in each state, as text.
    #[must_use]
    pub fn states_in_words(&self) -> String {
        let words = self.states.iter();
        let words = words.map(|(state, count)| format!("{count} {state}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

impl CsvRow for RunInfo {
    const COLUMNS: &'static [&'static str] = &[
        "run",
        "began",
        "user",
        "tenant",
        "application",
        "apiRoot",
        "auth",
        "profile",
        "version",
        "pluginSha256",
        "requestId",
        "tag",
        "orders",
        "open",
        "states",
    ];

    fn cells(&self) -> Vec<String> {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.run.clone(),
            self.began.clone(),
            or_nothing(&self.user),
            or_nothing(&self.tenant),
            or_nothing(&self.application),
            self.api_root.clone(),
            or_nothing(&self.auth),
            or_nothing(&self.profile),
            self.version.clone(),
            self.plugin_sha256.clone(),
            or_nothing(&self.request_id),
            or_nothing(&self.tag),
            self.orders.to_string(),
            self.open.to_string(),
            self.states_in_words(),
        ]
    }
}
