//! The identity of the caller: clouds, credentials, tokens, and sign-in.
//!
//! Only this module and [`egress`](crate::egress) hold a token, and no type that holds
//! one can be printed. Sign-in needs the feature `identity`. Without it, a credential
//! is a token, a token file, a token command, or the caller's own [`TokenSource`].

pub mod cloud;
mod credential;
mod entra_error;
mod expiry;
mod program;
mod redaction;
mod secret_file;
#[cfg(feature = "identity")]
pub mod sign_in;
mod sign_in_error;
mod source;
mod token;
mod token_command;

pub use crate::encoding::text::{NotText, secret_text, trim_secret};
pub(crate) use credential::Issued;
pub use credential::{Credential, is_same_tenant};
pub use entra_error::EntraErrorClass;
pub use secret_file::{SecretFileError, TrustedFileError, read_secret, read_trusted};
pub use sign_in_error::SignInError;
pub use source::{Fetch, Fetched, TokenFile, TokenSource};
pub use token::{InvalidToken, Token, TokenClaims};
pub use token_command::TokenCommand;
