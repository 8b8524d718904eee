//! The names of the service as a resource.

use super::target::without_slash;
use crate::config::COMMERCIAL_RESOURCE;

/// The other names of [`COMMERCIAL_RESOURCE`], each seen in clients that work with the service:
/// the first name of its host, the application id URI, the application id, and the regional
/// hosts. The regional hosts of `api.security.microsoft.com` are not among them, because
/// that name is the resource of another API.
const COMMERCIAL_ALIASES: [&str; 9] = [
    "https://api.securitycenter.windows.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
    "fc780465-2017-40d4-a0c5-307022471b92",
    "https://api-us.securitycenter.microsoft.com",
    "https://api-eu.securitycenter.microsoft.com",
    "https://api-uk.securitycenter.microsoft.com",
    "https://api-us.securitycenter.windows.com",
    "https://api-eu.securitycenter.windows.com",
    "https://api-uk.securitycenter.windows.com",
];

/// Whether a resource, or another name of it, is among the accepted ones. A trailing slash
/// does not make it another resource.
pub(super) fn is_accepted(accepted: &[String], resource: &str) -> bool {
    let is_listed = |name: &str| {
        let mut accepted = accepted.iter();
        accepted.any(|accepted| without_slash(accepted) == name)
    };
    let name = without_slash(resource);
    is_listed(name) || (COMMERCIAL_ALIASES.contains(&name) && is_listed(COMMERCIAL_RESOURCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_cloud_are_accepted_with_its_resource() {
        let commercial = [COMMERCIAL_RESOURCE.to_owned()];
        let government = ["https://api-gov.securitycenter.microsoft.us/".to_owned()];
        for name in COMMERCIAL_ALIASES {
            for name in [name.to_owned(), format!("{name}/")] {
                assert!(is_accepted(&commercial, &name), "{name}");
                assert!(!is_accepted(&government, &name), "{name}");
            }
        }
        assert!(is_accepted(
            &government,
            "https://api-gov.securitycenter.microsoft.us"
        ));
        for name in [
            "https://api.security.microsoft.com",
            "https://eu.api.security.microsoft.com",
            "https://api.securitycenter.microsoft.com//",
            "fc780465-2017-40d4-a0c5-307022471b93",
            "",
        ] {
            assert!(!is_accepted(&commercial, name), "{name}");
        }
    }
}
