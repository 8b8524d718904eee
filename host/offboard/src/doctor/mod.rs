//! Checks step by step whether a connection can offboard, and reports why not. Nothing is
//! changed: the doctor signs in and reads one machine.

mod hosts;
mod reading;
mod steps;
mod token;

use std::{error::Error, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::steps::Obstacle;
use self::{steps::Steps, token::Seen};
use crate::{
    Keyword,
    advice::KnownToken,
    audit::AuditFile,
    client::{
        ConnectError, MissingToken, Observer, Recorder, Recording, check_files, component, network,
        sign_in, who,
    },
    component::Component,
    config::{Config, PluginSettings},
    connection::Connection,
    contract::{Problem, ProblemKind, with_sources},
    identity::{
        Credential, Token, TokenClaims,
        cloud::{Issuer, Service},
    },
    ledger::{Ledger, LedgerError, LedgerErrorKind},
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
    let claims = signed_in
        .as_ref()
        .ok()
        .and_then(|(_, token)| token.claims());
    let reader = match (plugin, audit) {
        (Some((_, sandbox)), Some(audit)) => {
            let sandbox = sandbox.audited(Arc::new(Recorder::new(Arc::clone(&observer), audit)));
            let who = who(config, &digest, service);
            Some(reading::reader(config, sandbox, connection, &who, &observer, stop).await)
        }
        _ => None,
    };
    let signed_in = SignedIn {
        result: signed_in,
        claims,
    };
    judge(
        config,
        service,
        signed_in,
        reader,
        is_reachable,
        report,
        &observer,
    )
    .await;
    report.add(CheckStep::skipped(
        "quota",
        format!(
            "{} for each application, tenant and API; the service does not report the remaining \
             quota",
            config.effective_quota()
        ),
    ));
}

/// The result of the first sign-in.
struct SignedIn {
    result: Result<(Credential, Token), MissingToken>,
    claims: Option<TokenClaims>,
}

/// Checks the token and the API's answer. `reader` reads with the plugin; `None` if the plugin or
/// the audit cannot be used.
async fn judge(
    config: &Config,
    service: &Service,
    signed_in: SignedIn,
    reader: Option<Result<Runner, LedgerError>>,
    is_reachable: bool,
    report: &mut Steps<'_>,
    observer: &Arc<dyn Observer>,
) {
    let SignedIn {
        result: signed_in,
        claims,
    } = signed_in;
    let (mut reader, unread) = match reader {
        Some(Ok(reader)) => (Some(reader), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let answered = match (&mut reader, &signed_in) {
        (Some(reader), Ok((credential, _))) => {
            reading::read_one(config, reader, credential, claims.as_ref()).await
        }
        _ => None,
    };
    let seen = Seen {
        is_reachable,
        is_accepted: matches!(answered, Some(Ok(_))),
    };
    let refused_sign_in = signed_in.err();
    match &refused_sign_in {
        None => {
            token::validity(claims.as_ref(), seen, report);
            token::contents(config, service, claims.as_ref(), seen, report);
        }
        Some(missing) => {
            let problem = &missing.problem;
            let hint = report.hint(&Finding::Problem(problem, missing.known_token()));
            let obstacle = Obstacle::Problem(class_of_problem(problem));
            report.fail(CheckStep::failed("token", words(problem), hint), obstacle);
        }
    }
    if let Some(error) = unread {
        let hint = report.hint(&Finding::NothingQueried);
        let step = CheckStep::failed("answer", error.to_string(), hint);
        report.fail(step, Obstacle::Problem(OutcomeClass::NotSent));
    }
    let Some(mut reader) = reader else {
        return;
    };
    if let Some(answered) = &answered {
        reading::answer(answered, claims.as_ref(), report);
    }
    let is_resource_doubtful = match (&refused_sign_in, &answered) {
        (Some(missing), _) => reading::may_be_resource(config, &missing.problem),
        // A missing permission explains a 403.
        (_, Some(Err(problem))) => {
            problem.kind == ProblemKind::Forbidden
                && claims.as_ref().is_none_or(TokenClaims::may_read)
        }
        _ => false,
    };
    if is_resource_doubtful {
        reading::other_resources(config, service, &mut reader, report, observer).await;
    }
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

/// A duration in whole seconds, as text.
fn whole_seconds(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
