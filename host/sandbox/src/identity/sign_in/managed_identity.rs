//! The managed identity of the Azure resource that this process runs on. A local
//! endpoint issues the token: the one that App Service names in the environment, or the
//! metadata address of virtual machines.

use std::sync::Arc;

use azure_core::http::{ClientOptions, Url};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use super::transport::Allowed;
use crate::identity::sign_in_error::SignInError;

/// The managed identity to use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagedIdentity {
    /// The system-assigned identity of the resource.
    System,
    /// A user-assigned identity, by its client id.
    ClientId(String),
    /// A user-assigned identity, by its object id.
    ObjectId(String),
    /// A user-assigned identity, by its resource id.
    ResourceId(String),
}

/// The address of the metadata service of Azure's virtual machines.
pub(super) const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// The token endpoint of this machine.
pub(super) fn endpoint() -> Result<Allowed, SignInError> {
    let endpoint = std::env::var("IDENTITY_ENDPOINT");
    let endpoint = endpoint.unwrap_or_else(|_| METADATA.to_owned());
    let endpoint = Url::parse(&endpoint)
        .map_err(|_| SignInError::Setup("IDENTITY_ENDPOINT is not a URL".to_owned()))?;
    if std::env::var_os("IDENTITY_ENDPOINT").is_some()
        && std::env::var_os("IDENTITY_HEADER").is_none_or(|header| header.is_empty())
    {
        let reason = "IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not: App Service sets both";
        return Err(SignInError::Setup(reason.to_owned()));
    }
    Allowed::machine(&endpoint)
}

pub(super) fn credential(
    identity: &ManagedIdentity,
    client_options: ClientOptions,
) -> azure_core::Result<Arc<ManagedIdentityCredential>> {
    ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id: identity.user_assigned(),
        client_options,
    }))
}

impl ManagedIdentity {
    fn user_assigned(&self) -> Option<UserAssignedId> {
        match self {
            Self::System => None,
            Self::ClientId(id) => Some(UserAssignedId::ClientId(id.clone())),
            Self::ObjectId(id) => Some(UserAssignedId::ObjectId(id.clone())),
            Self::ResourceId(id) => Some(UserAssignedId::ResourceId(id.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use azure_core::credentials::TokenCredential;
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use offboard_simulator::{Config, Simulator};

    use super::{super::*, *};
    use crate::{
        connection::{Connection, Target},
        identity::Credential,
    };

    const SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";

    /// Returns the audience of the token for this identity. Only the connection to the
    /// metadata address is redirected to a simulator; the request is the real one.
    async fn signs_in(
        simulator: &Simulator,
        identity: ManagedIdentity,
    ) -> azure_core::Result<String> {
        let metadata: Url = METADATA.parse().unwrap();
        let here = simulator.api_root().parse().unwrap();
        let allowed = Allowed::leading(metadata, Target::machine(&here).unwrap());
        let api = simulator.api_root().parse().unwrap();
        let connection = Connection::new(api, None::<Credential>);
        let sign_in = SignIn::new(
            Method::ManagedIdentity(identity.clone()),
            "https://login.example.test".parse().unwrap(),
            "https://api.securitycenter.microsoft.com".to_owned(),
            &connection,
        );
        let credential = credential(&identity, sign_in.options(allowed)).unwrap();
        let token = credential.get_token(&[SCOPE], None).await?;
        let payload = token.token.secret().split('.').nth(1).unwrap();
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        Ok(claims["appid"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_virtual_machine_s_identities_sign_in_at_the_metadata_address() {
        let simulator = Simulator::start(Config::default()).await.unwrap();
        let [system, user] = simulator.managed_identities().clone();
        let own = signs_in(&simulator, ManagedIdentity::System).await.unwrap();
        assert_eq!(own, system.client_id.to_string());
        for identity in [
            ManagedIdentity::ClientId(user.client_id.to_string()),
            ManagedIdentity::ObjectId(user.object_id.to_string()),
            ManagedIdentity::ResourceId(user.resource_id.clone()),
        ] {
            let assigned = signs_in(&simulator, identity).await.unwrap();
            assert_eq!(assigned, user.client_id.to_string());
        }
        assert_eq!(simulator.issued_tokens().managed_identity, 4);
        let other = ManagedIdentity::ClientId("00000000-0000-0000-0000-000000000001".to_owned());
        let refused = failure::explain(signs_in(&simulator, other).await.unwrap_err());
        assert!(
            refused.to_string().contains("has not been assigned"),
            "{refused:?}"
        );
    }
}
