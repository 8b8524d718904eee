//! `offboard run`: records a draft from the arguments, and runs it.

use std::{cell::RefCell, pin::pin, time::Duration};

use anyhow::{Result, ensure};

use super::{
    advice,
    args::{ListSource, RunArgs},
    connect::{connect, end, options},
    exit::Exit,
    guards::{self, NO_TERMINAL},
    report_file,
    rows::{self, Rows},
    selection::{Selected, Unselected, selection},
    signal::Signals,
    terminal::Terminal,
    unsent,
    workflow::{self, RunOptions},
};
use offboard::{
    Client,
    client::{PlanError, PlanRequest, Recording},
    config::Secrets,
    contract::{Problem, ProblemKind, Retry},
    plan::{Draft, Origin},
    run::{self, Event},
    selection::Selection,
};

/// A wait for another process that is longer than this is reported.
const REPORTED_WAIT: Duration = Duration::from_secs(3);

pub(super) async fn run(args: RunArgs, secrets: Secrets, terminal: &Terminal) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let selected = selection(&args, terminal)?;
    check_arguments(&args)?;
    if let Some(count) = selected.count() {
        check_count(&args, count)?;
    }
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
        show_unsent(&args, &selected, terminal)?;
        return Ok(Exit::Interrupted);
    };
    let selection = match resolve(selected, &client, &signals, terminal).await {
        Ok(selection) => selection,
        Err(unselected) => {
            let exit = show_unselected(unselected, &args, &client, terminal);
            end(&client, terminal).await;
            return exit;
        }
    };
    if args.rule.rule().is_some() {
        let checked = check_count(&args, selection.len() as u64);
        if checked.is_err() || selection.is_empty() {
            end(&client, terminal).await;
            checked?;
            Rows::new(*terminal, args.output.output).end();
            return Ok(Exit::Done);
        }
    }
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

/// Looks up the machines in the fleet, if they are not known; `Unselected::Interrupted` if the
/// user stops it.
async fn resolve(
    selected: Selected,
    client: &Client,
    signals: &Signals,
    terminal: &Terminal,
) -> Result<Selection, Unselected> {
    let (events, mut stream) = run::events();
    let resolved = selected.resolve(client, &events, terminal);
    let resolved = stream.during(resolved, |event| {
        if let Event::FleetRead { machines } = event {
            terminal.print_detail(&format!("{machines} machines of the fleet were read"));
        }
    });
    tokio::select! {
        resolved = resolved => resolved,
        () = signals.stopping() => Err(Unselected::Interrupted),
    }
}

/// Shows why the machines of a run are not known. There are no rows, because there are no orders.
fn show_unselected(
    unselected: Unselected,
    args: &RunArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<Exit> {
    let exit = match unselected {
        Unselected::Usage(error) => return Err(error),
        Unselected::Interrupted => Exit::Interrupted,
        Unselected::Fleet(problem) => {
            terminal.report_failure(&rows::words(&problem));
            terminal.help(&advice::for_problem(&problem, client.known_token()));
            Exit::of_problem(&problem)
        }
    };
    Rows::new(*terminal, args.output.output).end();
    Ok(exit)
}

/// Shows a run that was interrupted before the client was connected.
fn show_unsent(args: &RunArgs, selected: &Selected, terminal: &Terminal) -> Result<()> {
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    if let Selected::Machines(selection) = selected {
        let problem = unsent::interrupted();
        unsent::show_unsent(&rows, selection, args.correlate, &problem, terminal)?;
    }
    rows.borrow_mut().end();
    Ok(())
}

/// Checks the arguments before the client connects.
fn check_arguments(args: &RunArgs) -> Result<()> {
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
    if !send.yes && !args.dry_run && !Terminal::is_interactive() {
        let help =
            "To continue without confirmation, add --yes. To see what would happen, add --dry-run.";
        return Err(advice::error_with_help(NO_TERMINAL, help));
    }
    Ok(())
}

/// Checks the number of machines.
fn check_count(args: &RunArgs, count: u64) -> Result<()> {
    let send = &args.send;
    guards::check(guards::of(send), send, count, args.dry_run)?;
    ensure!(
        count == 1 || !args.no_ledger.no_ledger || args.dry_run,
        "--no-ledger is limited to one machine, and {count} are selected: the outcome of several \
         machines must be recorded"
    );
    Ok(())
}

/// Records the run. A long wait for another process with the same request id is reported.
async fn record(
    client: &Client,
    request: PlanRequest,
    terminal: &Terminal,
) -> Result<Draft, PlanError> {
    let has_key = request.request_id.is_some();
    let mut recorded = pin!(client.record(request));
    tokio::select! {
        draft = &mut recorded => return draft,
        () = tokio::time::sleep(REPORTED_WAIT), if has_key => terminal.show_progress(
            "Waiting for another process with the same request id, which executes its run.",
        ),
    }
    recorded.await
}

async fn record_and_run(
    args: &RunArgs,
    client: &Client,
    request: PlanRequest,
    signals: &Signals,
    terminal: &Terminal,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    // Only the machines of a request id may belong to another process.
    let selection = args.request_id.as_ref().map(|_| request.selection.clone());
    let selection = selection.unwrap_or_default();
    let show_unsent = |problem: &Problem| {
        unsent::show_unsent(rows, &selection, args.correlate, problem, terminal)
    };
    let draft = match record(client, request, terminal).await {
        Ok(draft) => draft,
        Err(PlanError::Interrupted) => {
            show_unsent(&unsent::interrupted())?;
            return Ok(Exit::Interrupted);
        }
        Err(error @ PlanError::RequestIdBusy { .. }) => {
            let problem = Problem::new(ProblemKind::UnderWay, Retry::Safe, error.to_string());
            show_unsent(&problem)?;
            let help = "Repeat the command when that process has ended.";
            advice::show_failure(&advice::error_with_help(error, help), terminal);
            return Ok(Exit::NotSent);
        }
        Err(error @ PlanError::RequestIdElsewhere { .. }) => {
            let problem = Problem::new(ProblemKind::UnderWay, Retry::Safe, error.to_string());
            show_unsent(&problem)?;
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
