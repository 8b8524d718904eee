//! An error that ends a command, as `docs/schema/error.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An error that ended a command before it had results. It replaces the results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "An error that ended a command: the whole output, in JSON formats")]
pub struct ErrorOutput {
    /// The error.
    pub error: CommandError,
}

/// An error that ended a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandError {
    /// `usage`: an argument, a list or a setting cannot be used. `not-sent`: the ledger cannot be
    /// used, and nothing was sent. `failed`: another error.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub kind: String,
    /// What happened.
    pub message: String,
    /// What to do next; null if that is not known.
    pub hint: Option<String>,
    /// The exit code of the command.
    pub exit_code: u8,
}
