//! `offboard find`: finds machines by name.

use anyhow::Result;

use super::{
    advice,
    args::{FindArgs, Format},
    connect::{connect, end, options},
    exit::Exit,
    rows,
    signal::Signals,
    terminal::Terminal,
};
use offboard::{
    Client,
    client::Recording,
    config::Secrets,
    contract::{Machine, Problem},
    mask,
    output::MachineRow,
    outputs::Files,
    text::clean,
};

pub(super) async fn find(args: FindArgs, secrets: Secrets, terminal: &Terminal) -> Result<Exit> {
    let signals = Signals::listen(terminal);
    let config = args.connect.config(secrets)?;
    let files = Files::default();
    let mut options = options("find", Recording::Calls, files, &signals, terminal);
    options.throttling = args.timeout.timeout;
    let Some(client) = connect(&config, options, terminal).await? else {
        return Ok(Exit::Interrupted);
    };
    let found = found(&client, &args, &signals).await;
    end(&client, terminal).await;
    let Some(found) = found else {
        show(&args, terminal, &[]);
        return Ok(Exit::Interrupted);
    };
    match found {
        Ok(machines) => {
            show(&args, terminal, &machines);
            if machines.is_empty() {
                terminal.error(&format!(
                    "no machine has the name {}",
                    clean(&mask::value(&args.name))
                ));
                terminal.help(
                    "Check the name and the tenant. Machines leave the inventory after 180 days, \
                     and a token of another tenant cannot see them.",
                );
                return Ok(Exit::Refused);
            }
            Ok(Exit::Done)
        }
        Err(problem) => {
            show(&args, terminal, &[]);
            let hint = advice::for_problem(&problem, client.known_token());
            terminal.error(&rows::words(&problem));
            terminal.help(&hint);
            Ok(Exit::of_problem(&problem))
        }
    }
}

/// The machines; `None` if the user interrupts the search.
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

fn show(args: &FindArgs, terminal: &Terminal, machines: &[Machine]) {
    if args.output.output == Format::Table {
        if !machines.is_empty() {
            let machines: Vec<&Machine> = machines.iter().collect();
            terminal.print_data(&rows::machines(terminal, &machines));
        }
    } else {
        let rows: Vec<MachineRow> = machines.iter().map(MachineRow::from).collect();
        rows::data(terminal, args.output.output, &rows);
    }
}
