//! `offboard check`: shows whether the connection can offboard, and what to do if not.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{
    advice,
    args::{CheckArgs, Format, explain},
    exit::Exit,
    observer::TerminalObserver,
    remedy_text, rows,
    signal::Signals,
    terminal::Terminal,
};
use offboard::{
    client::ConnectError,
    config::Secrets,
    doctor::{self, Finding, Obstacle, Report},
    output::{CheckStatus, CheckStep},
    text::clean,
};

pub(super) async fn check(args: CheckArgs, secrets: Secrets, terminal: &Terminal) -> Result<Exit> {
    let signals = Signals::listen(terminal);
    let mut steps = Steps {
        terminal: *terminal,
        prints: args.output.output == Format::Table,
        steps: Vec::new(),
    };
    let checked = async {
        let config = args.connect.config(secrets)?;
        let observer = Arc::new(TerminalObserver::new(*terminal));
        let stop = signals.stop.clone();
        let checked = doctor::check(&config, observer, stop, &mut steps).await;
        checked.map_err(|error| match error {
            ConnectError::Config(error) => explain(error),
            error => Error::new(error),
        })
    };
    let checked = tokio::select! {
        checked = checked => Some(checked),
        () = signals.stopping() => None,
    };
    let exit = match &checked {
        None => Exit::Interrupted,
        Some(Ok(obstacles)) => Exit::of(obstacles.iter().map(exit_of)),
        Some(Err(_)) => Exit::Usage,
    };
    if let Some(Err(error)) = checked {
        let hint = advice::help_for(&error).unwrap_or(
            "docs/connect.md describes each setting. `offboard config show` shows the source of \
             each value if the configuration file can be read.",
        );
        let step = CheckStep::failed("configuration", format!("{error:#}"), hint);
        steps.add(step);
    }
    let steps = steps.steps;
    if args.output.output != Format::Table {
        rows::data(terminal, args.output.output, &steps);
    }
    Ok(exit)
}

/// The exit code that an offboarding would have because of an obstacle.
fn exit_of(obstacle: &Obstacle) -> Exit {
    match obstacle {
        Obstacle::Problem(class) => (*class).into(),
        // Every command with these settings has this exit code.
        _ => Exit::Usage,
    }
}

/// The mark of a status, before its step.
fn mark(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "✓",
        CheckStatus::Warning => "!",
        CheckStatus::Failed => "✗",
        CheckStatus::Skipped => "-",
    }
}

/// The most characters of a line.
const MAX_WIDTH: usize = 100;
/// The column at which the texts of the steps begin.
const INDENT: usize = 17;

/// The lines of a text, broken at spaces. A longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Collects the steps. For a table, prints each step when it has ended.
struct Steps {
    terminal: Terminal,
    prints: bool,
    steps: Vec<CheckStep>,
}

impl Steps {
    /// Prints a text after the beginning of its first line. Long texts are wrapped.
    fn print(&self, begin: &str, text: &str) {
        let text = clean(text);
        let lines = if self.terminal.is_wide() {
            vec![text]
        } else {
            wrapped(&text, MAX_WIDTH - INDENT)
        };
        for (number, line) in lines.iter().enumerate() {
            let begin = if number == 0 { begin } else { "" };
            self.terminal
                .print_data(format!("{:<INDENT$}{line}", clean(begin)).trim_end());
        }
    }
}

impl Report for Steps {
    fn add(&mut self, step: CheckStep) {
        if self.prints {
            let begin = format!("{} {:<14} ", mark(step.status), step.step);
            self.print(&begin, &step.reason);
            if let Some(hint) = &step.hint {
                self.print(&format!("{:INDENT$}", ""), hint);
            }
        }
        self.steps.push(step);
    }

    fn hint(&self, finding: &Finding<'_>) -> String {
        match finding {
            Finding::Problem(problem, token) => {
                return advice::for_problem_in_check(problem, *token);
            }
            Finding::OtherResource(resource) => {
                return format!("Add --resource {resource}.");
            }
            Finding::TokenNotJwt => remedy_text::NOT_A_TOKEN,
            Finding::TokenExpired => remedy_text::TOKEN_EXPIRED,
            Finding::WrongAudience => {
                "Request a token for the resource that `offboard config show` shows. The service \
                 rejects any other with 403, as if a permission were missing."
            }
            Finding::WrongTenant => remedy_text::WRONG_TENANT,
            Finding::NoPermissionToOffboard => {
                "Add the permission Machine.Offboard of WindowsDefenderATP to the app \
                 registration, have an administrator grant consent, and request a new token."
            }
            Finding::NoPermissionToRead => {
                "Add the permission Machine.Read.All. Without it, machines can be selected only by \
                 id, actions are not tracked, and the outcome of a request without an answer \
                 stays unknown."
            }
            Finding::UserToken => {
                "The service does not report in advance whether the user's role may offboard, and \
                 in which device groups. The role needs \"Manage security settings in Security \
                 Center\"."
            }
            Finding::Unreachable => remedy_text::NETWORK,
            Finding::ClockWrong => {
                "Correct this computer's clock. Tokens and assertions are valid only for a short \
                 time."
            }
            Finding::ClockLate => {
                "Correct this computer's clock. A larger difference prevents signing in."
            }
            Finding::Plugin => {
                "Examine it with `offboard inspect`. Without --plugin, the built-in plugin is used."
            }
            Finding::OtherDigest => advice::OTHER_DIGEST,
            Finding::Limit => advice::LOW_LIMIT,
            Finding::Records => {
                "Requests that cannot be recorded are not sent. Free disk space, or use other \
                 files with --ledger and --audit."
            }
            Finding::NoMachines => {
                "Check the tenant. A user's token lists only the machines of the user's device \
                 groups."
            }
            Finding::NothingQueried => "The API was not queried.",
            _ => "docs/connect.md explains each step.",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_at_spaces() {
        let lines = wrapped("one two three a-word-that-is-longer four", 9);
        assert_eq!(lines, ["one two", "three", "a-word-that-is-longer", "four"]);
        assert_eq!(wrapped("", 9), [""]);
    }
}
