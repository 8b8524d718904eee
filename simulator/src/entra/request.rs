//! The claims of a token that a caller can choose.

use uuid::Uuid;

/// The claims of a token. `None` selects the value in the ready token.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TokenRequest {
    /// Application roles. If empty, the claim is omitted, as Entra ID does for an application
    /// without consent.
    pub roles: Option<Vec<String>>,
    /// Delegated permissions. They make it a user's token, which has no roles unless they are
    /// also set.
    pub scopes: Option<Vec<String>>,
    /// The user of a delegated token, which actions show as their `requestor`.
    pub user: Option<String>,
    /// The audience.
    pub audience: Option<String>,
    /// The tenant.
    pub tenant: Option<Uuid>,
    /// The client id.
    pub client_id: Option<Uuid>,
    /// The application's display name.
    pub app_name: Option<String>,
    /// The lifetime, in seconds from now; expired if negative.
    pub lifetime: Option<i64>,
    /// How the client proved its identity.
    pub(crate) proof: Option<Proof>,
}

/// How a client proved its identity: the `appidacr` of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Without a proof.
    Public,
    Secret,
    /// A certificate, or an assertion of another identity provider.
    Assertion,
}

impl Proof {
    pub(super) fn claim(self) -> &'static str {
        match self {
            Self::Public => "0",
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }
}

impl TokenRequest {
    /// Sets [`roles`](Self::roles).
    #[must_use]
    pub fn roles<const N: usize>(mut self, roles: [&str; N]) -> Self {
        self.roles = Some(roles.map(String::from).to_vec());
        self
    }

    /// Sets [`scopes`](Self::scopes).
    #[must_use]
    pub fn scopes<const N: usize>(mut self, scopes: [&str; N]) -> Self {
        self.scopes = Some(scopes.map(String::from).to_vec());
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets [`app_name`](Self::app_name).
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// Sets [`audience`](Self::audience).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets [`tenant`](Self::tenant).
    #[must_use]
    pub fn tenant(mut self, tenant: Uuid) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Sets [`client_id`](Self::client_id).
    #[must_use]
    pub fn client_id(mut self, client_id: Uuid) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = Some(seconds);
        self
    }
}
