//! The names of the tenant.

use uuid::Uuid;

use super::error::EntraError;

/// The domain name of the only tenant.
pub(super) const DOMAIN: &str = "contoso.test";

/// How a request's path names the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    /// With its id or its domain name.
    Own,
    /// `common` or `organizations`: the tenant of the user.
    OfTheUser,
}

impl Tenant {
    /// Finds the tenant of a path. `consumers` has no work accounts, so it isn't found.
    pub(super) fn find(name: &str, id: Uuid) -> Result<Self, EntraError> {
        let shared = ["common", "organizations"];
        if Uuid::try_parse(name) == Ok(id) || name.eq_ignore_ascii_case(DOMAIN) {
            Ok(Self::Own)
        } else if shared
            .iter()
            .any(|shared| name.eq_ignore_ascii_case(shared))
        {
            Ok(Self::OfTheUser)
        } else {
            Err(EntraError::UnknownTenant(name.to_owned()))
        }
    }

    /// Requires an explicit tenant, for an application, which has no user who determines the
    /// tenant.
    pub(super) fn require_own(self) -> Result<(), EntraError> {
        match self {
            Self::Own => Ok(()),
            Self::OfTheUser => Err(EntraError::NoTenant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_an_id_and_a_domain() {
        let id = Uuid::from_u128(0xab);
        for (name, expected) in [
            (id.to_string().as_str(), Ok(Tenant::Own)),
            (&id.to_string().to_uppercase(), Ok(Tenant::Own)),
            ("Contoso.test", Ok(Tenant::Own)),
            ("common", Ok(Tenant::OfTheUser)),
            ("organizations", Ok(Tenant::OfTheUser)),
        ] {
            assert_eq!(Tenant::find(name, id), expected, "{name}");
        }
        let other = Uuid::from_u128(7).to_string();
        for name in [other.as_str(), "fabrikam.test", "consumers", ""] {
            assert_eq!(
                Tenant::find(name, id),
                Err(EntraError::UnknownTenant(name.to_owned()))
            );
        }
    }
}
