//! `offboard run`: records a draft from the arguments, and runs it.

use std::cell::RefCell;

use anyhow::{Result, ensure};

use super::{
    advice,
    args::{ListSource, RunArgs},
    connect::{connect, end, options},
    exit::Exit,
    guards::{self, NO_TERMINAL},
    report_file,
    rows::Rows,
    selection::selection,
    signal::Signals,
    terminal::Terminal,
    unsent,
    workflow::{self, RunOptions},
};
use offboard::{
    Client,
    client::{PlanError, PlanRequest, Recording},
    config::Secrets,
    plan::Origin,
};

pub(super) async fn run(args: RunArgs, secrets: Secrets, terminal: &Terminal) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let selection = selection(&args, terminal)?;
    check_arguments(&args, selection.len() as u64)?;
    let signals = Signals::listen(terminal);
    let recording = if args.no_ledger.no_ledger {
        Recording::Nowhere
    } else {
        Recording::Ledger
    };
    let mut files = workflow::files(&args.send);
    if let Some(ListSource::File(path)) = &args.from {
        files.reads("the list", path);
    }
    let config = args.connect.config(secrets)?;
    let mut options = options("run", recording, files, &signals, terminal);
    options.grace = args.send.grace;
    options.jobs = args.send.jobs.into();
    options.throttling = args.send.timeout.timeout;
    let Some(client) = connect(&config, options, terminal).await? else {
        unsent::show_unsent(&args.output, &selection, args.correlate, terminal)?;
        return Ok(Exit::Interrupted);
    };
    let request = PlanRequest {
        selection,
        correlate: args.correlate,
        tag: args.tag.clone(),
        again: args.again,
        request_id: args.request_id.clone(),
        guards: guards::of(&args.send),
        will_be_shown: !args.send.yes,
    };
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let result = record_and_run(&args, &client, request, &signals, terminal, &rows).await;
    if result.is_ok() {
        rows.borrow_mut().end();
    }
    end(&client, terminal).await;
    result
}

/// Checks the arguments before the client connects.
fn check_arguments(args: &RunArgs, count: u64) -> Result<()> {
    let send = &args.send;
    let unrecorded = [
        (args.dry_run, "--dry-run"),
        (args.no_ledger.no_ledger, "--no-ledger"),
    ];
    let unrecorded = unrecorded.into_iter().find(|(is_given, _)| *is_given);
    if let (Some((_, flag)), true) = (unrecorded, send.report.is_some()) {
        return Err(advice::error_with_help(
            format!("--report cannot be used with {flag}: a report shows a run in the ledger"),
            "Remove --report. To keep the rows, write standard output to a file: --output csv.",
        ));
    }
    report_file::check(send)?;
    guards::check(guards::of(send), send, count, args.dry_run)?;
    if !send.yes && !args.dry_run && !Terminal::is_interactive() {
        let help =
            "To continue without confirmation, add --yes. To see what would happen, add --dry-run.";
        return Err(advice::error_with_help(NO_TERMINAL, help));
    }
    ensure!(
        count == 1 || !args.no_ledger.no_ledger || args.dry_run,
        "--no-ledger is limited to one machine, and {count} are selected: the outcome of several \
         machines must be recorded"
    );
    Ok(())
}

async fn record_and_run(
    args: &RunArgs,
    client: &Client,
    request: PlanRequest,
    signals: &Signals,
    terminal: &Terminal,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let draft = match client.record(request).await {
        Ok(draft) => draft,
        Err(PlanError::Interrupted) => return Ok(Exit::Interrupted),
        Err(error @ PlanError::RequestIdBusy { .. }) => {
            terminal.report_failure(&error.to_string());
            return Ok(Exit::NotSent);
        }
        Err(error @ PlanError::RequestIdElsewhere { .. }) => {
            let help = "Resume the run with that application and API: `offboard resume RUN`. If it \
                is finished, its request id returns its result to every account of the tenant.";
            advice::show_failure(&advice::error_with_help(error, help), terminal);
            return Ok(Exit::NotSent);
        }
        Err(error) => return Err(error.into()),
    };
    if draft.origin() == Origin::Repeated {
        terminal.print(&format!(
            "note: The request id belongs to run {}. Nothing is sent twice.",
            draft.id()
        ));
    }
    let run_options = RunOptions {
        send: &args.send,
        is_dry_run: args.dry_run,
        rows,
    };
    Ok(workflow::run_draft(&run_options, client, &draft, signals, terminal).await)
}
