//! The managed identities, and the endpoints that issue tokens to them.

use serde::Serialize;
use uuid::Uuid;

use super::object_id::object_id;

/// The path of a virtual machine's endpoint.
pub(crate) const VIRTUAL_MACHINE: &str = "/metadata/identity/oauth2/token";

/// The path of App Service's endpoint.
pub(crate) const APP_SERVICE: &str = "/msi/token";

/// The header with App Service's secret.
pub(crate) const IDENTITY_HEADER: &str = "x-identity-header";

/// A managed identity, with all its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManagedIdentity {
    /// Its client id.
    pub client_id: Uuid,
    /// The id of its service principal.
    pub object_id: Uuid,
    /// The Azure resource that it is, or belongs to.
    pub resource_id: String,
    /// Its display name, which actions show as their `requestor`.
    pub name: String,
}

impl ManagedIdentity {
    fn new(name: &str, resource: &str, tenant: Uuid) -> Self {
        let client_id = object_id(&format!("{name} of {tenant}"));
        let subscription = object_id(&format!("subscription of {tenant}"));
        Self {
            client_id,
            object_id: object_id(&client_id.to_string()),
            resource_id: format!(
                "/subscriptions/{subscription}/resourcegroups/offboard/providers/{resource}/{name}"
            ),
            name: name.to_owned(),
        }
    }

    /// The system-assigned and the user-assigned identity.
    pub(super) fn both(tenant: Uuid) -> [Self; 2] {
        [
            Self::new("offboard-vm", "Microsoft.Compute/virtualMachines", tenant),
            Self::new(
                "offboard-identity",
                "Microsoft.ManagedIdentity/userAssignedIdentities",
                tenant,
            ),
        ]
    }
}
