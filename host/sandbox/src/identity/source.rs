//! Token sources: the trait, and the two sources that do not sign in.

use std::{
    path::PathBuf,
    pin::Pin,
    time::{Duration, SystemTime},
};

use super::{sign_in_error::SignInError, token::Token};
use crate::mask;

/// The future that a [`TokenSource`] returns.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Fetched, SignInError>> + Send + 'a>>;

/// A source of tokens. [`Credential`](super::Credential) keeps the tokens, so a source fetches
/// a new one each time.
pub trait TokenSource: Send + Sync {
    /// Fetches a token.
    fn fetch(&self) -> Fetch<'_>;
}

/// A token from a source.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The token.
    pub token: Token,
    /// When it expires, if that is known.
    pub expires: Option<SystemTime>,
}

impl Fetched {
    /// A token that expires at its `exp` claim.
    #[must_use]
    pub fn by_claims(token: Token) -> Self {
        let end = token.claims().and_then(|claims| claims.expires);
        let end = end.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            token,
            expires: end
                .and_then(|end| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end))),
        }
    }
}

/// A token in a file. Another program may renew it.
#[derive(Debug, Clone)]
pub struct TokenFile(pub PathBuf);

impl TokenSource for TokenFile {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(async move {
            // On a blocking thread, because reading a pipe may block.
            let path = self.0.clone();
            let read = tokio::task::spawn_blocking(move || Token::from_file(&path)).await;
            let failed = |reason: String| {
                SignInError::Setup(format!("{}: {reason}", mask::secret_path(&self.0)))
            };
            let token = read.map_err(|error| failed(error.to_string()))?;
            let token = token.map_err(|error| failed(error.to_string()))?;
            Ok(Fetched::by_claims(token))
        })
    }
}

/// A token that the caller supplied.
pub(super) struct Ready(pub(super) Token);

impl TokenSource for Ready {
    fn fetch(&self) -> Fetch<'_> {
        let token = self.0.clone();
        Box::pin(async move {
            Ok(Fetched {
                token,
                expires: None,
            })
        })
    }
}
