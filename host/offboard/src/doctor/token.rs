//! Checks the token's claims. Microsoft does not promise that a client can read them, so an
//! unreadable token is not a failure.

use uuid::Uuid;

use super::{Finding, Obstacle, Steps, whole_seconds};
use crate::{
    config::Config,
    identity::{TokenClaims, cloud::Service},
    output::{CheckStatus, CheckStep},
    problem::OutcomeClass,
};

/// What the API showed before the claims are checked.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Whether the API can be reached.
    pub(super) is_reachable: bool,
    /// Whether the API answered a read with this token.
    pub(super) is_accepted: bool,
}

/// Checks whether a given token has expired.
pub(super) fn validity(claims: Option<&TokenClaims>, seen: Seen, report: &mut Steps<'_>) {
    let step = age(claims, seen.is_accepted, report);
    add(step, report);
}

/// Adds a step about the token. If it failed, the credential is the obstacle.
fn add(step: CheckStep, report: &mut Steps<'_>) {
    if step.status == CheckStatus::Failed {
        report.fail(step, Obstacle::Problem(OutcomeClass::Credential));
    } else {
        report.add(step);
    }
}

fn age(claims: Option<&TokenClaims>, is_accepted: bool, report: &Steps<'_>) -> CheckStep {
    if claims.is_none() && is_accepted {
        return CheckStep::passed("token", "present, not a JWT; the API accepts it");
    }
    if claims.is_none() {
        return CheckStep::warning(
            "token",
            "present, but not a JWT; tokens of Entra ID are JWTs",
            report.hint(&Finding::TokenNotJwt),
        );
    }
    match claims.and_then(TokenClaims::ended) {
        None => CheckStep::passed("token", "present"),
        Some(ago) if is_accepted => CheckStep::warning(
            "token",
            format!(
                "present; by this computer's clock, it expired {} ago, but the API accepts it",
                whole_seconds(ago)
            ),
            report.hint(&Finding::ClockWrong),
        ),
        Some(ago) => CheckStep::failed(
            "token",
            format!("present, but it expired {} ago", whole_seconds(ago)),
            report.hint(&Finding::TokenExpired),
        ),
    }
}

/// Checks the audience, the tenant and the permissions.
pub(super) fn contents(
    config: &Config,
    service: &Service,
    claims: Option<&TokenClaims>,
    seen: Seen,
    report: &mut Steps<'_>,
) {
    let Some(claims) = claims else {
        for step in ["audience", "tenant", "roles", "reading"] {
            report.add(CheckStep::skipped(
                step,
                "the claims of the token cannot be read; this is not an error",
            ));
        }
        return;
    };
    let step = audience(service, claims, seen.is_accepted, report);
    add(step, report);
    let step = tenant(config, claims, report);
    add(step, report);
    let held = claims.permissions();
    let words = if held.is_empty() {
        "no permissions".to_owned()
    } else {
        held.join(", ")
    };
    let step = if !claims.may_offboard() {
        CheckStep::failed(
            "roles",
            format!("Machine.Offboard is missing: {words}"),
            report.hint(&Finding::NoPermissionToOffboard),
        )
    } else if claims.may_tag() {
        CheckStep::passed("roles", words)
    } else {
        CheckStep::passed(
            "roles",
            format!("{words}; a tag also needs Machine.ReadWrite.All"),
        )
    };
    add(step, report);
    if claims.is_delegated() {
        let hint = report.hint(&Finding::UserToken);
        report.add(CheckStep::warning(
            "user",
            "the token belongs to a user",
            hint,
        ));
    }
    report.add(reading(claims, seen, report));
}

/// Whether the token permits reading. A token with the permission that cannot be used proves
/// nothing.
fn reading(claims: &TokenClaims, seen: Seen, report: &Steps<'_>) -> CheckStep {
    let can_read = || {
        CheckStep::passed(
            "reading",
            "machines can be found, and actions can be tracked",
        )
    };
    if seen.is_accepted {
        return can_read();
    }
    if !claims.may_read() {
        let hint = report.hint(&Finding::NoPermissionToRead);
        return CheckStep::warning("reading", "no permission to read", hint);
    }
    if claims.ended().is_some() {
        return CheckStep::skipped("reading", "not checked: the token has expired");
    }
    if !seen.is_reachable {
        return CheckStep::skipped("reading", "not checked: the API cannot be reached");
    }
    can_read()
}

fn audience(
    service: &Service,
    claims: &TokenClaims,
    is_accepted: bool,
    report: &Steps<'_>,
) -> CheckStep {
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    match claims.audience.as_deref() {
        None => CheckStep::skipped("audience", "the token has no audience"),
        Some(audience) if plain(audience) == plain(&service.resource) => {
            CheckStep::passed("audience", audience)
        }
        Some(audience) if is_accepted => {
            CheckStep::passed("audience", format!("{audience}; the API accepts it"))
        }
        // Some tokens have the application id of their resource as the audience.
        Some(audience) if audience.parse::<Uuid>().is_ok() => CheckStep::skipped(
            "audience",
            format!("the audience is an application id: {audience}"),
        ),
        Some(audience) => CheckStep::failed(
            "audience",
            format!(
                "the token is for {audience}, but {} is required",
                service.resource
            ),
            report.hint(&Finding::WrongAudience),
        ),
    }
}

fn tenant(config: &Config, claims: &TokenClaims, report: &Steps<'_>) -> CheckStep {
    if let Some((found, required)) = config.other_tenant(claims) {
        let reason = format!("the token belongs to {found}, but {required} is required");
        return CheckStep::failed("tenant", reason, report.hint(&Finding::WrongTenant));
    }
    let required = config.tenant().map(|tenant| &tenant.value);
    match (claims.tenant.as_deref(), required) {
        (None, _) => CheckStep::skipped("tenant", "the token has no tenant"),
        (Some(found), Some(required)) if !required.eq_ignore_ascii_case(found) => {
            CheckStep::skipped(
                "tenant",
                format!("{found}; it cannot be checked whether this is {required}"),
            )
        }
        (Some(found), _) => CheckStep::passed("tenant", found),
    }
}
