//! One line of an audit, as `docs/schema/audit.json` describes it.

use schemars::JsonSchema;
use serde::Serialize;

use super::schema;

/// A request that the plugin attempted.
///
/// A request that egress allows has two lines: one before anything of it is sent, and one when
/// it has ended. A request that egress refuses has one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "One line of an audit: a request that the plugin attempted, which was refused, allowed or ended",
    transform = schema::later_audit_members
)]
pub struct AuditEntry {
    /// When the plugin attempted the request, RFC 3339 in UTC; the same in both lines of a
    /// request.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// The id of the process. If it executes a run, this is also the run's id in the ledger,
    /// which has the user, the tenant and the credential. Lines of older versions may not have
    /// it.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// The plugin's digest (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plugin_sha256: String,
    /// The contract's function that was called.
    pub call: String,
    /// The request that the call was allowed to send, as text.
    pub grant: String,
    /// The attempted method, truncated to 200 characters; empty if the plugin attempted to set a
    /// forbidden header.
    pub method: String,
    /// The attempted scheme, truncated to 200 characters.
    pub scheme: String,
    /// The attempted host and port, truncated to 200 characters.
    pub authority: String,
    /// The route that allowed the request; null if it was refused.
    pub route: Option<String>,
    /// Whether egress allowed the request.
    pub decision: AuditDecision,
    /// Why the request was refused; null if it was allowed.
    pub reason: Option<String>,
    /// The address and port of the connection: those of the proxy, if one is used; null before
    /// it was connected.
    pub address: Option<String>,
    /// The proxy, without its credential; null without one.
    pub proxy: Option<String>,
    /// The final HTTP status; null without an answer.
    pub status: Option<u16>,
    /// The number of bytes of the request that were sent.
    pub bytes_sent: u64,
    /// The number of bytes of the answer that were received.
    pub bytes_received: u64,
    /// The error of the exchange; null without one.
    pub failure: Option<String>,
    /// The time from the attempt to the end, in milliseconds.
    pub duration_ms: u64,
    /// The phase of the request. Lines of older versions have no phase: they are about the end.
    pub phase: AuditPhase,
    /// The attempted query, truncated to 2,000 characters; null without one. Lines of older
    /// versions may not have it.
    pub query: Option<String>,
    /// The external id that the request was required to have; null if it was allowed none. Lines
    /// of older versions may not have it.
    pub external_id: Option<String>,
}

/// Whether egress allowed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditDecision {
    /// The request may be sent.
    Allowed,
    /// Nothing of the request is sent.
    Refused,
}

/// The phase of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditPhase {
    /// The request was refused, or it was allowed and nothing of it was sent yet. The line is on
    /// the disk before anything is sent.
    Decision,
    /// The request was allowed and has ended. The line has its result.
    End,
}
