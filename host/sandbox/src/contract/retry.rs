//! Whether a call may be repeated.

use serde::{Deserialize, Serialize};

/// Whether a call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Nothing was done, or doing it again changes nothing; it may be repeated.
    Safe,
    /// It may have been done: find out first.
    AskFirst,
}

impl Retry {
    /// The same, of a request that changes nothing if it is carried out again.
    #[must_use]
    pub fn for_idempotent(self) -> Self {
        if self == Self::AskFirst {
            return Self::Safe;
        }
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::AskFirst => "ask-first",
        }
    }
}
