//! What to do about errors and problems, with the names of this command's flags and commands.

use std::{error::Error, fmt};

use super::{
    aadsts,
    remedy_text::{REPAIR_CREDENTIAL, words},
    terminal::Terminal,
};
use offboard::{
    advice::{KnownToken, Remedy, remedy, state_remedy, tag_remedy},
    client::{ConnectError, PlanError},
    contract::{Problem, with_sources},
    ledger::{LedgerError, LedgerErrorKind, ListedAction, SentOrder},
    order::State,
    outputs::SharedFile,
    sandbox::SandboxError,
    text::clean_error,
};

pub(super) use offboard::output::remarks::{ADOPTED, aftermath, device_warnings, warnings};

/// What to do about a tag that was not set.
pub(super) fn for_tag(problem: &Problem, token: KnownToken<'_>) -> String {
    words(&tag_remedy(problem, token))
}

/// An error, and what the user can do about it.
#[derive(Debug)]
struct ErrorWithHelp {
    error: String,
    help: String,
}

impl fmt::Display for ErrorWithHelp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.error)
    }
}

impl Error for ErrorWithHelp {}

/// An error with what the user can do about it.
pub(super) fn error_with_help(error: impl fmt::Display, help: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(ErrorWithHelp {
        error: error.to_string(),
        help: help.into(),
    })
}

/// What to do about an error, if this command has a remedy for it.
pub(super) fn help_for(error: &anyhow::Error) -> Option<&str> {
    if let Some(error_with_help) = error.downcast_ref::<ErrorWithHelp>() {
        return Some(&error_with_help.help);
    }
    if let Some(error) = error.downcast_ref::<ConnectError>()
        && let Some(help) = for_connect_error(error)
    {
        return Some(help);
    }
    if error.is::<SharedFile>() {
        return Some(SAME_FILE);
    }
    if let Some(PlanError::OtherAccount(_)) = error.downcast_ref() {
        return Some(OTHER_ACCOUNT);
    }
    for_ledger_error(ledger_error(error)?)
}

/// What to do about an error of connecting, other than one of the ledger.
fn for_connect_error(error: &ConnectError) -> Option<&'static str> {
    match error {
        ConnectError::Sandbox(SandboxError::Start(_)) => Some(LOW_LIMIT),
        ConnectError::SharedFile(_) => Some(SAME_FILE),
        error if error.is_other_digest() => Some(OTHER_DIGEST),
        _ => None,
    }
}

/// What to do about two files of a command that are the same.
const SAME_FILE: &str = "Give another file for one of them.";

/// What to do about a run of another tenant, application or API.
const OTHER_ACCOUNT: &str =
    "To resume the run, sign in to that tenant with that application, and use that API.";

/// What to do about a secret in an argument, a variable or the configuration.
pub(super) const MISPLACED_SECRET: &str = "Write the secret into a file that only you can read, \
    and give the name of that file. Replace the secret if others may have seen it.";

/// The error of the ledger that an error is, or contains: those are other types.
pub(super) fn ledger_error(error: &anyhow::Error) -> Option<&LedgerError> {
    let ledger = error.downcast_ref::<LedgerError>();
    let planned = || match error.downcast_ref::<PlanError>()? {
        PlanError::Ledger(error) => Some(error),
        _ => None,
    };
    let connected = || match error.downcast_ref::<ConnectError>()? {
        ConnectError::Ledger(error) => Some(error),
        _ => None,
    };
    ledger.or_else(planned).or_else(connected)
}

/// What to do about a limit that is too low for the plugin.
pub(super) const LOW_LIMIT: &str =
    "Raise the limit with --limit, or remove it. `offboard inspect` shows all limits.";

/// What to do about a plugin with another digest than the pinned one.
pub(super) const OTHER_DIGEST: &str = "Do not run it until you know why it differs. \
    The digest of each release is in docs/embed.md, and `offboard inspect` shows the digest of a \
    plugin. After an update of this command or of the plugin, update --plugin-sha256.";

/// Shows an error that ends the command, and what to do about it.
pub(super) fn show_error(error: &anyhow::Error, terminal: &Terminal) {
    terminal.error(&clean_error(&format!("{error:#}")));
    if let Some(help) = help_for(error) {
        terminal.help(help);
    }
}

/// Shows an error that makes the command fail without ending it, and what to do about it.
pub(super) fn show_failure(error: &anyhow::Error, terminal: &Terminal) {
    terminal.report_failure(&with_sources(error.as_ref()));
    if let Some(help) = help_for(error) {
        terminal.help(help);
    }
}

