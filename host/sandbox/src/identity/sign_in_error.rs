//! Sign-in errors, and the [`Problem`] for each.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    contract::{ErrorSource, Problem, ProblemKind, Retry},
    mask,
};

/// Why there is no token. The error never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The configuration is unusable: a file is missing, or a program fails.
    #[error("{0}")]
    Setup(String),
    /// The authority rejected the sign-in.
    #[error("{message}")]
    Refused {
        /// Entra ID's error codes: 7000215 for `AADSTS7000215`.
        codes: Vec<u32>,
        /// Its message.
        message: String,
    },
    /// The authority cannot be reached, or its certificate is not trusted.
    #[error("{0}")]
    Unreachable(String),
    /// The answer or the output is not a token.
    #[error("{0}")]
    Unreadable(String),
    /// The token belongs to another tenant than the configured one, or than the tokens
    /// before it.
    #[error("the token belongs to the tenant {found}, not to {wanted}")]
    OtherTenant {
        /// The tenant of the token.
        found: String,
        /// The expected tenant.
        wanted: String,
    },
    /// The service refused the token, and the source returned the same one again.
    #[error("the service refused the token, and there is no other one")]
    Same,
}

impl SignInError {
    /// The same error with every possible secret in its text masked.
    fn masked(self) -> Self {
        let hide = |words: String| mask::words(&words);
        match self {
            Self::Setup(reason) => Self::Setup(hide(reason)),
            Self::Refused { codes, message } => Self::Refused {
                codes,
                message: hide(message),
            },
            Self::Unreachable(reason) => Self::Unreachable(hide(reason)),
            Self::Unreadable(reason) => Self::Unreadable(hide(reason)),
            Self::OtherTenant { found, wanted } => Self::OtherTenant {
                found: hide(found),
                wanted: hide(wanted),
            },
            Self::Same => Self::Same,
        }
    }
}

/// Converts the error to a problem. Secrets are masked in the message and in its source.
impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let error = error.masked();
        let kind = match error {
            SignInError::Unreachable(_) => ProblemKind::NoAuthority,
            SignInError::OtherTenant { .. } => ProblemKind::WrongTenant,
            _ => ProblemKind::NoCredential,
        };
        let (code, words) = match &error {
            SignInError::Refused { codes, message } => {
                let code = codes.first().map(|code| format!("AADSTS{code}"));
                // Entra ID's message begins with the code, which a problem has as a field of
                // its own.
                let words = code
                    .as_deref()
                    .and_then(|code| message.strip_prefix(code)?.strip_prefix(": "));
                (code.clone(), words.unwrap_or(message).to_owned())
            }
            other => (None, other.to_string()),
        };
        Self {
            code,
            source: Some(Arc::new(ErrorSource::new(error))),
            ..Self::new(kind, Retry::Safe, words)
        }
    }
}
