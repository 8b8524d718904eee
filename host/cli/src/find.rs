//! `offboard find`: machines by name.

use anyhow::Result;

use super::{
    args::{FindArgs, Format},
    connect::{connect, end, options},
    exit::Exit,
    hint, report,
    screen::Screen,
    signal::Signals,
};
use offboard::{
    Client,
    client::Recording,
    config::Secrets,
    contract::{Machine, Problem},
    output::MachineRow,
    outputs::Files,
    text::clean,
};

pub(super) async fn find(args: FindArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let config = args.connect.config(secrets)?;
    let files = Files::default();
    let options = options("find", Recording::Calls, files, &signals, screen);
    let Some(client) = connect(&config, options, screen).await? else {
        return Ok(Exit::Interrupted);
    };
    let found = found(&client, &args, &signals).await;
    end(&client, screen).await;
    let Some(found) = found else {
        show(&args, screen, &[]);
        return Ok(Exit::Interrupted);
    };
    match found {
        Ok(machines) => {
            show(&args, screen, &machines);
            if machines.is_empty() {
                screen.error(&format!("no machine has the name {}", clean(&args.name)));
                screen.help(
                    "Check the name and the tenant. Machines leave the inventory after 180 days, \
                     and a token of another tenant does not see them.",
                );
                return Ok(Exit::Refused);
            }
            Ok(Exit::Done)
        }
        Err(problem) => {
            show(&args, screen, &[]);
            let hint = hint::hint(&problem, client.claims());
            screen.error(&report::words(&problem));
            screen.help(&hint);
            Ok(Exit::of_problem(&problem))
        }
    }
}

/// The machines; none where the user ends it before.
async fn found(
    client: &Client,
    args: &FindArgs,
    signals: &Signals,
) -> Option<Result<Vec<Machine>, Problem>> {
    if let Some(problem) = client.missing_token() {
        return Some(Err(problem.clone()));
    }
    tokio::select! {
        found = client.runner().find(&args.name) => Some(found),
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
        let rows: Vec<MachineRow> = machines.iter().map(MachineRow::from).collect();
        report::data(screen, args.output.output, &rows);
    }
}
