//! `offboard resume`: continues runs that are not finished. Unknown outcomes are queried,
//! orders that were not sent are sent, accepted actions are tracked.

use std::cell::RefCell;

use anyhow::Result;

use super::{
    advice,
    args::ResumeArgs,
    connect::{connect, end, options},
    exit::Exit,
    guards::{self, NO_TERMINAL},
    report_file,
    rows::{self, Rows},
    signal::Signals,
    terminal::Terminal,
    workflow::{self, RunOptions},
};
use offboard::{
    Client,
    client::{PlanError, Recording, ResumeOptions},
    config::Secrets,
    plan::Draft,
};

pub(super) async fn resume(
    args: ResumeArgs,
    secrets: Secrets,
    terminal: &Terminal,
) -> Result<Exit> {
    report_file::check(&args.send)?;
    let signals = Signals::listen(terminal);
    let config = args.connect.config(secrets)?;
    let files = workflow::files(&args.send);
    let mut options = options("resume", Recording::Ledger, files, &signals, terminal);
    options.grace = args.send.grace;
    options.jobs = args.send.jobs.into();
    let Some(client) = connect(&config, options, terminal).await? else {
        return Ok(Exit::Interrupted);
    };
    let result = resume_runs(&args, &client, &signals, terminal).await;
    end(&client, terminal).await;
    result
}

async fn resume_runs(
    args: &ResumeArgs,
    client: &Client,
    signals: &Signals,
    terminal: &Terminal,
) -> Result<Exit> {
    if let Some(problem) = client.missing_token() {
        terminal.error(&rows::words(problem));
        terminal.help(&advice::for_problem(problem, client.known_token()));
        return Ok(Exit::of_problem(problem));
    }
    if let Some(error) = client.unrecorded() {
        return Err(error.clone().into());
    }
    let unfinished = client.unfinished(args.run.as_deref()).await?;
    if unfinished.others > 0 {
        terminal.print(&format!(
            "note: Unfinished runs of another tenant, application or API: {}. \
             `offboard runs` lists them.",
            unfinished.others
        ));
    }
    if unfinished.runs.is_empty() {
        terminal.print("There are no unfinished runs.");
    }
    let options = ResumeOptions {
        resend_unknown: args.resend_unknown,
        guards: guards::of(&args.send),
        will_be_shown: !args.send.yes,
    };
    let machines = client.resumable(&unfinished.runs, options).await?;
    if machines > 0 && !args.send.yes && !Terminal::is_interactive() {
        return Err(advice::error_with_help(
            NO_TERMINAL,
            "To continue without confirmation, add --yes.",
        ));
    }
    let reopened = client.reopen(unfinished.runs, options).await;
    let reopened = reopened.map_err(|error| match error {
        PlanError::Guard(error) => guards::explain(error),
        error => error.into(),
    })?;
    // For programs, all runs share one array.
    let rows = RefCell::new(Rows::new(*terminal, args.output.output));
    let mut exit = Exit::Done;
    for draft in reopened.drafts() {
        if signals.stopped() {
            exit = Exit::Interrupted;
            break;
        }
        let resumed = resume_run(args, client, draft, signals, terminal, &rows).await;
        exit = Exit::of([exit, resumed]);
    }
    rows.borrow_mut().end();
    Ok(exit)
}

async fn resume_run(
    args: &ResumeArgs,
    client: &Client,
    draft: &Draft,
    signals: &Signals,
    terminal: &Terminal,
    rows: &RefCell<Rows>,
) -> Exit {
    let id = draft.id().to_string();
    terminal.print(&format!("Run {}", id.split('-').next().unwrap_or(&id)));
    rows.borrow_mut().begin_table();
    let run_options = RunOptions {
        send: &args.send,
        is_dry_run: false,
        rows,
    };
    workflow::run_draft(&run_options, client, draft, signals, terminal).await
}
