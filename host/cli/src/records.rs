//! `offboard runs`, `show` and `export`: what is on record. Nothing is asked of
//! the service, and nothing is written.

use std::{cell::RefCell, path::PathBuf};

use anyhow::Result;

use super::{
    args::{ExportArgs, ExportFormat, LedgerArgs, RunsArgs, ShowArgs, explain},
    exit::Exit,
    hint,
    outcome::Outcome,
    report::Rows,
    screen::Screen,
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

const PAGE: u32 = 500;

/// The path of the ledger; `None` without a home folder.
fn ledger_of(args: &LedgerArgs) -> Result<Option<PathBuf>> {
    args.layers()?.ledger_path().map_err(explain)
}

async fn ledger(args: &LedgerArgs, screen: &Screen) -> Result<Ledger> {
    let path = ledger_of(args)?
        .ok_or_else(|| hint::advised("there is no home folder", "Name a ledger with --ledger."))?;
    // Standard output must not overwrite the ledger that is read.
    let mut files = Files::default();
    files.ledger(&path);
    files.streams();
    files.check()?;
    let ledger = Ledger::view(&path).await?;
    if ledger.has_lost_entries() {
        screen.warn(&format!(
            "The ledger {} has lost its newest entries, because the file beside it that ends in \
             -wal is damaged. What was recorded before is shown. Query the service for the \
             machines that were ordered last before you order them again.",
            mask::path(&path)
        ));
    }
    Ok(ledger)
}

pub(super) async fn runs(args: RunsArgs, screen: &Screen) -> Result<Exit> {
    let format = args.output.output;
    let path = ledger_of(&args.ledger)?;
    let runs = match &path {
        // Who has never run anything has none.
        Some(path) if !path.exists() => {
            screen.say(&format!("The ledger {} does not exist.", mask::path(path)));
            Vec::new()
        }
        _ => ledger(&args.ledger, screen).await?.runs().await?,
    };
    let runs: Vec<RunInfo> = runs.iter().map(RunInfo::from).collect();
    let mut rows = Rows::new(*screen, format);
    if rows.is_table() {
        let cells = runs.iter().map(|run| {
            vec![
                run.run.split('-').next().unwrap_or_default().to_owned(),
                run.began.clone(),
                run.user.clone().unwrap_or_else(|| "-".to_owned()),
                run.orders.to_string(),
                run.states_in_words(),
            ]
        });
        if !runs.is_empty() {
            rows.table(&["RUN", "BEGAN", "USER", "ORDERS", "STATES"], cells);
        } else {
            screen.say("There are no runs yet.");
        }
    } else if !runs.is_empty() {
        rows.add(&runs);
    }
    rows.end();
    Ok(Exit::Done)
}

pub(super) async fn show(args: ShowArgs, screen: &Screen) -> Result<Exit> {
    let ledger = ledger(&args.ledger, screen).await?;
    let run = ledger.run(&args.run).await?;
    let row = RunInfo::from(&run);
    screen.say(&format!(
        "Run {}, begun {} by {}, with offboard {} and plugin {}",
        row.run,
        row.began,
        row.user
            .as_deref()
            .unwrap_or("a user that the system did not name"),
        row.version,
        row.plugin_sha256
    ));
    for confirmation in &row.confirmations {
        screen.say(&format!("Confirmed {}", clean(&confirmation.in_words())));
    }
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let mut outcome = Outcome::new(&rows, None, run.plan_digest(), *screen);
    let mut waits = Exit::Done;
    let mut after = 0;
    loop {
        let entries = ledger.entries(run.id, after, PAGE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let orders = entries.iter().map(|entry| &entry.order);
        let orders: Vec<&Order> = orders
            .filter(|order| !args.failed || went_wrong(order))
            .collect();
        // Of what is on record, this was not done, and was to be.
        if orders.iter().any(|order| order.state() == State::Planned) {
            waits = Exit::NotSent;
        }
        if !orders.is_empty() {
            outcome.add(&orders);
        }
    }
    rows.borrow_mut().end();
    let exit = outcome.end();
    outcome.summarize(&run);
    Ok(Exit::of([exit, waits]))
}

fn went_wrong(order: &Order) -> bool {
    !matches!(
        order.state(),
        State::Planned | State::Accepted | State::Pending | State::Succeeded | State::Skipped
    )
}

pub(super) async fn export(args: ExportArgs, screen: &Screen) -> Result<Exit> {
    let ledger = ledger(&args.ledger, screen).await?;
    let run = ledger.run(&args.run).await?;
    match args.output {
        ExportFormat::Jsonl => {
            let hint = |problem: &Problem| hint::hint(problem, None);
            export::json_lines(&ledger, &run, &hint, &mut screen.writer()).await?;
        }
        ExportFormat::Csv => export::csv(&ledger, &run, &mut screen.writer()).await?,
        ExportFormat::Html => report::write_run(&ledger, &run, std::io::stdout()).await?,
    }
    Ok(Exit::Done)
}
