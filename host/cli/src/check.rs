//! `offboard check`: step by step, whether this connection can offboard, and
//! why not. It changes nothing: it signs in, and reads one machine.

mod contents;
mod hosts;
mod steps;

use std::sync::Arc;

use anyhow::Result;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    args::{CheckArgs, ConnectArgs, Format, explain},
    exit::Exit,
    hint,
    observer::Terminal,
    report,
    screen::Screen,
    signal::Signals,
};
use contents::{contents, held};
use hosts::network;
use offboard::{
    Keyword,
    audit::AuditFile,
    client::{
        self, Observer, Recorder, Recording, check_files, component, rate_limiter, sign_in, who,
    },
    component::Component,
    config::{Auth, Config, PluginSettings, Secrets},
    connection::Connection,
    contract::{Problem, ProblemKind},
    identity::{
        TokenClaims,
        cloud::{Issuer, Service},
    },
    ledger::{Ledger, LedgerError, LedgerErrorKind, Session},
    mask,
    output::{CheckStatus, CheckStep},
    outputs::Files,
    run::Runner,
    sandbox::Sandbox,
};
use steps::Report;

pub(super) async fn check(args: CheckArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let mut report = Report::new(*screen, args.output.output == Format::Table);
    let stopped = tokio::select! {
        () = walk(&args, secrets, &mut report, &signals, screen) => false,
        () = signals.stopping() => true,
    };
    let steps = report.into_steps();
    if args.output.output != Format::Table {
        report::data(screen, args.output.output, &steps);
    }
    Ok(
        match steps.iter().any(|step| step.status == CheckStatus::Failed) {
            _ if stopped => Exit::Interrupted,
            true => Exit::Credential,
            false => Exit::Done,
        },
    )
}

/// Each step that the ones before it allow.
async fn walk(
    args: &CheckArgs,
    secrets: Secrets,
    report: &mut Report,
    signals: &Signals,
    screen: &Screen,
) {
    let Some((config, service, connection)) = configuration(&args.connect, secrets, report) else {
        return;
    };
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(*screen));
    let plugin = plugin(config.plugin_settings(), report, &observer).await;
    let digest = plugin.as_ref().map(|(component, _)| component.digest());
    let digest = digest.map_or_else(String::new, |digest| digest.as_str().to_owned());
    let audit = records(&config, &digest, report).await;
    network(&config, &service, &connection, report).await;
    let signed_in = sign_in(&config, &service, &connection, &observer).await;
    let claims = match &signed_in {
        Ok((_, token)) => {
            let claims = token.claims();
            report.add(held(claims.as_ref()));
            contents(&config, &service, claims.as_ref(), report);
            claims
        }
        Err(problem) => {
            let advice = hint::hint(problem, None);
            report.add(CheckStep::failed("token", report::words(problem), advice));
            None
        }
    };
    let (Some((_, sandbox)), Some(audit)) = (plugin, audit) else {
        return;
    };
    let sandbox = sandbox.audited(Arc::new(Recorder::new(Arc::clone(&observer), audit)));
    let who = who(&config, &digest, &service);
    // Its few calls are nobody's else to count: nothing is left behind.
    let session = async {
        let ledger = Ledger::in_memory().await?;
        Session::begin(&ledger, &who, "check").await
    };
    let session = match session.await {
        Ok(session) => Arc::new(session),
        Err(error) => {
            report.add(CheckStep::failed(
                "answer",
                error.to_string(),
                "Nothing was asked.",
            ));
            return;
        }
    };
    let limiter = rate_limiter(&config, Arc::clone(&session), &observer);
    let mut runner = Runner::new(sandbox, connection, limiter, session, signals.stop.clone());
    let is_other = claims
        .as_ref()
        .is_some_and(|claims| config.other_tenant(claims).is_some());
    let wrong_resource = match signed_in {
        // With a token of another tenant nothing is asked.
        Ok(_) if is_other => false,
        Ok((credential, _)) => {
            runner.connection.credential = Some(credential);
            answer(&runner, claims.as_ref(), report).await
        }
        Err(problem) => problem.kind == ProblemKind::NoCredential,
    };
    if wrong_resource {
        other_resources(&config, &service, &mut runner, report, &observer).await;
    }
    report.add(CheckStep::skipped(
        "quota",
        format!(
            "{}, for each application, tenant and API; what is left of it the service does not tell",
            config.effective_quota()
        ),
    ));
}

