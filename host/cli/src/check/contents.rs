//! What the token says of itself: advice, since nobody promises that it can be
//! read.

use uuid::Uuid;

use super::steps::{Report, words};
use crate::hint;
use offboard::{
    config::Config,
    identity::{TokenClaims, cloud::Service},
    output::CheckStep,
};

/// A token that was ready may be over already.
pub(super) fn held(claims: Option<&TokenClaims>) -> CheckStep {
    if claims.is_none() {
        return CheckStep::warning(
            "token",
            "there is one, and it is no JWT, as Entra ID's are",
            "Is it a token at all? A client secret is given by --client-secret-file.",
        );
    }
    match claims.and_then(TokenClaims::ended) {
        None => CheckStep::passed("token", "there is one"),
        Some(ago) => CheckStep::failed(
            "token",
            format!("there is one, and it ended {} ago", words(ago)),
            hint::ENDED,
        ),
    }
}

/// Its audience, its tenant, and what it permits.
pub(super) fn contents(
    config: &Config,
    service: &Service,
    claims: Option<&TokenClaims>,
    report: &mut Report,
) {
    let Some(claims) = claims else {
        for step in ["audience", "tenant", "roles", "reading"] {
            report.add(CheckStep::skipped(
                step,
                "the token cannot be read, which is no fault",
            ));
        }
        return;
    };
    report.add(audience(service, claims));
    report.add(tenant(config, claims));
    let held = claims.permissions();
    let words = match held.is_empty() {
        true => "none at all".to_owned(),
        false => held.join(", "),
    };
    report.add(match claims.may_offboard() {
        true if claims.may_tag() => CheckStep::passed("roles", words),
        true => CheckStep::passed(
            "roles",
            format!("{words}; --tag takes Machine.ReadWrite.All, too"),
        ),
        false => CheckStep::failed(
            "roles",
            format!("Machine.Offboard is not among them: {words}"),
            "Add the permission Machine.Offboard under WindowsDefenderATP to the app registration, \
             and have an administrator consent to it. A token that is there already does not change.",
        ),
    });
    if claims.is_delegated() {
        report.add(CheckStep::warning(
            "user",
            "the token is a user's",
            "Whether this user's role may offboard, and in which device groups, nobody tells \
             before: the role needs \"Manage security settings in Security Center\".",
        ));
    }
    report.add(match claims.may_read() {
        true => CheckStep::passed("reading", "machines can be looked up, and actions followed"),
        false => CheckStep::warning(
            "reading",
            "no permission to read",
            "Add Machine.Read.All: without it machines go by their ids alone, nothing is followed, \
             and a lost answer stays unknown.",
        ),
    });
}

fn audience(service: &Service, claims: &TokenClaims) -> CheckStep {
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    match claims.audience.as_deref() {
        None => CheckStep::skipped("audience", "the token names none"),
        Some(audience) if plain(audience) == plain(&service.resource) => {
            CheckStep::passed("audience", audience)
        }
        // An application's id stands for its resource in some tokens.
        Some(audience) if audience.parse::<Uuid>().is_ok() => {
            CheckStep::skipped("audience", format!("an application's id: {audience}"))
        }
        Some(audience) => CheckStep::failed(
            "audience",
            format!(
                "the token is for {audience}, and {} is wanted",
                service.resource
            ),
            "Ask for a token for the resource that `offboard config show` names: another one is \
             answered with 403, as if a permission were missing.",
        ),
    }
}

fn tenant(config: &Config, claims: &TokenClaims) -> CheckStep {
    if let Some((found, wanted)) = config.other_tenant(claims) {
        let reason = format!("the token is of {found}, and {wanted} is wanted");
        return CheckStep::failed("tenant", reason, hint::WRONG_TENANT);
    }
    let wanted = config.tenant().map(|tenant| &tenant.value);
    match (claims.tenant.as_deref(), wanted) {
        (None, _) => CheckStep::skipped("tenant", "the token names none"),
        (Some(found), Some(wanted)) if !wanted.eq_ignore_ascii_case(found) => CheckStep::skipped(
            "tenant",
            format!("{found}; whether that is {wanted}, the token does not tell"),
        ),
        (Some(found), _) => CheckStep::passed("tenant", found),
    }
}
