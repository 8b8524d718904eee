//! `offboard find`: machines by name.

use anyhow::Result;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    args::{FindArgs, Format},
    connect::{Connected, Record, connect},
    exit::Exit,
    hint, report,
    screen::Screen,
    sheet::Cells,
    signal::Signals,
};
use offboard::{
    config::Secrets,
    contract::{Machine, Problem},
    outputs::Files,
    text::clean,
};

/// One machine, as programs see it; the schema is in
/// `docs/schema/machine.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    machine_id: &'a str,
    name: Option<&'a str>,
    os_platform: Option<&'a str>,
    version: Option<&'a str>,
    health_status: Option<&'a str>,
    onboarding_status: Option<&'a str>,
    last_seen: Option<&'a str>,
    group: Option<&'a str>,
    tags: &'a [String],
    machine: Option<Box<RawValue>>,
}

impl<'a> From<&'a Machine> for Row<'a> {
    fn from(machine: &'a Machine) -> Self {
        Self {
            machine_id: &machine.id,
            name: machine.computer_dns_name.as_deref(),
            os_platform: machine.os_platform.as_deref(),
            version: machine.version.as_deref(),
            health_status: machine.health_status.as_deref(),
            onboarding_status: machine.onboarding_status.as_deref(),
            last_seen: machine.last_seen.as_deref(),
            group: machine.rbac_group_name.as_deref(),
            tags: &machine.machine_tags,
            machine: RawValue::from_string(machine.json.clone()).ok(),
        }
    }
}

impl Cells for Row<'_> {
    const HEAD: &'static [&'static str] = &[
        "machineId",
        "name",
        "osPlatform",
        "version",
        "healthStatus",
        "onboardingStatus",
        "lastSeen",
        "group",
        "tags",
    ];

    fn cells(&self) -> Vec<String> {
        let tags = self.tags.join("; ");
        [
            Some(self.machine_id),
            self.name,
            self.os_platform,
            self.version,
            self.health_status,
            self.onboarding_status,
            self.last_seen,
            self.group,
            Some(tags.as_str()),
        ]
        .map(|cell| cell.unwrap_or_default().to_owned())
        .to_vec()
    }
}

pub(super) async fn find(args: FindArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let config = args.connect.config(secrets)?;
    let files = Files::default();
    let connected = connect(config, files, "find", Record::Calls, &signals, screen);
    let Some(connected) = connected.await? else {
        return Ok(Exit::Interrupted);
    };
    let found = found(&connected, &args, &signals).await;
    connected.end(screen).await;
    let Some(found) = found else {
        show(&args, screen, &[]);
        return Ok(Exit::Interrupted);
    };
    match found {
        Ok(machines) => {
            show(&args, screen, &machines);
            if machines.is_empty() {
                screen.error(&format!(
                    "no machine has the name {}. Machines leave the inventory after 180 days, and \
                     a token of another tenant does not see them",
                    clean(&args.name)
                ));
                return Ok(Exit::Refused);
            }
            Ok(Exit::Done)
        }
        Err(problem) => {
            show(&args, screen, &[]);
            let hint = hint::hint(&problem, connected.claims.as_ref());
            screen.error(&format!("{}\n  {hint}", report::words(&problem)));
            Ok(Exit::of_problem(&problem))
        }
    }
}

/// The machines; none where the user ends it before.
async fn found(
    connected: &Connected,
    args: &FindArgs,
    signals: &Signals,
) -> Option<Result<Vec<Machine>, Problem>> {
    if let Some(problem) = &connected.missing {
        return Some(Err(problem.clone()));
    }
    tokio::select! {
        found = connected.runner.find(&args.name) => Some(found),
        () = signals.stopping() => None,
    }
}

fn show(args: &FindArgs, screen: &Screen, machines: &[Machine]) {
    if args.output.output == Format::Table {
        if !machines.is_empty() {
            let machines: Vec<&Machine> = machines.iter().collect();
            screen.line(&report::machines(&machines));
        }
    } else {
        let rows: Vec<Row<'_>> = machines.iter().map(Row::from).collect();
        report::data(screen, args.output.output, &rows);
    }
}
