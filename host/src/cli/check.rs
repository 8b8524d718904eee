//! `offboard check`: step by step, whether this connection can offboard, and
//! why not. It changes nothing: it signs in, and reads one machine.

mod steps;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    args::{CheckArgs, ConnectArgs, Format},
    exit::Exit,
    hint, report,
    screen::Screen,
    settings::{Auth, Settings},
    sheet::Cells,
    signal::Signals,
    watch::Watch,
};
use crate::{
    audit::AuditFile,
    connection::{
        Connection, Probe, ProbeError, TokenClaims,
        cloud::{Issuer, Service},
    },
    contract::Problem,
    run::Runner,
    sandbox::Sandbox,
};
use steps::{Report, Status, Step};

/// A clock that is off by more is refused by Entra ID and by the service.
const WRONG: Duration = Duration::from_secs(300);
/// One that is off by more will be.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn check(mut args: CheckArgs, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let mut report = Report::new(*screen, args.output.output == Format::Table);
    let stopped = tokio::select! {
        () = walk(&mut args.connect, &mut report, &signals, screen) => false,
        () = signals.stopping() => true,
    };
    let steps = report.into_steps();
    if args.output.output != Format::Table {
        report::data(screen, args.output.output, &steps);
    }
    Ok(
        match steps.iter().any(|step| step.status == Status::Failed) {
            _ if stopped => Exit::Interrupted,
            true => Exit::Credential,
            false => Exit::Done,
        },
    )
}

/// Each step that the ones before it allow.
async fn walk(args: &mut ConnectArgs, report: &mut Report, signals: &Signals, screen: &Screen) {
    let Some((settings, service, connection)) = configuration(args, report) else {
        return;
    };
    let sandbox = plugin(args, &settings, report, screen).await;
    network(&settings, &service, &connection, report).await;
    let signed_in = settings.sign_in(&service, &connection, screen).await;
    let claims = match &signed_in {
        Ok((_, token)) => {
            report.add(Step::passed("token", "there is one"));
            let claims = token.claims();
            contents(&settings, &service, claims.as_ref(), report);
            claims
        }
        Err(problem) => {
            let advice = hint::hint(problem, None);
            report.add(Step::failed("token", report::words(problem), advice));
            None
        }
    };
    let Some(sandbox) = sandbox else { return };
    let mut runner = Runner::new(sandbox, connection, Duration::ZERO, signals.stop.clone());
    let wrong_resource = match signed_in {
        Ok((credential, _)) => {
            runner.connection.credential = Some(credential);
            answer(&runner, claims.as_ref(), report).await
        }
        Err(problem) => problem.kind == "no-credential",
    };
    if wrong_resource {
        other_resources(&settings, &service, &mut runner, report, screen).await;
    }
    report.add(Step::skipped(
        "quota",
        "100 calls a minute and 1,500 an hour for each application, tenant and API; what is left \
         of it the service does not tell",
    ));
}

fn configuration(
    args: &mut ConnectArgs,
    report: &mut Report,
) -> Option<(Settings, Service, Connection)> {
    let found = args.settings().and_then(|settings| {
        let service = settings.service()?;
        let connection = settings.network(&service)?;
        Ok((settings, service, connection))
    });
    match found {
        Ok(found) => {
            let (settings, service, _) = &found;
            let auth = settings.sign_in.chosen();
            let auth = auth.map_or("nothing", |auth| auth.value.name());
            let authority = service.authority.host_str().unwrap_or_default();
            report.add(Step::passed(
                "configuration",
                format!(
                    "{}, for {}, signing in with {auth} at {authority}",
                    service.api_root, service.resource
                ),
            ));
            Some(found)
        }
        Err(error) => {
            let hint =
                "`offboard config show` has what is in force, and docs/connect.md each setting.";
            report.add(Step::failed("configuration", format!("{error:#}"), hint));
            None
        }
    }
}

