//! `offboard runs`, `show` and `export`: read the ledger. Nothing is sent to the service, and
//! nothing is written.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::{
    advice,
    args::{ExportArgs, ExportFormat, LedgerArgs, RunsArgs, ShowArgs, explain},
    exit::Exit,
    rows::{Rows, minute},
    run_summary::{RecordedRequests, RunSummary, has_failed},
    table::Column,
    terminal::Terminal,
};
use offboard::{
    advice::KnownToken,
    contract::Problem,
    export,
    ledger::{Ledger, LedgerError, LedgerErrorKind, OrderRecord, RunFilter, RunRow, TagRecord},
    mask,
    order::{Order, State},
    output::{CancellationInfo, RunInfo},
    outputs::Files,
    report,
    text::clean,
};

/// The columns of runs.
const RUN_COLUMNS: [Column; 7] = [
    Column::Word("RUN"),
    Column::Word("STARTED (UTC)"),
    Column::Text("USER"),
    Column::Word("MACHINES"),
    Column::Word("SUCCEEDED"),
    Column::Word("UNFINISHED"),
    Column::Text("COMMENT"),
];
/// The most characters of a user's name and of a comment in the table of runs.
const MAX_SHOWN_USER: usize = 14;
const MAX_SHOWN_COMMENT: usize = 40;

/// The path of the ledger; `None` without a home directory.
fn ledger_of(args: &LedgerArgs) -> Result<Option<PathBuf>> {
    args.layers()?.ledger_path().map_err(explain)
}

