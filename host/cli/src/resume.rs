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
    records, report_file,
    rows::{self, Rows},
    signal::Signals,
    terminal::Terminal,
    workflow::{self, RunOptions},
};
use offboard::{
    Client, Config,
    client::{PlanError, Recording, ResumeOptions},
    config::Secrets,
    ledger::Ledger,
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
    if !has_ledger(&args, &config, terminal)? {
        terminal.print(NOTHING_UNFINISHED);
        Rows::new(*terminal, args.output.output).end();
        return Ok(Exit::Done);
    }
    let mut options = options("resume", Recording::Ledger, files, &signals, terminal);
    options.grace = args.send.grace;
    options.jobs = args.send.jobs.into();
    options.throttling = args.send.timeout.timeout;
    let Some(client) = connect(&config, options, terminal).await? else {
        return Ok(Exit::Interrupted);
    };
    let result = resume_runs(&args, &client, &signals, terminal).await;
    end(&client, terminal).await;
    result
}

const NOTHING_UNFINISHED: &str = "There are no unfinished runs.";

/// Whether the ledger exists. Only the default one may be missing, and only if no run is named:
/// another path may be misspelled, and a new ledger would hide that.
fn has_ledger(args: &ResumeArgs, config: &Config, terminal: &Terminal) -> Result<bool> {
    let Some(path) = config.ledger_path() else {
        return Ok(true);
    };
    if records::is_missing(&path) && !config.names_ledger() && args.run.is_none() {
        terminal.print(&records::missing_text(&path));
        return Ok(false);
    }
    Ledger::locate(&path)?;
    Ok(true)
}

/// Reports that only other accounts have unfinished runs.
fn only_others(others: u64, args: &ResumeArgs, terminal: &Terminal) -> Exit {
    let of_others = if others == 1 {
        "1 of another account".to_owned()
    } else {
        format!("{others} of other accounts")
    };
    terminal.error(&format!(
        "no unfinished runs of this account; {of_others} (tenant, application or API)"
    ));
    terminal.help(OTHER_ACCOUNTS);
    Rows::new(*terminal, args.output.output).end();
    Exit::NotSent
}

/// What to do about unfinished runs of other accounts.
const OTHER_ACCOUNTS: &str = "`offboard runs --unfinished -o json` lists them with their accounts. \
    Sign in to an account, with its --api-root, and resume its runs. A run without a tenant was \
    recorded with a token that could not be read: resume it by its id, or discard it with \
    `offboard discard RUN`.";

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
    if unfinished.others > 0 && unfinished.runs.is_empty() {
        return Ok(only_others(unfinished.others, args, terminal));
    }
    if unfinished.others > 0 {
        terminal.print(&format!(
            "note: Unfinished runs of another tenant, application or API: {}. \
             `offboard runs` lists them.",
            unfinished.others
        ));
    }
    if unfinished.runs.is_empty() {
        terminal.print(NOTHING_UNFINISHED);
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
        error @ PlanError::WithoutTenant(_) => advice::error_with_help(
            error,
            "Resume the run at a terminal, without --yes. Or discard it with `offboard discard`, \
             and order its machines again.",
        ),
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
