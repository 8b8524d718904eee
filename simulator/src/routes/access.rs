//! Access to the API: permissions and quotas.

use std::sync::PoisonError;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;

use crate::api::Api;
use crate::config::UserRole;
use crate::entra::{Caller, Permissions, TokenError};
use crate::error::ServiceError;
use crate::machine::Machine;
use crate::service::Service;

impl Service {
    /// Admits a call, or returns the refusal. Unsourced: that calls without the permission
    /// count towards the quota, and those without a valid token don't.
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        api: Api,
        now: Timestamp,
    ) -> Result<Caller, ServiceError> {
        let caller =
            self.entra
                .tokens
                .verify(bearer(headers)?, now)
                .map_err(|error| match error {
                    // Not 401: the documentation is explicit about this case.
                    TokenError::Audience(_) => ServiceError::forbidden(sentence(&error)),
                    _ => ServiceError::unauthorized(sentence(&error)),
                })?;
        let key = (caller.client_id.clone(), caller.tenant.clone(), api);
        let admitted = self
            .meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(key, now);
        admitted.map_err(ServiceError::too_many_requests)?;
        permitted(&caller.permissions, api)?;
        if api.acts()
            && matches!(caller.permissions, Permissions::Delegated(_))
            && self.config.user_role == UserRole::None
        {
            // Text unsourced.
            return Err(ServiceError::forbidden(format!(
                "User {} doesn't have the role for this action.",
                caller.name
            )));
        }
        Ok(caller)
    }

    /// Whether a caller can see a machine: a user sees those of certain device groups.
    /// Unsourced: that all others seem not to exist, except in lists, for which Microsoft's
    /// API documentation says so; and that applications see all.
    pub(super) fn sees(&self, caller: &Caller, machine: &Machine) -> bool {
        match (&caller.permissions, &self.config.user_groups) {
            (Permissions::Delegated(_), Some(groups)) => machine
                .rbac_group_name
                .as_ref()
                .is_some_and(|group| groups.contains(group)),
            _ => true,
        }
    }

    /// Whether a caller can see the actions of a machine.
    pub(super) fn sees_id(&self, caller: &Caller, machine: &str) -> bool {
        let device = self.state.fleet.by_id(machine);
        device.is_none_or(|device| self.sees(caller, &device.machine))
    }
}

fn sentence(error: &TokenError) -> String {
    format!("Access denied: {error}.")
}

fn bearer(headers: &HeaderMap) -> Result<&str, ServiceError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ServiceError::unauthorized(
            "One Authorization header is required.",
        ));
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim()),
        _ => Err(ServiceError::unauthorized(
            "The Authorization header must be 'Bearer' and a token.",
        )),
    }
}

/// The text for applications is the service's as observed in 2026; the one for
/// users is unsourced.
fn permitted(permissions: &Permissions, api: Api) -> Result<(), ServiceError> {
    let (held, needed, text) = match permissions {
        Permissions::Application(held) => (
            held,
            api.roles(),
            [
                "Missing application roles. API required roles",
                "application roles",
            ],
        ),
        Permissions::Delegated(held) => (
            held,
            api.scopes(),
            [
                "Missing user permissions. API required permissions",
                "user permissions",
            ],
        ),
    };
    if held.iter().any(|held| needed.contains(&held.as_str())) {
        return Ok(());
    }
    let [required, holds] = text;
    Err(ServiceError::forbidden(format!(
        "{required}: {}, {holds}: {}.",
        needed.join(","),
        held.join(",")
    )))
}