/// The ledger, opened for reading.
pub(super) async fn ledger(args: &LedgerArgs, terminal: &Terminal) -> Result<Ledger> {
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

/// The ledger; `None` if it does not exist, because the first run creates it.
async fn existing_ledger(args: &LedgerArgs, terminal: &Terminal) -> Result<Option<Ledger>> {
    if let Some(path) = ledger_of(args)?
        && is_missing(&path)
    {
        terminal.print(&missing_text(&path));
        return Ok(None);
    }
    ledger(args, terminal).await.map(Some)
}

/// Whether neither a ledger nor its log is at this path.
pub(super) fn is_missing(path: &Path) -> bool {
    Ledger::locate(path).is_err_and(|error| matches!(error.kind(), LedgerErrorKind::Missing))
}

pub(super) fn missing_text(path: &Path) -> String {
    format!("The ledger {} does not exist.", mask::path(path))
}

pub(super) async fn runs(args: RunsArgs, terminal: &Terminal) -> Result<Exit> {
    let filter = RunFilter {
        is_unfinished: args.unfinished,
        since: args.since.map(Timestamp::as_millisecond),
        limit: args.limit,
    };
    // Only the default ledger may be missing: another path may be misspelled.
    let ledger = match args.ledger.layers()?.named_ledger().map_err(explain)? {
        Some(_) => Some(ledger(&args.ledger, terminal).await?),
        None => existing_ledger(&args.ledger, terminal).await?,
    };
    let runs = match ledger {
        Some(ledger) => ledger.runs_where(filter).await?,
        None => Vec::new(),
    };
    let mut rows = Rows::new(*terminal, args.output.output);
    if !rows.is_table() {
        let runs: Vec<RunInfo> = runs.iter().map(RunInfo::from).collect();
        if !runs.is_empty() {
            rows.add(&runs);
        }
    } else if !runs.is_empty() {
        rows.table(&RUN_COLUMNS, run_cells(terminal, &runs));
    } else if filter == RunFilter::default() {
        terminal.print("There are no runs yet.");
    } else {
        terminal.print("There are no such runs.");
    }
    rows.end();
    Ok(Exit::Done)
}

fn run_cells(terminal: &Terminal, runs: &[RunRow]) -> Vec<Vec<String>> {
    let shortened = |text: &str, length| {
        if terminal.is_wide() || text.chars().count() <= length {
            return text.to_owned();
        }
        text.chars().take(length).chain(['…']).collect()
    };
    let cells = |run: &RunRow| {
        let mut comment = shortened(
            run.comment.as_deref().unwrap_or_default(),
            MAX_SHOWN_COMMENT,
        );
        if run.has_several_comments {
            comment.push_str(" …");
        }
        let began = Timestamp::from_millisecond(run.began);
        vec![
            run.uuid.to_string()[..8].to_owned(),
            began.map_or_else(|_| run.began.to_string(), minute),
            shortened(run.user.as_deref().unwrap_or("-"), MAX_SHOWN_USER),
            run.counts.total().to_string(),
            run.counts.of(State::Succeeded).to_string(),
            run.unfinished.to_string(),
            comment,
        ]
    };
    runs.iter().map(cells).collect()
}

pub(super) async fn show(args: ShowArgs, terminal: &Terminal) -> Result<Exit> {
    let ledger = ledger(&args.ledger, terminal).await?;
    let run = ledger.run(&args.run).await?;
    let row = RunInfo::from(&run);
    terminal.print(&format!(
        "Run {}, started {} by {}, with offboard {} and plugin {}",
        row.run,
        row.began,
        run.system_user().as_deref().unwrap_or("an unknown user"),
        row.version,
        row.plugin_sha256
    ));
    if let Some(user) = run.signed_in() {
        terminal.print(&clean(&format!("Signed in as user {user}")));
    }
    for confirmation in &row.confirmations {
        terminal.print(&format!("Confirmed {}", clean(&confirmation.in_words())));
    }
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let mut summary = RunSummary::new(&rows, KnownToken::NotAtHand, run.plan_digest(), *terminal)
        .of_run(Some(&run));
    let is_shown = |order: &Order| !args.failed || has_failed(order);
    let unsent = add_orders(&ledger, &run, &mut summary, is_shown).await?;
    rows.borrow_mut().end();
    let exit = summary.end();
    summary.print_counts(&run);
    Ok(Exit::of([exit, unsent]))
}

/// Adds the orders of a run to its summary. The exit code is that of the orders that are still
/// planned.
pub(super) async fn add_orders(
    ledger: &Ledger,
    run: &RunRow,
    summary: &mut RunSummary<'_>,
    is_shown: impl Fn(&Order) -> bool,
) -> Result<Exit, LedgerError> {
    let mut unsent = Exit::Done;
    let mut pages = ledger.order_pages(run.id);
    while let Some(entries) = pages.next().await? {
        let mut orders: Vec<&Order> = Vec::new();
        let mut recorded = Vec::new();
        let requests = recorded_requests(ledger, run, &entries).await?;
        for (entry, requests) in entries.iter().zip(requests) {
            if is_shown(&entry.order) {
                orders.push(&entry.order);
                recorded.push(requests);
            }
        }
        // A planned order was recorded, but not sent.
        if orders.iter().any(|order| order.state() == State::Planned) {
            unsent = Exit::NotSent;
        }
        if !orders.is_empty() {
            summary.add_recorded(&orders, recorded);
        }
    }
    Ok(unsent)
}

/// What is recorded beside these orders of a run.
async fn recorded_requests(
    ledger: &Ledger,
    run: &RunRow,
    entries: &[OrderRecord],
) -> Result<Vec<RecordedRequests>, LedgerError> {
    let cancellations = ledger.cancellations(entries).await?;
    let tags = recorded_tags(ledger, run, entries).await?;
    let recorded = cancellations.into_iter().zip(tags);
    let recorded = recorded.map(|(cancellations, tags)| RecordedRequests {
        cancellations: cancellations
            .into_iter()
            .map(CancellationInfo::from)
            .collect(),
        ..tags
    });
    Ok(recorded.collect())
}

/// What is recorded about the tags of these orders of a run.
pub(super) async fn recorded_tags(
    ledger: &Ledger,
    run: &RunRow,
    entries: &[OrderRecord],
) -> Result<Vec<RecordedRequests>, LedgerError> {
    let tags = if run.tag.is_some() {
        ledger.tags(entries).await?
    } else {
        vec![TagRecord::None; entries.len()]
    };
    let requests = tags.into_iter().map(|tag| RecordedRequests {
        tag,
        ..RecordedRequests::default()
    });
    Ok(requests.collect())
}

pub(super) async fn export(args: ExportArgs, terminal: &Terminal) -> Result<Exit> {
    let Some(run) = &args.run else {
        return export_cancellations(&args, terminal).await;
    };
    let ledger = ledger(&args.ledger, terminal).await?;
    let run = ledger.run(run).await?;
    match args.output {
        ExportFormat::Jsonl => {
            let hint = |problem: &Problem| advice::for_problem(problem, KnownToken::NotAtHand);
            export::json_lines(&ledger, &run, &hint, &mut terminal.writer()).await?;
        }
        ExportFormat::Csv => export::csv(&ledger, &run, &mut terminal.writer()).await?,
        ExportFormat::Html => report::write_run(&ledger, &run, std::io::stdout()).await?,
    }
    Ok(Exit::Done)
}

async fn export_cancellations(args: &ExportArgs, terminal: &Terminal) -> Result<Exit> {
    if args.output == ExportFormat::Html {
        bail!("--cancellations cannot be exported as HTML");
    }
    let Some(ledger) = existing_ledger(&args.ledger, terminal).await? else {
        return Ok(Exit::Done);
    };
    let mut out = terminal.writer();
    if args.output == ExportFormat::Csv {
        export::cancellations_csv(&ledger, &mut out).await?;
    } else {
        export::cancellations_json_lines(&ledger, &mut out).await?;
    }
    Ok(Exit::Done)
}
