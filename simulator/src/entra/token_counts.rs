//! The number of issued tokens.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// The grant type of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantType {
    ClientCredentials,
    DeviceCode,
    RefreshToken,
    ManagedIdentity,
}

/// The number of access tokens that Entra ID's routes have issued, for each grant type. The
/// ready token and tokens that a test issued directly aren't counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IssuedTokens {
    /// To the application as itself.
    pub client_credentials: u64,
    /// To a user who approved a device code.
    pub device_code: u64,
    /// In exchange for a refresh token.
    pub refresh_token: u64,
    /// To a managed identity, by either route.
    pub managed_identity: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts([AtomicU64; 4]);

impl Counts {
    /// Counts a token after it was issued. So a caller that reads the count and then revokes
    /// all tokens also revokes this one (no race).
    pub(super) fn add(&self, grant: GrantType) {
        self.of(grant).fetch_add(1, Ordering::Release);
    }

    pub(crate) fn read(&self) -> IssuedTokens {
        let count = |grant| self.of(grant).load(Ordering::Acquire);
        IssuedTokens {
            client_credentials: count(GrantType::ClientCredentials),
            device_code: count(GrantType::DeviceCode),
            refresh_token: count(GrantType::RefreshToken),
            managed_identity: count(GrantType::ManagedIdentity),
        }
    }

    fn of(&self, grant: GrantType) -> &AtomicU64 {
        let [application, device, refresh, identity] = &self.0;
        match grant {
            GrantType::ClientCredentials => application,
            GrantType::DeviceCode => device,
            GrantType::RefreshToken => refresh,
            GrantType::ManagedIdentity => identity,
        }
    }
}
