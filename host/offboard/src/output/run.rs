//! A run, as `docs/schema/run.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ConfirmationInfo, CsvRow, schema, time};
use crate::ledger::RunRow;

/// A recorded run.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "A recorded run: an element of the output of runs")]
pub struct RunInfo {
    /// The run's id. Commands also accept its beginning.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// When the run was created.
    #[schemars(extend("format" = "date-time"))]
    pub began: String,
    /// The user of the operating system who created it, or `uid` and the number of a user without
    /// a name; null if the user is unknown.
    pub user: Option<String>,
    /// The tenant of the token; null if the token has none.
    pub tenant: Option<String>,
    /// The application that the token was issued to; null if the token has none.
    pub application: Option<String>,
    /// The service's origin.
    pub api_root: String,
    /// The kind of credential; null without one.
    pub auth: Option<String>,
    /// The configuration's profile; null without one.
    pub profile: Option<String>,
    /// The version of this software that created the run.
    pub version: String,
    /// The plugin's digest (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plugin_sha256: String,
    /// The caller's idempotency key of the run; null without one.
    pub request_id: Option<String>,
    /// The tag that each machine gets right before it is offboarded; null without one.
    pub tag: Option<String>,
    /// The number of orders of the run.
    pub orders: u64,
    /// The number of orders that are not finished: they still have to be sent, reconciled or
    /// tracked.
    pub open: u64,
    /// The number of orders that a resume would send, query or track: those of `open`, and those
    /// that were not sent or were refused for a reason that may have passed.
    #[serde(default)]
    pub unfinished: u64,
    /// The comment of the run's first order; null without orders.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether another order of the run has another comment.
    #[serde(default)]
    pub has_several_comments: bool,
    /// The user id of the operating system; null if it has no user ids.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The user that the token was issued to, by user principal name; null for an application's
    /// own token.
    #[serde(default)]
    pub signed_in_user: Option<String>,
    /// The object id of that user.
    #[serde(default)]
    pub signed_in_user_id: Option<String>,
    /// The number of orders in each state. States without orders are omitted.
    #[schemars(schema_with = "schema::orders_by_state")]
    pub states: Map<String, Value>,
    /// The confirmations of the run, oldest first. A resumed run is confirmed again. Runs of
    /// older versions have no confirmations.
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
            unfinished: run.unfinished,
            comment: run.comment.clone(),
            has_several_comments: run.has_several_comments,
            uid: run.uid,
            signed_in_user: run.signed_in_user.clone(),
            signed_in_user_id: run.signed_in_user_id.clone(),
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
    fn columns() -> Vec<&'static str> {
        vec![
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
            "unfinished",
            "comment",
            "hasSeveralComments",
            "uid",
            "signedInUser",
            "signedInUserId",
        ]
    }

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
            self.unfinished.to_string(),
            or_nothing(&self.comment),
            self.has_several_comments.to_string(),
            self.uid.map_or_else(String::new, |uid| uid.to_string()),
            or_nothing(&self.signed_in_user),
            or_nothing(&self.signed_in_user_id),
        ]
    }
}
