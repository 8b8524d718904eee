//! `offboard discard`: discards the orders of a run that were not sent. Needs only the ledger.

use std::cell::RefCell;

use anyhow::Result;

use super::{
    advice,
    args::DiscardArgs,
    confirm::{Answer, confirm},
    exit::Exit,
    guards::NO_TERMINAL,
    observer::TerminalObserver,
    records,
    rows::Rows,
    run_summary::RunSummary,
    signal::{self, Signals},
    terminal::Terminal,
};
use offboard::{
    advice::KnownToken,
    client::Observer,
    ledger::{Ledger, OrderCounts, OrderRecord, RunRow, Waiting},
    order::{Order, State},
    text::clean,
};

/// The most machines that the question names.
const MAX_NAMED: usize = 10;

pub(super) async fn discard(args: DiscardArgs, terminal: &Terminal) -> Result<Exit> {
    let signals = Signals::listen(terminal);
    // It is only read until the user has confirmed.
    let viewed = records::ledger(&args.ledger, terminal).await?;
    let run = viewed.run(&args.run).await?;
    let (first, count) = viewed.unsent(run.id, MAX_NAMED).await?;
    let path = viewed.path().to_owned();
    viewed.close().await;
    let id = run.uuid.to_string();
    let short = id.split('-').next().unwrap_or(&id);
    if count == 0 {
        terminal.print(&format!(
            "Run {short} has nothing to discard: it has no order that a resume would send.{}",
            left(&run.counts)
        ));
        Rows::new(*terminal, args.output.output).end();
        return Ok(Exit::Done);
    }
    if !args.yes {
        if !Terminal::is_interactive() {
            return Err(advice::error_with_help(
                NO_TERMINAL,
                "To discard without confirmation, add --yes.",
            ));
        }
        let question = question(short, &first, count);
        match confirm(&question, "yes", &signals).await {
            Answer::Confirmed => {}
            Answer::Short | Answer::Declined => {
                terminal
                    .unmuted()
                    .print("Not confirmed. Nothing was discarded.");
                return Ok(Exit::Interrupted);
            }
        }
    }
    let observer = TerminalObserver::new(*terminal);
    let report = move |waited| observer.ledger_locked(waited);
    let ledger = match Ledger::open(&path, Waiting::new(report, signals.stop.clone())).await {
        Ok(ledger) => ledger,
        Err(_) if signals.stopped() => return Ok(interrupted(short, terminal)),
        Err(error) => return Err(error.into()),
    };
    signal::stop_between_writes(&ledger);
    let discarded = ledger.discard_unsent(&run, args.comment.as_ref()).await;
    let shown = match discarded {
        Ok(discarded) => show(&args, &ledger, &run, short, discarded, terminal).await,
        // The wait for a locked ledger was interrupted.
        Err(_) if signals.stopped() => {
            ledger.close().await;
            return Ok(interrupted(short, terminal));
        }
        Err(error) => Err(error.into()),
    };
    ledger.close().await;
    shown.map(|()| Exit::Done)
}

/// Reports that a wait for a locked ledger was interrupted.
fn interrupted(run: &str, terminal: &Terminal) -> Exit {
    terminal.unmuted().print(&format!(
        "Interrupted. `offboard show {run}` shows which orders were discarded. To discard the \
         others, run the command again."
    ));
    Exit::Interrupted
}

fn question(run: &str, first: &[OrderRecord], count: u64) -> String {
    let mut lines: Vec<String> = first
        .iter()
        .map(|entry| {
            let order = &entry.order;
            let name = order.name().or(entry.display_name.as_deref());
            let machine = order.machine().map(|id| id.as_str());
            let words: Vec<&str> = [machine, name].into_iter().flatten().collect();
            format!("  {}", clean(&words.join("  ")))
        })
        .collect();
    let more = count.saturating_sub(first.len() as u64);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    let orders = if count == 1 {
        "1 order".to_owned()
    } else {
        format!("{count} orders")
    };
    format!(
        "{}\nRun {run}: {orders} will be discarded, and no resume will send them.",
        lines.join("\n")
    )
}

/// Shows what was discarded, and what is left.
async fn show(
    args: &DiscardArgs,
    ledger: &Ledger,
    run: &RunRow,
    short: &str,
    discarded: u64,
    terminal: &Terminal,
) -> Result<()> {
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let mut summary = RunSummary::new(&rows, KnownToken::NotAtHand, run.plan_digest(), *terminal)
        .of_run(Some(run));
    let mut pages = ledger.order_pages(run.id);
    while let Some(entries) = pages.next().await? {
        let orders = entries.iter().map(|entry| &entry.order);
        let orders: Vec<&Order> = orders.filter(|order| is_shown(order)).collect();
        if !orders.is_empty() {
            summary.add(&orders);
        }
    }
    rows.borrow_mut().end();
    // The orders that are left have their own results. The discard itself has succeeded.
    summary.end();
    let counts = ledger.counts(run.id).await?;
    terminal.print(&format!(
        "Run {short}: Discarded: {discarded}.{}",
        left(&counts)
    ));
    Ok(())
}

fn is_shown(order: &Order) -> bool {
    order.is_discarded()
        || matches!(
            order.state(),
            State::Planned | State::Sending | State::Accepted | State::Pending | State::Unknown
        )
}

/// What is left to query or to track; empty if there is nothing.
fn left(counts: &OrderCounts) -> String {
    let states = [
        State::Sending,
        State::Accepted,
        State::Pending,
        State::Unknown,
    ];
    let left: Vec<String> = states
        .into_iter()
        .map(|state| (state, counts.of(state)))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    if left.is_empty() {
        String::new()
    } else {
        format!(
            " Not discarded, because they were sent: {}.",
            left.join(", ")
        )
    }
}
