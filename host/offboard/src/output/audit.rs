//! One line of an audit, as `docs/schema/audit.json` describes it.

use schemars::JsonSchema;
use serde::Serialize;

use super::schema;

/// A request that the plugin asked for.
///
/// A request that egress allows has two lines: one before anything of it leaves, and one when
/// it has ended. A request that egress refuses has one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "One line of an audit: a request that the plugin asked for, refused, let out or ended",
    transform = schema::later_audit_members
)]
pub struct AuditEntry {
    /// When the plugin asked, RFC 3339 in UTC; the same in both lines of a request.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// The process. If it executes a run, this is also the run's id in the ledger, which says
    /// who ordered it, where and with which credential. Lines of older versions may lack it.
    #[schemars(extend("format" = "uuid"))]
    pub run: String,
    /// The plugin's digest (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plugin_sha256: String,
    /// The contract's function that was called.
    pub call: String,
    /// What the call was allowed to send, in words.
    pub grant: String,
    /// The method that the plugin asked for, its first 200 characters; empty if the plugin
    /// tried to set a header that it may not set.
    pub method: String,
    /// The scheme that the plugin asked for, its first 200 characters.
    pub scheme: String,
    /// The host and port that the plugin asked for, their first 200 characters.
    pub authority: String,
    /// The route that allowed the request; null if it was refused.
    pub route: Option<String>,
    /// Whether egress allowed the request.
    pub decision: AuditDecision,
    /// Why the request was refused; null if it was allowed.
    pub reason: Option<String>,
    /// The address and port of the connection: the proxy's, if there is one; null before it was
    /// connected.
    pub address: Option<String>,
    /// The proxy, without its credential; null if there is none.
    pub proxy: Option<String>,
    /// The final HTTP status; null if there is no answer.
    pub status: Option<u16>,
    /// Bytes of the request that left.
    pub bytes_sent: u64,
    /// Bytes of the answer that arrived.
    pub bytes_received: u64,
    /// What went wrong with the exchange; null if nothing did.
    pub failure: Option<String>,
    /// From asking to the end, in milliseconds.
    pub duration_ms: u64,
    /// Which of the lines of a request this is. Lines of older versions have no phase: they are
    /// about the end.
    pub phase: AuditPhase,
    /// The query that the plugin asked for, its first 2,000 characters; null if there is none.
    /// Lines of older versions may lack it.
    pub query: Option<String>,
}

/// Whether egress allowed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditDecision {
    /// It may leave.
    Allowed,
    /// Nothing of it leaves.
    Refused,
}

/// When a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditPhase {
    /// The request was refused, or nothing of it has left yet: this line is on the disk before.
    Decision,
    /// The request was allowed and has ended; the line says what became of it.
    End,
}