fn configuration(
    args: &ConnectArgs,
    secrets: Secrets,
    report: &mut Report,
) -> Option<(Config, Service, Connection)> {
    let found = args.config(secrets).and_then(|config| {
        let service = config.service().map_err(explain)?;
        let connection = client::network(&config, &service)?;
        Ok((config, service, connection))
    });
    match found {
        Ok(found) => {
            let (config, service, _) = &found;
            let auth = config.chosen_auth().map_or_else(
                || "nothing".to_owned(),
                |auth| format!("{} ({})", auth.value.name(), auth.source),
            );
            let at = match config.issuer() {
                Issuer::Authority => format!(" at {}", service.authority.authority()),
                Issuer::Azure | Issuer::Unknown => String::new(),
            };
            let reason = format!(
                "{}, for {}, signing in with {auth}{at}",
                service.api_root, service.resource
            );
            let overridden = config.overridden();
            report.add(match overridden.is_empty() {
                true => CheckStep::passed("configuration", reason),
                false => CheckStep::warning(
                    "configuration",
                    reason,
                    format!("{}.", overridden.join("; ")),
                ),
            });
            Some(found)
        }
        Err(error) => {
            let hint = "docs/connect.md has each setting and its form; `offboard config show` tells \
                where each comes from, unless the file itself is at fault.";
            report.add(CheckStep::failed(
                "configuration",
                format!("{error:#}"),
                hint,
            ));
            None
        }
    }
}

/// The ledger and the audit: whether they can be written. What is read here goes
/// into the audit, too; none where it cannot.
async fn records(config: &Config, digest: &str, report: &mut Report) -> Option<Option<AuditFile>> {
    let open = async {
        let nowhere = || LedgerError::nowhere(LedgerErrorKind::NoHome);
        let ledger = config.ledger_path().ok_or_else(nowhere)?;
        check_files(config, Files::default(), Recording::Ledger)?;
        let file = config.audit();
        let audit = file.map(|file| AuditFile::open(&file.value.0, Uuid::new_v4(), digest));
        let audit = audit.transpose()?;
        Ledger::probe(&ledger).await?;
        anyhow::Ok((ledger, audit))
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
                    "the ledger {} can be written; no audit was asked for",
                    mask::path(&ledger)
                ),
            };
            report.add(CheckStep::passed("records", reason));
            Some(audit)
        }
        Err(error) => {
            let hint = "Nothing is sent that cannot be put on record: make room, or name other \
                files with --ledger and --audit.";
            report.add(CheckStep::failed("records", format!("{error:#}"), hint));
            None
        }
    }
}

async fn plugin(
    settings: &PluginSettings,
    report: &mut Report,
    observer: &Arc<dyn Observer>,
) -> Option<(Component, Sandbox)> {
    let (plugin, watching) = (settings.clone(), Arc::clone(observer));
    let load = async {
        let component = spawn_blocking(move || component(&plugin, &*watching)).await??;
        let sandbox = Sandbox::new(&component, settings.limits.clone())?;
        anyhow::Ok((component, sandbox))
    };
    match load.await {
        Ok((component, sandbox)) => {
            let pinned = match settings.sha256 {
                Some(_) => "as pinned",
                None => "not pinned",
            };
            report.add(CheckStep::passed(
                "plugin",
                format!("{}, {pinned}", component.digest()),
            ));
            Some((component, sandbox))
        }
        Err(error) => {
            let hint =
                "Look at it with `offboard inspect`; without --plugin, the built-in one runs.";
            report.add(CheckStep::failed("plugin", format!("{error:#}"), hint));
            None
        }
    }
}

/// What the API answers to a read of one machine; and whether the resource may
/// be the wrong one.
async fn answer(runner: &Runner, claims: Option<&TokenClaims>, report: &mut Report) -> bool {
    let answered = runner.one_machine().await;
    let is_forbidden = matches!(&answered, Err(problem) if problem.kind == ProblemKind::Forbidden);
    report.add(match answered {
        Ok(true) => CheckStep::passed("answer", "the API answers, and there are machines"),
        Ok(false) => CheckStep::warning(
            "answer",
            "the API answers, and lists no machine",
            "Is it the right tenant? A user's token lists the machines of the user's device groups.",
        ),
        Err(problem) => refused(&problem, claims),
    });
    is_forbidden
}

fn refused(problem: &Problem, claims: Option<&TokenClaims>) -> CheckStep {
    let advice = hint::hint(problem, claims);
    let words = report::words(problem);
    let may_read = claims.is_none_or(TokenClaims::may_read);
    match problem.kind {
        // It says nothing about offboarding.
        ProblemKind::Forbidden if !may_read => CheckStep::warning("answer", words, advice),
        ProblemKind::Throttled => CheckStep::warning("answer", words, advice),
        _ => CheckStep::failed("answer", words, advice),
    }
}

/// Where sources disagree about a government cloud's resource, tries the others.
async fn other_resources(
    config: &Config,
    service: &Service,
    runner: &mut Runner,
    report: &mut Report,
    observer: &Arc<dyn Observer>,
) {
    let Some(cloud) = config.cloud().map(|cloud| cloud.value) else {
        return;
    };
    let auth = config.chosen_auth().map(|auth| auth.value);
    // A ready token is for what it is for, and nobody types three codes.
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
        report.add(match tried {
            Ok(()) => CheckStep::warning(
                "resource",
                format!("{resource} works"),
                format!("Use it with --resource {resource}, and check again."),
            ),
            Err(problem) => CheckStep::skipped(
                "resource",
                format!(
                    "{resource} does not work either: {}",
                    report::words(&problem)
                ),
            ),
        });
    }
}
