//! `offboard runs`, `show` and `export`: read the ledger. Nothing is sent to the service, and
//! nothing is written.

use std::{cell::RefCell, path::PathBuf};

use anyhow::Result;

use super::{
    advice,
    args::{ExportArgs, ExportFormat, LedgerArgs, RunsArgs, ShowArgs, explain},
    exit::Exit,
    rows::{Rows, minute},
    run_summary::RunSummary,
    table::Column,
    terminal::Terminal,
};
use offboard::{
    contract::Problem,
    export,
    ledger::Ledger,
    mask,
    order::{Order, State},
    output::RunInfo,
    outputs::Files,
    report,
    text::clean,
};

/// The columns of runs.
const RUN_COLUMNS: [Column; 5] = [
    Column::Word("RUN"),
    Column::Word("STARTED (UTC)"),
    Column::Text("USER"),
    Column::Word("ORDERS"),
    Column::Text("STATES"),
];
/// The number of orders that are read from the ledger at once.
const PAGE_SIZE: u32 = 500;

/// The path of the ledger; `None` without a home directory.
fn ledger_of(args: &LedgerArgs) -> Result<Option<PathBuf>> {
    args.layers()?.ledger_path().map_err(explain)
}

async fn ledger(args: &LedgerArgs, terminal: &Terminal) -> Result<Ledger> {
    let path = ledger_of(args)?.ok_or_else(|| {
        advice::error_with_help(
            "there is no home directory",
            "Give the ledger with --ledger.",
        )
    })?;
    // Standard output must not overwrite the ledger that is read.
    let mut files = Files::default();
    files.ledger(&path);
    files.streams();
    files.check()?;
    let ledger = Ledger::view(&path).await?;
    if ledger.has_lost_entries() {
        terminal.warn(&format!(
            "The ledger {} has lost its newest entries, because its -wal file is corrupt. Earlier \
             entries are shown. Check the status of the last machines with the service before \
             you offboard them again.",
            mask::path(&path)
        ));
    }
    Ok(ledger)
}

pub(super) async fn runs(args: RunsArgs, terminal: &Terminal) -> Result<Exit> {
    let format = args.output.output;
    let path = ledger_of(&args.ledger)?;
    let runs = match &path {
        // The first run creates the ledger.
        Some(path) if !path.exists() => {
            terminal.print(&format!("The ledger {} does not exist.", mask::path(path)));
            Vec::new()
        }
        _ => ledger(&args.ledger, terminal).await?.runs().await?,
    };
    let runs: Vec<RunInfo> = runs.iter().map(RunInfo::from).collect();
    let mut rows = Rows::new(*terminal, format);
    if rows.is_table() {
        let cells = runs.iter().map(|run| {
            vec![
                run.run.split('-').next().unwrap_or_default().to_owned(),
                minute(&run.began),
                run.user.clone().unwrap_or_else(|| "-".to_owned()),
                run.orders.to_string(),
                run.states_in_words(),
            ]
        });
        if !runs.is_empty() {
            rows.table(&RUN_COLUMNS, cells);
        } else {
            terminal.print("There are no runs yet.");
        }
    } else if !runs.is_empty() {
        rows.add(&runs);
    }
    rows.end();
    Ok(Exit::Done)
}

pub(super) async fn show(args: ShowArgs, terminal: &Terminal) -> Result<Exit> {
    let ledger = ledger(&args.ledger, terminal).await?;
    let run = ledger.run(&args.run).await?;
    let row = RunInfo::from(&run);
    terminal.print(&format!(
        "Run {}, started {} by {}, with offboard {} and plugin {}",
        row.run,
        row.began,
        row.user.as_deref().unwrap_or("an unknown user"),
        row.version,
        row.plugin_sha256
    ));
    for confirmation in &row.confirmations {
        terminal.print(&format!("Confirmed {}", clean(&confirmation.in_words())));
    }
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let mut summary = RunSummary::new(&rows, None, run.plan_digest(), *terminal);
    let mut unsent = Exit::Done;
    let mut after = 0;
    loop {
        let entries = ledger.entries(run.id, after, PAGE_SIZE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let orders = entries.iter().map(|entry| &entry.order);
        let orders: Vec<&Order> = orders
            .filter(|order| !args.failed || has_failed(order))
            .collect();
        // A planned order was recorded, but not sent.
        if orders.iter().any(|order| order.state() == State::Planned) {
            unsent = Exit::NotSent;
        }
        if !orders.is_empty() {
            summary.add(&orders);
        }
    }
    rows.borrow_mut().end();
    let exit = summary.end();
    summary.print_counts(&run);
    Ok(Exit::of([exit, unsent]))
}

fn has_failed(order: &Order) -> bool {
    !matches!(
        order.state(),
        State::Planned | State::Accepted | State::Pending | State::Succeeded | State::Skipped
    )
}

pub(super) async fn export(args: ExportArgs, terminal: &Terminal) -> Result<Exit> {
    let ledger = ledger(&args.ledger, terminal).await?;
    let run = ledger.run(&args.run).await?;
    match args.output {
        ExportFormat::Jsonl => {
            let hint = |problem: &Problem| advice::for_problem(problem, None);
            export::json_lines(&ledger, &run, &hint, &mut terminal.writer()).await?;
        }
        ExportFormat::Csv => export::csv(&ledger, &run, &mut terminal.writer()).await?,
        ExportFormat::Html => report::write_run(&ledger, &run, std::io::stdout()).await?,
    }
    Ok(Exit::Done)
}
