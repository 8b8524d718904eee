//! Why there is no token, and which problem that is.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    contract::{Problem, ProblemKind, Retry},
    mask,
};

/// Why there is no token. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// What was set up cannot be used: a file is missing, a program fails.
    #[error("{0}")]
    Setup(String),
    /// The authority refuses.
    #[error("{message}")]
    Refused {
        /// Entra ID's error codes: 7000215 for `AADSTS7000215`.
        codes: Vec<u32>,
        /// Its words.
        message: String,
    },
    /// The authority does not answer, or cannot be trusted.
    #[error("{0}")]
    Unreachable(String),
    /// What came back is no token.
    #[error("{0}")]
    Unreadable(String),
    /// The token is of another tenant than the one that was named, or than the
    /// tokens before it.
    #[error("the token is of the tenant {found}, and {wanted} is wanted")]
    OtherTenant {
        /// The tenant that it names.
        found: String,
        /// The tenant that it is to be of.
        wanted: String,
    },
    /// After the service refused a token, the same one came again.
    #[error("the service refuses the token, and there is no other")]
    Same,
}

impl SignInError {
    /// The same, in which every word that may be a secret is hidden.
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

/// Why there is no token, as a problem. No word of it, or of its source, may be a
/// secret.
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
                // Entra ID begins its words with the code, which a problem has apart.
                let words = code
                    .as_deref()
                    .and_then(|code| message.strip_prefix(code)?.strip_prefix(": "));
                (code.clone(), words.unwrap_or(message).to_owned())
            }
            other => (None, other.to_string()),
        };
        Self {
            code,
            source: Some(Arc::new(error)),
            ..Self::new(kind, Retry::Safe, words)
        }
    }
}