async fn plugin(
    args: &ConnectArgs,
    settings: &Settings,
    report: &mut Report,
    screen: &Screen,
) -> Option<Sandbox> {
    let (plugin, loading) = (args.plugin.clone(), *screen);
    let load = async {
        let component = spawn_blocking(move || plugin.component(&loading)).await??;
        let audit = match &settings.audit {
            Some(file) => Some(AuditFile::open(&file.value, component.digest().as_str())?),
            None => None,
        };
        let sandbox = Sandbox::new(&component, args.plugin.limits()?)?
            .audited(Arc::new(Watch::new(*screen, audit)));
        anyhow::Ok((component, sandbox))
    };
    match load.await {
        Ok((component, sandbox)) => {
            let pinned = match args.plugin.plugin_sha256 {
                Some(_) => "as pinned",
                None => "not pinned",
            };
            report.add(Step::passed(
                "plugin",
                format!("{}, {pinned}", component.digest()),
            ));
            Some(sandbox)
        }
        Err(error) => {
            let hint =
                "Look at it with `offboard inspect`; without --plugin, the built-in one runs.";
            report.add(Step::failed("plugin", format!("{error:#}"), hint));
            None
        }
    }
}

/// Both hosts, and what time it is there.
async fn network(
    settings: &Settings,
    service: &Service,
    connection: &Connection,
    report: &mut Report,
) {
    let mut dates = Vec::new();
    if settings.sign_in.issuer() == Issuer::Authority {
        let mut discovery = service.authority.clone();
        let tenant = settings.sign_in.tenant.as_ref();
        let tenant = tenant.map_or("common", |tenant| tenant.value.as_str());
        discovery.set_path(&format!("{tenant}/v2.0/.well-known/openid-configuration"));
        let seen = connection.probe(&discovery).await;
        dates.extend(reached("authority", seen.as_ref(), report));
    }
    let seen = connection.probe_api().await;
    dates.extend(reached("api", seen.as_ref(), report));
    let now = SystemTime::now();
    let skew = dates.into_iter().map(|date| {
        let ahead = now.duration_since(date);
        ahead.unwrap_or_else(|error| error.duration())
    });
    report.add(match skew.max() {
        None => Step::skipped("clock", "no host said what time it is"),
        Some(skew) if skew > WRONG => Step::failed(
            "clock",
            format!("it is off by {}", humantime::format_duration(whole(skew))),
            "Set this machine's clock: tokens and signed statements hold for minutes.",
        ),
        Some(skew) if skew > LATE => Step::warning(
            "clock",
            format!("it is off by {}", humantime::format_duration(whole(skew))),
            "Set this machine's clock before it is off by more.",
        ),
        Some(_) => Step::passed("clock", "it agrees with the hosts'"),
    });
}

fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

fn reached(
    step: &'static str,
    seen: Result<&Probe, &ProbeError>,
    report: &mut Report,
) -> Option<SystemTime> {
    match seen {
        Ok(probe) => {
            let address = probe
                .address
                .map_or_else(String::new, |address| format!(" at {address}"));
            let proxy = probe.proxy.as_ref();
            let proxy =
                proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
            report.add(Step::passed(step, format!("it answers{address}{proxy}")));
            probe.date
        }
        Err(error) => {
            report.add(Step::failed(step, error.to_string(), hint::NETWORK));
            None
        }
    }
}

/// What the token says of itself: advice, since nobody promises that it can be
/// read.
fn contents(
    settings: &Settings,
    service: &Service,
    claims: Option<&TokenClaims>,
    report: &mut Report,
) {
    let Some(claims) = claims else {
        for step in ["audience", "tenant", "roles", "reading"] {
            report.add(Step::skipped(
                step,
                "the token cannot be read, which is no fault",
            ));
        }
        return;
    };
    report.add(audience(service, claims));
    report.add(tenant(settings, claims));
    let held = claims.permissions();
    let offboards = held.iter().any(|held| held == "Machine.Offboard");
    let words = match held.is_empty() {
        true => "none at all".to_owned(),
        false => held.join(", "),
    };
    report.add(match offboards {
        true => Step::passed("roles", words),
        false => Step::failed(
            "roles",
            format!("Machine.Offboard is not among them: {words}"),
            "Add the permission Machine.Offboard under WindowsDefenderATP to the app registration, \
             and have an administrator consent to it. A token that is there already does not change.",
        ),
    });
    report.add(match claims.may_read() {
        true => Step::passed("reading", "machines can be looked up, and actions followed"),
        false => Step::warning(
            "reading",
            "no permission to read",
            "Add Machine.Read.All: without it machines go by their ids alone, nothing is followed, \
             and a lost answer stays unknown.",
        ),
    });
}

