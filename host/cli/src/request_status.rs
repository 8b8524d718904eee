//! `offboard status --request-id`: queries the actions of a run, and shows its orders.

use std::cell::RefCell;

use anyhow::Result;

use super::{
    args::StatusArgs,
    connect::end,
    exit::Exit,
    records::add_orders,
    rows::{self, Rows},
    run_summary::RunSummary,
    signal::Signals,
    status::{exit_of, query_all},
    target::ActionReference,
    terminal::Terminal,
};
use offboard::{
    Client,
    ledger::{Ledger, LedgerError, RunRow},
    mask,
    order::State,
    text::clean,
};

/// The number of orders that are read from the ledger at once.
const ORDERS_PAGE: u32 = 500;

/// Shows the orders of the run with this request id. `client` is `None` if the user interrupted
/// the command before it was connected.
pub(super) async fn show(
    key: &str,
    args: &StatusArgs,
    client: Option<&Client>,
    signals: &Signals,
    terminal: &Terminal,
) -> Result<Exit> {
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let exit = match client {
        Some(client) => {
            let exit = query_and_show(key, args, client, signals, terminal, &rows).await;
            end(client, terminal).await;
            exit?
        }
        None => Exit::Interrupted,
    };
    rows.borrow_mut().end();
    Ok(exit)
}

async fn query_and_show(
    key: &str,
    args: &StatusArgs,
    client: &Client,
    signals: &Signals,
    terminal: &Terminal,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let Some(run) = client.run_of_request(key).await? else {
        let key = clean(&mask::value(key));
        terminal.error(&format!("no run of this tenant has the request id {key}"));
        terminal.help("Nothing was sent with it by this ledger. Check the key and the ledger.");
        return Ok(Exit::Refused);
    };
    let ledger = client.ledger();
    let actions = unfinished(ledger, &run).await?;
    let results = query_all(&actions, args, client, signals, terminal).await;
    for result in &results {
        if let Err(problem) = &result.action {
            terminal.warn(&format!(
                "the status of action {} could not be read: {}",
                result.reference,
                rows::words(problem)
            ));
        }
    }
    let mut summary = RunSummary::new(rows, client.known_token(), run.plan_digest(), *terminal)
        .of_run(Some(&run));
    let unsent = add_orders(ledger, &run, &mut summary, |_| true).await?;
    let shown = summary.end();
    if signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    let queried = Exit::of(results.iter().map(exit_of));
    Ok(Exit::of([shown, unsent, queried]))
}

/// The actions of a run that have not ended according to the ledger.
async fn unfinished(ledger: &Ledger, run: &RunRow) -> Result<Vec<ActionReference>, LedgerError> {
    let mut actions = Vec::new();
    for state in [State::Accepted, State::Pending] {
        let mut after = 0;
        loop {
            let entries = ledger.entries_in(run.id, state, after, ORDERS_PAGE).await?;
            let Some(last) = entries.last() else {
                break;
            };
            after = last.number;
            let ids = entries.iter().filter_map(|entry| entry.order.action());
            let ids = ids.filter_map(|action| action.id.parse().ok());
            actions.extend(ids.map(ActionReference::Action));
        }
    }
    Ok(actions)
}
