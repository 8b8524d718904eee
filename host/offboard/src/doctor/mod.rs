//! Checks step by step whether a connection can offboard, and reports why not. Nothing is
//! changed: the doctor signs in and reads one machine.

mod hosts;
mod steps;
mod token;

use std::{error::Error, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::steps::Obstacle;
use self::steps::Steps;
use crate::{
    Keyword,
    advice::KnownToken,
    audit::AuditFile,
    client::{
        ConnectError, Observer, Recorder, Recording, check_files, component, network, rate_limiter,
        sign_in, who,
    },
    component::Component,
    config::{Auth, Config, PluginSettings},
    connection::Connection,
    contract::{Problem, ProblemKind, with_sources},
    identity::{
        TokenClaims,
        cloud::{Issuer, Service},
    },
    ledger::{Ledger, LedgerError, LedgerErrorKind, Session},
    mask,
    output::{CheckStep, remarks::words},
    outputs::Files,
    problem::{OutcomeClass, class_of_problem},
    run::Runner,
    sandbox::{Sandbox, SandboxError},
};

/// A finding of a step that the user can act on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// A problem, with what is known about the token.
    Problem(&'a Problem, KnownToken<'a>),
    /// The token is not a JWT, as tokens of Entra ID are.
    TokenNotJwt,
    /// The token has expired.
    TokenExpired,
    /// The token is for another resource.
    WrongAudience,
    /// The token belongs to another tenant.
    WrongTenant,
    /// The token does not have the permission to offboard.
    NoPermissionToOffboard,
    /// The token does not have the permission to read machines.
    NoPermissionToRead,
    /// The token is delegated: the user's role also limits it.
    UserToken,
    /// A host cannot be reached.
    Unreachable,
    /// The clock of this computer is off by more than the services accept.
    ClockWrong,
    /// The clock of this computer is off.
    ClockLate,
    /// The plugin cannot be used.
    Plugin,
    /// The plugin does not have the pinned digest.
    OtherDigest,
    /// A limit is too low for the plugin.
    Limit,
    /// The ledger or the audit cannot be written.
    Records,
    /// The API lists no machine.
    NoMachines,
    /// The API was not queried.
    NothingQueried,
    /// Another resource of the cloud works.
    OtherResource(&'a str),
}

/// Receives the steps of a check.
pub trait Report: Send + Sync {
    /// A step has ended.
    fn add(&mut self, step: CheckStep);

    /// The front end's advice on a finding.
    fn hint(&self, finding: &Finding<'_>) -> String;
}

/// Checks a connection. Each step is reported when it has ended; steps that depend on a failed
/// step are skipped. `observer` receives what a user may have to act on. Returns what prevents
/// an offboarding: one obstacle for each step that failed.
///
/// # Errors
/// The settings are inconsistent, so that nothing can be checked.
pub async fn check(
    config: &Config,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
    report: &mut dyn Report,
) -> Result<Vec<Obstacle>, ConnectError> {
    let service = config.service()?;
    let connection = network(config, &service, &*observer)?;
    let mut steps = Steps::new(report);
    steps.add(configuration(config, &service));
    walk(config, &service, connection, observer, stop, &mut steps).await;
    Ok(steps.end())
}

/// Runs each step that the results of the earlier ones permit.
async fn walk(
    config: &Config,
    service: &Service,
    connection: Connection,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
    report: &mut Steps<'_>,
) {
    let plugin = plugin(config.plugin_settings(), &connection, report, &observer).await;
    let digest = plugin.as_ref().map(|(component, _)| component.digest());
    let digest = digest.map_or_else(String::new, |digest| digest.as_str().to_owned());
    let audit = records(config, &digest, report).await;
    let is_reachable = hosts::network(config, service, &connection, report).await;
    let signed_in = sign_in(config, service, &connection, &observer).await;
    let claims = match &signed_in {
        Ok((_, token)) => {
            let claims = token.claims();
            token::validity(claims.as_ref(), report);
            token::contents(config, service, claims.as_ref(), is_reachable, report);
            claims
        }
        Err(problem) => {
            let hint = report.hint(&Finding::Problem(problem, KnownToken::NotAtHand));
            let obstacle = Obstacle::Problem(class_of_problem(problem));
            report.fail(CheckStep::failed("token", words(problem), hint), obstacle);
            None
        }
    };
    let (Some((_, sandbox)), Some(audit)) = (plugin, audit) else {
        return;
    };
    let sandbox = sandbox.audited(Arc::new(Recorder::new(Arc::clone(&observer), audit)));
    let who = who(config, &digest, service);
    // In memory: the few calls need not be counted for other processes, and nothing is left
    // behind.
    let session = async {
        let ledger = Ledger::in_memory().await?;
        Session::begin(&ledger, &who, "check").await
    };
    let session = match session.await {
        Ok(session) => Arc::new(session),
        Err(error) => {
            let hint = report.hint(&Finding::NothingQueried);
            let step = CheckStep::failed("answer", error.to_string(), hint);
            report.fail(step, Obstacle::Problem(OutcomeClass::NotSent));
            return;
        }
    };
    let limiter = rate_limiter(config, Arc::clone(&session), &observer);
    let mut runner = Runner::new(sandbox, connection, limiter, session, stop);
    let is_other = claims
        .as_ref()
        .is_some_and(|claims| config.other_tenant(claims).is_some());
    let wrong_resource = match signed_in {
        // With a token of another tenant, nothing is queried.
        Ok(_) if is_other => false,
        Ok((credential, _)) => {
            runner.connection.credential = Some(credential);
            answer(&runner, claims.as_ref(), report).await
        }
        Err(problem) => problem.kind == ProblemKind::NoCredential,
    };
    if wrong_resource {
        other_resources(config, service, &mut runner, report, &observer).await;
    }
    report.add(CheckStep::skipped(
        "quota",
        format!(
            "{} for each application, tenant and API; the service does not report the remaining \
             quota",
            config.effective_quota()
        ),
    ));
}

/// The settings, which are consistent.
fn configuration(config: &Config, service: &Service) -> CheckStep {
    let auth = config.chosen_auth().map_or_else(
        || "no credential".to_owned(),
        |auth| format!("{} ({})", auth.value.name(), auth.source),
    );
    let at = match config.issuer() {
        Issuer::Authority => format!(" at {}", service.authority.authority()),
        Issuer::Azure | Issuer::Unknown => String::new(),
    };
    let reason = format!(
        "API {}, resource {}, sign-in with {auth}{at}",
        service.api_root, service.resource
    );
    let overridden = config.overridden();
    if overridden.is_empty() {
        CheckStep::passed("configuration", reason)
    } else {
        let hint = format!("{}.", overridden.join("; "));
        CheckStep::warning("configuration", reason, hint)
    }
}

/// Checks that the ledger and the audit can be written. Returns the audit for the reads that
/// follow; `None` if it cannot be written.
async fn records(
    config: &Config,
    digest: &str,
    report: &mut Steps<'_>,
) -> Option<Option<AuditFile>> {
    let open = async {
        let nowhere = || LedgerError::nowhere(LedgerErrorKind::NoHome);
        let ledger = config.ledger_path().ok_or_else(nowhere)?;
        check_files(config, Files::default(), Recording::Ledger)?;
        let file = config.audit();
        let audit = file.map(|file| AuditFile::open(&file.value.0, Uuid::new_v4(), digest));
        let audit = audit.transpose()?;
        Ledger::probe(&ledger).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((ledger, audit))
    };
    match open.await {
        Ok((ledger, audit)) => {
            let reason = match config.audit() {
                Some(file) => format!(
                    "the ledger {} and the audit {} can be written",
                    mask::path(&ledger),
                    mask::path(&file.value.0)
                ),
                None => format!(
                    "the ledger {} can be written; no audit file is configured",
                    mask::path(&ledger)
                ),
            };
            report.add(CheckStep::passed("records", reason));
            Some(audit)
        }
        Err(error) => {
            let hint = report.hint(&Finding::Records);
            let step = CheckStep::failed("records", with_sources(&*error), hint);
            let obstacle = if error.is::<LedgerError>() {
                Obstacle::Problem(OutcomeClass::NotSent)
            } else {
                Obstacle::Settings
            };
            report.fail(step, obstacle);
            None
        }
    }
}

async fn plugin(
    settings: &PluginSettings,
    connection: &Connection,
    report: &mut Steps<'_>,
    observer: &Arc<dyn Observer>,
) -> Option<(Component, Sandbox)> {
    let (plugin, watching) = (settings.clone(), Arc::clone(observer));
    let load = async {
        let component = spawn_blocking(move || component(&plugin, &*watching)).await??;
        let sandbox = Sandbox::new(&component, settings.limits.clone())?;
        sandbox.start(connection).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((component, sandbox))
    };
    match load.await {
        Ok((component, sandbox)) => {
            let pinned = if settings.sha256.is_some() {
                "pinned"
            } else {
                "not pinned"
            };
            report.add(CheckStep::passed(
                "plugin",
                format!("{}, {pinned}", component.digest()),
            ));
            Some((component, sandbox))
        }
        Err(error) => {
            let finding = match (error.downcast_ref(), error.downcast_ref()) {
                (Some(error), _) if ConnectError::is_other_digest(error) => Finding::OtherDigest,
                (_, Some(SandboxError::Start(_))) => Finding::Limit,
                _ => Finding::Plugin,
            };
            let hint = report.hint(&finding);
            let step = CheckStep::failed("plugin", with_sources(&*error), hint);
            report.fail(step, Obstacle::Settings);
            None
        }
    }
}

/// The API's answer to a read of one machine, and whether the resource may be the wrong one.
async fn answer(runner: &Runner, claims: Option<&TokenClaims>, report: &mut Steps<'_>) -> bool {
    let answered = runner.one_machine().await;
    let is_forbidden = matches!(&answered, Err(problem) if problem.kind == ProblemKind::Forbidden);
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
        Err(problem) => refused(&problem, claims, report),
    }
    is_forbidden
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

/// Tries other resources of a government cloud, because sources disagree about the right one.
async fn other_resources(
    config: &Config,
    service: &Service,
    runner: &mut Runner,
    report: &mut Steps<'_>,
    observer: &Arc<dyn Observer>,
) {
    let Some(cloud) = config.cloud().map(|cloud| cloud.value) else {
        return;
    };
    let auth = config.chosen_auth().map(|auth| auth.value);
    // A given token has a fixed resource, and a user must not have to enter three device
    // codes.
    let fixed = config.issuer() == Issuer::Unknown || auth == Some(Auth::DeviceCode);
    if config.resource().is_some() || fixed {
        return;
    }
    for resource in cloud.resources().into_iter().skip(1) {
        let mut other = service.clone();
        other.resource = resource;
        let signed_in = sign_in(config, &other, &runner.connection, observer).await;
        let tried = match signed_in {
            Ok((credential, _)) => {
                runner.connection.credential = Some(credential);
                runner.one_machine().await.map(|_| ())
            }
            Err(problem) => Err(problem),
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

/// A duration in whole seconds, as text.
fn whole_seconds(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
