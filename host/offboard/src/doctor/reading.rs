//! Reads one machine with the plugin, and finds the resource whose tokens the API accepts.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Finding, Obstacle, Steps};
use crate::{
    Keyword,
    advice::KnownToken,
    client::{Observer, rate_limiter, sign_in},
    config::{Auth, Config},
    connection::Connection,
    contract::{Problem, ProblemKind},
    identity::{
        Credential, EntraErrorClass, TokenClaims,
        cloud::{Cloud, Issuer, Service},
    },
    ledger::{Ledger, LedgerError, Session, SessionInfo},
    output::{CheckStep, remarks::words},
    problem::{OutcomeClass, class_of_problem},
    run::Runner,
    sandbox::Sandbox,
};

/// Reads one machine. The answer comes before the claims are checked: a token that the API
/// accepts is not at fault, whatever its claims are. With a token of another tenant, nothing is
/// queried.
pub(super) async fn read_one(
    config: &Config,
    reader: &mut Runner,
    credential: &Credential,
    claims: Option<&TokenClaims>,
) -> Option<Result<bool, Problem>> {
    if claims.is_some_and(|claims| config.other_tenant(claims).is_some()) {
        return None;
    }
    reader.connection.credential = Some(credential.clone());
    Some(reader.one_machine().await)
}

/// What reads one machine with the plugin.
///
/// # Errors
/// The session in memory cannot be created.
pub(super) async fn reader(
    config: &Config,
    sandbox: Sandbox,
    connection: Connection,
    who: &SessionInfo,
    observer: &Arc<dyn Observer>,
    stop: CancellationToken,
) -> Result<Runner, LedgerError> {
    // In memory: the few calls need not be counted for other processes, and nothing is left
    // behind.
    let ledger = Ledger::in_memory().await?;
    let session = Arc::new(Session::begin(&ledger, who, "check").await?);
    let limiter = rate_limiter(config, Arc::clone(&session), observer);
    Ok(Runner::new(sandbox, connection, limiter, session, stop))
}

/// Whether a sign-in may have failed because the tenant does not have the resource. After any
/// other failure, more sign-ins would only fail, too, and count against the account.
pub(super) fn may_be_resource(config: &Config, problem: &Problem) -> bool {
    let code = problem.code.as_deref();
    let code = code.and_then(|code| code.strip_prefix("AADSTS")?.parse().ok());
    match code {
        Some(code) => EntraErrorClass::of(code) == Some(EntraErrorClass::Resource),
        // The endpoint of managed identities does not report a code.
        None => {
            let auth = config.chosen_auth().map(|auth| auth.value);
            problem.kind == ProblemKind::NoCredential && auth == Some(Auth::ManagedIdentity)
        }
    }
}

/// The API's answer to a read of one machine.
pub(super) fn answer(
    answered: &Result<bool, Problem>,
    claims: Option<&TokenClaims>,
    report: &mut Steps<'_>,
) {
    match answered {
        Ok(true) => report.add(CheckStep::passed(
            "answer",
            "the API answers and lists machines",
        )),
        Ok(false) => report.add(CheckStep::warning(
            "answer",
            "the API answers but lists no machines",
            report.hint(&Finding::NoMachines),
        )),
        Err(problem) => refused(problem, claims, report),
    }
}

fn refused(problem: &Problem, claims: Option<&TokenClaims>, report: &mut Steps<'_>) {
    let hint = report.hint(&Finding::Problem(problem, KnownToken::at_hand(claims)));
    let words = words(problem);
    let may_read = claims.is_none_or(TokenClaims::may_read);
    let is_warning = match problem.kind {
        // This does not show whether offboarding is permitted.
        ProblemKind::Forbidden => !may_read,
        ProblemKind::Throttled => true,
        _ => false,
    };
    if is_warning {
        report.add(CheckStep::warning("answer", words, hint));
    } else {
        // Without an answer that it can read, a run sends nothing.
        let class = match class_of_problem(problem) {
            OutcomeClass::Credential => OutcomeClass::Credential,
            _ => OutcomeClass::NotSent,
        };
        let step = CheckStep::failed("answer", words, hint);
        report.fail(step, Obstacle::Problem(class));
    }
}

/// Tries the other resources of the cloud, because sources disagree about the right one.
pub(super) async fn other_resources(
    config: &Config,
    service: &Service,
    runner: &mut Runner,
    report: &mut Steps<'_>,
    observer: &Arc<dyn Observer>,
) {
    let configured = config.cloud().map(|cloud| cloud.value);
    let of_service = || {
        let mut clouds = Cloud::ALL.iter().copied();
        clouds.find(|cloud| cloud.resource() == service.resource)
    };
    // A resource that the user chose may belong to no cloud.
    let cloud = configured.or_else(of_service).unwrap_or(Cloud::Commercial);
    let auth = config.chosen_auth().map(|auth| auth.value);
    // A given token has a fixed resource, and a user must not have to enter three device
    // codes.
    let fixed = config.issuer() == Issuer::Unknown || auth == Some(Auth::DeviceCode);
    if fixed {
        return;
    }
    let resources = cloud.resources().into_iter();
    for resource in resources.filter(|resource| *resource != service.resource) {
        let mut other = service.clone();
        other.resource = resource;
        let signed_in = sign_in(config, &other, &runner.connection, observer).await;
        let tried = match signed_in {
            Ok((credential, _)) => {
                runner.connection.credential = Some(credential);
                runner.one_machine().await.map(|_| ())
            }
            Err(missing) => Err(missing.problem),
        };
        let resource = &other.resource;
        let step = match tried {
            Ok(()) => CheckStep::warning(
                "resource",
                format!("{resource} works"),
                report.hint(&Finding::OtherResource(resource)),
            ),
            Err(problem) => CheckStep::skipped(
                "resource",
                format!("{resource} does not work either: {}", words(&problem)),
            ),
        };
        report.add(step);
    }
}
