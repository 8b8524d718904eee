//! Sign-in errors, and the [`Problem`] for each.

use std::sync::Arc;

use thiserror::Error;

use super::entra_error::is_transient;
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
    /// The authority cannot issue a token at the moment: it is overloaded or has failed.
    #[error("{0}")]
    Unavailable(String),
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
    /// Whether the same sign-in may succeed later, without a change of the credential.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unavailable(_) => true,
            Self::Refused { codes, .. } => is_transient(codes),
            _ => false,
        }
    }

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
            Self::Unavailable(reason) => Self::Unavailable(hide(reason)),
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
            _ if error.is_transient() => ProblemKind::NoAuthority,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_failure_is_not_a_fault_of_the_credential() {
        let refused = |code: u32| SignInError::Refused {
            codes: vec![code],
            message: format!("AADSTS{code}: it failed"),
        };
        for (error, kind, code) in [
            (refused(90_033), ProblemKind::NoAuthority, "AADSTS90033"),
            (
                refused(7_000_222),
                ProblemKind::NoCredential,
                "AADSTS7000222",
            ),
            (
                SignInError::Unavailable("503".to_owned()),
                ProblemKind::NoAuthority,
                "",
            ),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.kind, kind);
            assert_eq!(problem.code.as_deref().unwrap_or_default(), code);
        }
    }
}
