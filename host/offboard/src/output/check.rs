//! The steps of a check, as `docs/schema/check.json` describes them.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CsvRow;
use crate::mask;

/// Whether a connection can offboard.
///
/// Steps are in the order in which they were done; steps that depend on a failed one may be
/// missing. New steps may be added in any version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(title = "Whether a connection can offboard: the output of check")]
pub struct CheckReport(#[schemars(length(min = 1))] pub Vec<CheckStep>);

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("allOf" = [{
    "if": {"properties": {"status": {"enum": ["warning", "failed"]}}},
    "then": {"properties": {"hint": {"type": "string"}}},
    "else": {"properties": {"hint": {"type": "null"}}}
}]))]
pub struct CheckStep {
    /// What was checked. `configuration`: the settings are consistent. `plugin`: the digest of
    /// the plugin. `records`: the ledger and the audit can be written. `authority`, `api`: DNS
    /// and TLS to the host. `clock`: the difference of this computer's clock to the hosts.
    /// `token`: signing in. `resource`: another resource of the cloud, tried after the usual one
    /// was rejected. `user`: the token belongs to a user. `audience`, `tenant`, `roles`,
    /// `reading`: the claims of the token. `answer`: the API's answer to a read. `quota`: the
    /// known quota.
    #[schemars(extend("enum" = CheckStep::STEP_NAMES))]
    pub step: Cow<'static, str>,
    /// How the step ended.
    pub status: CheckStatus,
    /// The finding, as text.
    pub reason: String,
    /// The most likely cause and its remedy; null if there is nothing to do.
    pub hint: Option<String>,
}

/// How a step of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// Without findings.
    Passed,
    /// Offboarding works, with restrictions.
    Warning,
    /// Offboarding does not work.
    Failed,
    /// It could not be checked.
    Skipped,
}

impl CheckStatus {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl CheckStep {
    /// The names of the steps.
    pub const STEP_NAMES: [&'static str; 15] = [
        "configuration",
        "plugin",
        "records",
        "authority",
        "api",
        "clock",
        "token",
        "resource",
        "audience",
        "tenant",
        "roles",
        "user",
        "reading",
        "answer",
        "quota",
    ];

    /// A step that passed.
    pub fn passed(step: &'static str, reason: impl Into<String>) -> Self {
        Self::new(step, CheckStatus::Passed, reason, None)
    }

    /// A step that was skipped.
    pub fn skipped(step: &'static str, reason: impl Into<String>) -> Self {
        Self::new(step, CheckStatus::Skipped, reason, None)
    }

    /// A step with a finding that does not prevent an offboarding.
    pub fn warning(step: &'static str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(step, CheckStatus::Warning, reason, Some(hint.into()))
    }

    /// A step with a finding that prevents an offboarding.
    pub fn failed(step: &'static str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(step, CheckStatus::Failed, reason, Some(hint.into()))
    }

    /// Secrets in the reason are hidden.
    fn new(
        step: &'static str,
        status: CheckStatus,
        reason: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            step: step.into(),
            status,
            reason: mask::words(&reason.into()),
            hint,
        }
    }
}

impl CsvRow for CheckStep {
    fn columns() -> Vec<&'static str> {
        vec!["step", "status", "reason", "hint"]
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.step.clone().into_owned(),
            self.status.name().to_owned(),
            self.reason.clone(),
            self.hint.clone().unwrap_or_default(),
        ]
    }
}
