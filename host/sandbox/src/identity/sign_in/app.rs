//! An app registration, and its endpoints at an authority.

use azure_core::http::Url;

use crate::identity::sign_in_error::SignInError;

/// An app registration in its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
}

/// The token endpoint of an app.
pub(super) fn token_endpoint(authority: &Url, app: &App) -> Result<Url, SignInError> {
    endpoint(authority, app, "token")
}

pub(super) fn endpoint(authority: &Url, app: &App, name: &str) -> Result<Url, SignInError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    // A tenant such as `..` would change the path.
    let begins = app.tenant.bytes().next();
    if !begins.is_some_and(|byte| byte.is_ascii_alphanumeric()) || !app.tenant.bytes().all(plain) {
        let message = format!(
            "{:?} is neither the id of a tenant nor one of its domains",
            app.tenant
        );
        return Err(SignInError::Setup(message));
    }
    let path = format!("/{}/oauth2/v2.0/{name}", app.tenant);
    authority
        .join(&path)
        .map_err(|error| SignInError::Setup(error.to_string()))
}
