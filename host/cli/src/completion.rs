//! Completion of arguments in shells: of commands and options, and of the names of runs and
//! profiles, which are read from the ledger and the configuration file. Errors are not shown:
//! they would appear in the middle of the user's input.

use clap::CommandFactory;
use clap_complete::{CompleteEnv, CompletionCandidate, Shell, env::Shells};
use jiff::Timestamp;

use super::{args::Cli, rows::minute};
use offboard::{
    Config,
    config::Environment,
    ledger::{Ledger, RunFilter, RunRow},
    text::clean,
};

/// The variable with which a shell requests completions.
const VARIABLE: &str = "OFFBOARD_COMPLETE";
/// The name of the command.
const COMMAND: &str = "offboard";
/// The most runs that are offered.
const MAX_RUNS: usize = 100;
/// The most characters of a run's comment.
const MAX_COMMENT: usize = 40;

/// Answers a shell that requests completions, and ends the process. Must be called before
/// another thread starts, because it removes a variable.
pub(super) fn answer_shell() {
    let shell = CompleteEnv::with_factory(Cli::command);
    shell.var(VARIABLE).bin(COMMAND).complete();
}

/// The script that makes a shell request completions.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(&shell.to_string()) {
        // Writing to memory does not fail.
        let _ = shell.write_registration(VARIABLE, COMMAND, COMMAND, COMMAND, &mut script);
    }
    script
}

/// The newest runs, and `last`.
pub(super) fn runs() -> Vec<CompletionCandidate> {
    candidates(RunFilter::default())
}

/// The newest unfinished runs, and `last`.
pub(super) fn unfinished_runs() -> Vec<CompletionCandidate> {
    candidates(RunFilter {
        is_unfinished: true,
        ..RunFilter::default()
    })
}

fn candidates(filter: RunFilter) -> Vec<CompletionCandidate> {
    let runs = read(RunFilter {
        limit: Some(MAX_RUNS),
        ..filter
    });
    let runs = runs.unwrap_or_default();
    let last = CompletionCandidate::new("last").help(Some("the newest run".into()));
    let last = (!runs.is_empty()).then_some(last);
    last.into_iter().chain(runs.iter().map(candidate)).collect()
}

fn candidate(run: &RunRow) -> CompletionCandidate {
    let id = run.uuid.to_string();
    let began = Timestamp::from_millisecond(run.began).map_or_else(|_| String::new(), minute);
    let comment = clean(run.comment.as_deref().unwrap_or_default());
    let comment: String = comment.chars().take(MAX_COMMENT).collect();
    let machines = run.counts.total();
    let help = format!("{began}, {machines} orders: {comment}");
    CompletionCandidate::new(id.get(..8).unwrap_or(&id).to_owned()).help(Some(help.into()))
}

/// Runs of the ledger that the environment and the default profile select.
fn read(filter: RunFilter) -> Option<Vec<RunRow>> {
    let path = Config::builder()
        .environment(Environment::of_process())
        .ledger_path()
        .ok()??;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let ledger = Ledger::view(&path).await.ok()?;
        let runs = ledger.runs_where(filter).await.ok();
        ledger.close().await;
        runs
    })
}

/// The profiles of the configuration file.
pub(super) fn profiles() -> Vec<CompletionCandidate> {
    let builder = Config::builder().environment(Environment::of_process());
    let profiles = builder.profiles().unwrap_or_default();
    profiles.into_iter().map(CompletionCandidate::new).collect()
}
