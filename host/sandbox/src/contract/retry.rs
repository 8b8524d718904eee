//! Whether a call may be repeated.

use serde::{Deserialize, Serialize};

/// Whether a call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// No: it would fail again.
    Never,
    /// Yes: nothing was done, or doing it again has no effect.
    Safe,
    /// Only after the outcome is known: it may have been carried out.
    AskFirst,
}

impl Retry {
    /// The value for a request that has no further effect if it is carried out again.
    #[must_use]
    pub fn for_idempotent(self) -> Self {
        if self == Self::AskFirst {
            return Self::Safe;
        }
        self
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::AskFirst => "ask-first",
        }
    }
}