/// What to do about an error of the ledger, if this command has a remedy for it.
pub(super) fn for_ledger_error(error: &LedgerError) -> Option<&'static str> {
    Some(match error.kind() {
        LedgerErrorKind::Locked(_) => {
            "Let that process end or continue, then continue with `offboard resume`."
        }
        LedgerErrorKind::Full => "Free disk space, then continue with `offboard resume`.",
        LedgerErrorKind::ReadOnly(_) => {
            "Correct its permissions, or use another file with --ledger. For one machine, \
             --no-ledger needs no file."
        }
        LedgerErrorKind::Newer => "Use that version, or use another file with --ledger.",
        LedgerErrorKind::Damaged(_) => {
            "Keep it for analysis. A new ledger (--ledger) does not have its orders. Before you \
             use one, check the machines of the last runs with `offboard status`."
        }
        LedgerErrorKind::Gone => "Restore the files, then continue with `offboard resume`.",
        LedgerErrorKind::LogLost => {
            "Query the machines of this run with `offboard status` before you order them again."
        }
        LedgerErrorKind::Linked => "Delete the other names, or use a copy of the file.",
        LedgerErrorKind::Mounted => "Mount the folder of the ledger instead.",
        LedgerErrorKind::Shared(_) => {
            "Keep the ledger on a local disk, or in a volume of this computer."
        }
        LedgerErrorKind::NotAFile => "Give a regular file with --ledger.",
        LedgerErrorKind::SidecarNotAFile(_) => "Remove that file.",
        LedgerErrorKind::NoLog => "Keep the ledger on a local disk, in a folder of its own.",
        LedgerErrorKind::Beside => {
            "Copy both files to a folder that you can write to, on a local disk."
        }
        LedgerErrorKind::Ended => "Continue with `offboard resume`.",
        LedgerErrorKind::Moved => "Put the ledger back, or move its log away, too.",
        LedgerErrorKind::UsedByOlder => "Repeat the command when that process has ended.",
        LedgerErrorKind::PlanChanged => "Review the run and confirm it again: `offboard resume`.",
        LedgerErrorKind::InUse(_) => "Stop that process, or let it end.",
        LedgerErrorKind::NoHome => {
            "Give a file with --ledger. For one machine, --no-ledger needs no file."
        }
        LedgerErrorKind::Missing => {
            "Correct the path: --ledger, OFFBOARD_LEDGER or the profile's `ledger`. The first \
             `offboard run` creates a ledger."
        }
        LedgerErrorKind::NoRun(_) => "`offboard runs` lists the runs.",
        LedgerErrorKind::ManyRuns(_) => "Give more of the id. `offboard runs` lists the runs.",
        _ => return None,
    })
}

/// What to do about an offboarding that ended in this state, if there is something to do.
pub(super) fn for_state(state: State) -> Option<String> {
    Some(words(&state_remedy(state)?))
}

/// What to do about a problem that `offboard check` found: without a reference to that command.
pub(super) fn for_problem_in_check(problem: &Problem, token: KnownToken<'_>) -> String {
    match remedy(problem, token) {
        Remedy::RepairCredential => REPAIR_CREDENTIAL.to_owned(),
        Remedy::SignIn(remedy) => aadsts::text(remedy).to_owned(),
        remedy => words(&remedy),
    }
}

/// What to do about a problem.
pub(super) fn for_problem(problem: &Problem, token: KnownToken<'_>) -> String {
    words(&remedy(problem, token))
}

/// What to do about a machine with an order that was sent, if the service does not list its
/// offboarding, or if it is not known which action is the order's.
pub(super) fn for_sent_order(sent: &SentOrder) -> String {
    let run = short(&sent.run);
    if sent.state == State::Sending {
        format!(
            "Run {run} is sending an order for this machine now. `offboard show {run}` shows its \
             outcome."
        )
    } else if sent.is_unknown() {
        let listed = match sent.listed {
            ListedAction::Own => {
                return format!(
                    "Run {run} sent an order for this machine and got no answer. This is probably \
                     its action: `offboard resume {run}` records it with the order."
                );
            }
            ListedAction::None => {
                "The order may have been carried out, although the service does not list it."
            }
            ListedAction::Earlier => {
                "The order may have been carried out, although the service lists only an earlier \
                 action."
            }
            _ => "This action may belong to that order or to another one.",
        };
        format!(
            "Run {run} sent an order for this machine, and its outcome is unknown. {listed} Do not \
             offboard the machine again: `offboard resume {run}` queries the outcome."
        )
    } else {
        format!(
            "Run {run} sent an order for this machine. The state of the order is {}. `offboard \
             show {run}` shows it. Either the service lists its action late or has removed it, or \
             this account cannot see it.",
            sent.state
        )
    }
}

/// The first part of a run's id, by which commands find the run.
fn short(run: &str) -> &str {
    run.split('-').next().unwrap_or(run)
}
