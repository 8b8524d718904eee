//! Where requests go, and as whom. Besides egress, nothing else in the library
//! ever holds a token, and nothing can print one.

mod token;

use crate::contract::ApiRoot;

pub use token::{InvalidToken, Token, TokenClaims};

/// The service's origin and the credential for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connection {
    /// The service's origin.
    pub api_root: ApiRoot,
    /// The credential; none where there is none, and then nothing is sent.
    pub token: Option<Token>,
}

impl Connection {
    /// A connection to this service with this credential.
    #[must_use]
    pub fn new(api_root: ApiRoot, token: Option<Token>) -> Self {
        Self { api_root, token }
    }
}