fn audience(service: &Service, claims: &TokenClaims) -> Step {
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    match claims.audience.as_deref() {
        None => Step::skipped("audience", "the token names none"),
        Some(audience) if plain(audience) == plain(&service.resource) => {
            Step::passed("audience", audience)
        }
        // An application's id stands for its resource in some tokens.
        Some(audience) if audience.parse::<Uuid>().is_ok() => {
            Step::skipped("audience", format!("an application's id: {audience}"))
        }
        Some(audience) => Step::failed(
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

fn tenant(settings: &Settings, claims: &TokenClaims) -> Step {
    let wanted = settings
        .sign_in
        .tenant
        .as_ref()
        .map(|tenant| tenant.value.as_str());
    match (claims.tenant.as_deref(), wanted) {
        (None, _) => Step::skipped("tenant", "the token names none"),
        // A domain says the same in other words.
        (Some(found), Some(wanted))
            if wanted.parse::<Uuid>().is_ok() && !wanted.eq_ignore_ascii_case(found) =>
        {
            Step::failed(
                "tenant",
                format!("the token is of {found}, and {wanted} is wanted"),
                "Machines of another tenant are not seen, and must not be touched: check --tenant \
                 and where the token comes from.",
            )
        }
        (Some(found), _) => Step::passed("tenant", found),
    }
}

/// What the API answers to a read of one machine. Whether the resource may be
/// the wrong one.
async fn answer(runner: &Runner, claims: Option<&TokenClaims>, report: &mut Report) -> bool {
    let answered = runner.one_machine().await;
    let is_forbidden = matches!(&answered, Err(problem) if problem.kind == "forbidden");
    report.add(match answered {
        Ok(true) => Step::passed("answer", "the API answers, and there are machines"),
        Ok(false) => Step::warning(
            "answer",
            "the API answers, and lists no machine",
            "Is it the right tenant? A user's token lists the machines of the user's device groups.",
        ),
        Err(problem) => refused(&problem, claims),
    });
    is_forbidden
}

fn refused(problem: &Problem, claims: Option<&TokenClaims>) -> Step {
    let advice = hint::hint(problem, claims);
    let words = report::words(problem);
    let may_read = claims.is_none_or(TokenClaims::may_read);
    match problem.kind {
        // It says nothing about offboarding.
        "forbidden" if !may_read => Step::warning("answer", words, advice),
        "throttled" => Step::warning("answer", words, advice),
        _ => Step::failed("answer", words, advice),
    }
}

/// Where sources disagree about a government cloud's resource, tries the others.
async fn other_resources(
    settings: &Settings,
    service: &Service,
    runner: &mut Runner,
    report: &mut Report,
    screen: &Screen,
) {
    let Some(cloud) = settings.cloud.as_ref().map(|cloud| cloud.value) else {
        return;
    };
    let auth = settings.sign_in.chosen().map(|auth| auth.value);
    // A ready token is for what it is for, and nobody types three codes.
    let fixed = settings.sign_in.issuer() == Issuer::Unknown || auth == Some(Auth::DeviceCode);
    if settings.resource.is_some() || fixed {
        return;
    }
    for resource in cloud.resources().into_iter().skip(1) {
        let mut other = service.clone();
        other.resource = resource;
        let signed_in = settings.sign_in(&other, &runner.connection, screen).await;
        let tried = match signed_in {
            Ok((credential, _)) => {
                runner.connection.credential = Some(credential);
                runner.one_machine().await.map(|_| ())
            }
            Err(problem) => Err(problem),
        };
        let resource = &other.resource;
        report.add(match tried {
            Ok(()) => Step::warning(
                "resource",
                format!("{resource} works"),
                format!("Use it with --resource {resource}, and check again."),
            ),
            Err(problem) => Step::skipped(
                "resource",
                format!(
                    "{resource} does not work either: {}",
                    report::words(&problem)
                ),
            ),
        });
    }
}

impl Cells for Step {
    const HEAD: &'static [&'static str] = &["step", "status", "reason", "hint"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.step.to_owned(),
            self.status.name().to_owned(),
            self.reason.clone(),
            self.hint.clone().unwrap_or_default(),
        ]
    }
}
