//! The requested target of a token: the resource, and its permissions.

use super::error::EntraError;

const DEFAULT_SCOPE: &str = "/.default";

/// Scopes without a resource.
const OPEN_ID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The resource and the permissions in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// As written in the request, so with or without a trailing slash.
    pub(super) resource: String,
    /// `None` for all permissions with consent.
    pub(super) scopes: Option<Vec<String>>,
    /// Scopes without a resource, such as `offline_access`.
    pub(super) open_id: Vec<String>,
}

impl Target {
    /// Parses the `resource` of the first version's endpoint.
    pub(super) fn resource(resource: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            scopes: None,
            open_id: Vec::new(),
        }
    }

    /// Parses the `scope` of the second version's endpoint.
    ///
    /// # Errors
    ///
    /// [`EntraError::BadScope`] without a resource, with more than one, or if `.default` is
    /// combined with other permissions.
    pub(super) fn scope(scope: &str) -> Result<Self, EntraError> {
        let refuse = |why: &str| Err(EntraError::BadScope(format!("{why} in '{scope}'")));
        let mut resource: Option<&str> = None;
        let mut permissions = Vec::new();
        let mut open_id = Vec::new();
        for one in scope.split_whitespace() {
            if OPEN_ID.contains(&one) {
                open_id.push(one.to_owned());
                continue;
            }
            let Some((named, permission)) = one.rsplit_once('/') else {
                return refuse("a permission without a resource");
            };
            if named.is_empty() || permission.is_empty() {
                return refuse("a permission without a resource");
            }
            if resource.is_some_and(|known| known != named) {
                return refuse("more than one resource");
            }
            resource = Some(named);
            permissions.push(permission.to_owned());
        }
        let Some(resource) = resource else {
            return refuse("no resource");
        };
        let all = permissions.iter().any(|one| one == &DEFAULT_SCOPE[1..]);
        if all && permissions.len() > 1 {
            return refuse("'.default' beside other permissions");
        }
        Ok(Self {
            resource: resource.to_owned(),
            scopes: (!all).then_some(permissions),
            open_id,
        })
    }

    /// The resource without the trailing slash.
    pub(super) fn name(&self) -> &str {
        without_slash(&self.resource)
    }

    pub(super) fn wants(&self, open_id: &str) -> bool {
        self.open_id.iter().any(|one| one == open_id)
    }
}

/// Removes a trailing slash, which doesn't make it another resource.
pub(crate) fn without_slash(resource: &str) -> &str {
    resource.strip_suffix('/').unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Option<(String, Option<Vec<String>>)> {
        let target = Target::scope(text).ok()?;
        Some((target.resource, target.scopes))
    }

    #[test]
    fn the_resource_keeps_its_slash() {
        for (text, resource) in [
            ("https://api.test/.default", "https://api.test"),
            ("https://api.test//.default", "https://api.test/"),
            (
                "offline_access https://api.test/.default openid",
                "https://api.test",
            ),
        ] {
            assert_eq!(scope(text), Some((resource.to_owned(), None)), "{text}");
        }
    }

    #[test]
    fn permissions_are_distinguished() {
        let target = Target::scope("https://a.test/One https://a.test/Two openid");
        let Ok(target) = target else {
            panic!("refused")
        };
        assert_eq!(
            target.scopes,
            Some(vec!["One".to_owned(), "Two".to_owned()])
        );
        assert!(target.wants("openid") && !target.wants("offline_access"));
    }

    #[test]
    fn one_resource_and_no_less() {
        for text in [
            "",
            "openid",
            "Machine.Read",
            "/.default",
            "https://a.test/.default https://b.test/.default",
            "https://a.test/.default https://a.test/One",
        ] {
            assert_eq!(scope(text), None, "{text}");
        }
    }
}
