//! `offboard find`: finds machines by name, id, Entra device id or address.

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
    run::Events,
    selection::MachineQuery,
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
    let found = found(&client, &args.query, &signals).await;
    end(&client, terminal).await;
    let Some(found) = found else {
        show(&args, terminal, &[]);
        return Ok(Exit::Interrupted);
    };
    match found {
        Ok(Found::Machines(machines)) => {
            show(&args, terminal, &machines);
            Ok(Exit::Done)
        }
        Ok(Found::Nothing(nearest)) => {
            show(&args, terminal, &[]);
            terminal.error(&format!("no machine has {}", shown(&args.query)));
            terminal.help(&help(&nearest));
            Ok(Exit::Refused)
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

/// The result of a search.
enum Found {
    Machines(Vec<Machine>),
    /// Names that resemble the one that no machine has.
    Nothing(Vec<String>),
}

/// What the search finds; `None` if the user interrupts it.
async fn found(
    client: &Client,
    query: &MachineQuery,
    signals: &Signals,
) -> Option<Result<Found, Problem>> {
    let search = async {
        let events = Events::none();
        let machines = client.search(query, &events).await?;
        if !machines.is_empty() {
            return Ok(Found::Machines(machines));
        }
        let nearest = match query {
            MachineQuery::Name(name) => client.nearest_names(name, &events).await,
            _ => Ok(Vec::new()),
        };
        // The search itself succeeded.
        Ok(Found::Nothing(nearest.unwrap_or_default()))
    };
    tokio::select! {
        found = search => Some(found),
        () = signals.stopping() => None,
    }
}

/// The query. A name may be a password that was pasted by mistake.
fn shown(query: &MachineQuery) -> String {
    let shown = match query {
        MachineQuery::Name(name) => MachineQuery::Name(mask::value(name).into_owned()),
        MachineQuery::Prefix(text) => MachineQuery::Prefix(mask::value(text).into_owned()),
        query => query.clone(),
    };
    clean(&shown.to_string())
}

/// What to do if no machine was found.
fn help(nearest: &[String]) -> String {
    const CHECK: &str = "Check the name and the tenant. Machines leave the inventory after 180 \
        days, and a token of another tenant cannot see them.";
    if nearest.is_empty() {
        return CHECK.to_owned();
    }
    format!("Similar names: {}. {CHECK}", clean(&nearest.join(", ")))
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
