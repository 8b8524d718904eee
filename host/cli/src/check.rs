//! `offboard check`: prints whether this connection can offboard, and what to do if not.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{
    args::{CheckArgs, Format, explain},
    exit::Exit,
    hint,
    observer::Terminal,
    report,
    screen::Screen,
    signal::Signals,
};
use offboard::{
    client::ConnectError,
    config::Secrets,
    doctor::{self, Finding, Obstacle, Report},
    output::{CheckStatus, CheckStep},
    text::clean,
};

pub(super) async fn check(args: CheckArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let mut steps = Steps {
        screen: *screen,
        prints: args.output.output == Format::Table,
        steps: Vec::new(),
    };
    let checked = async {
        let config = args.connect.config(secrets)?;
        let observer = Arc::new(Terminal::new(*screen));
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
        let hint = "docs/connect.md has each setting and its form; `offboard config show` shows \
            where each comes from, unless the file itself is at fault.";
        let step = CheckStep::failed("configuration", format!("{error:#}"), hint);
        steps.add(step);
    }
    let steps = steps.steps;
    if args.output.output != Format::Table {
        report::data(screen, args.output.output, &steps);
    }
    Ok(exit)
}

/// What an offboarding would end with because of an obstacle.
fn exit_of(obstacle: &Obstacle) -> Exit {
    match obstacle {
        Obstacle::Problem(class) => (*class).into(),
        // As for every command with these settings.
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

/// Prints each step in a table as soon as it has ended, and keeps them all.
struct Steps {
    screen: Screen,
    prints: bool,
    steps: Vec<CheckStep>,
}

impl Report for Steps {
    fn add(&mut self, step: CheckStep) {
        if self.prints {
            let line = format!("{} {:<14} {}", mark(step.status), step.step, step.reason);
            self.screen.line(&clean(&line));
            if let Some(hint) = &step.hint {
                self.screen.line(&clean(&format!("  {:<14} {hint}", "")));
            }
        }
        self.steps.push(step);
    }

    fn hint(&self, finding: &Finding<'_>) -> String {
        match finding {
            Finding::Problem(problem, claims) => return hint::hint(problem, *claims),
            Finding::OtherResource(resource) => {
                return format!("Use it with --resource {resource}, and check again.");
            }
            Finding::TokenNotJwt => {
                "Is it a token at all? A client secret is given by --client-secret-file."
            }
            Finding::TokenExpired => hint::ENDED,
            Finding::WrongAudience => {
                "Ask for a token for the resource that `offboard config show` names: another one is \
                 answered with 403, as if a permission were missing."
            }
            Finding::WrongTenant => hint::WRONG_TENANT,
            Finding::NoPermissionToOffboard => {
                "Add the permission Machine.Offboard under WindowsDefenderATP to the app \
                 registration, and have an administrator consent to it. A token that is there \
                 already does not change."
            }
            Finding::NoPermissionToRead => {
                "Add Machine.Read.All: without it machines go by their ids alone, nothing is \
                 followed, and a lost answer stays unknown."
            }
            Finding::UserToken => {
                "The service does not report beforehand whether this user's role may offboard, and \
                 in which device groups. The role needs \"Manage security settings in Security \
                 Center\"."
            }
            Finding::Unreachable => hint::NETWORK,
            Finding::ClockWrong => {
                "Set this machine's clock: tokens and signed statements hold for minutes."
            }
            Finding::ClockLate => "Set this machine's clock before it is off by more.",
            Finding::Plugin => {
                "Look at it with `offboard inspect`; without --plugin, the built-in one runs."
            }
            Finding::Records => {
                "Nothing is sent that cannot be put on record: make room, or name other files with \
                 --ledger and --audit."
            }
            Finding::NoMachines => {
                "Is it the right tenant? A user's token lists the machines of the user's device \
                 groups."
            }
            Finding::NothingQueried => "Nothing was asked.",
            _ => "docs/connect.md explains each step.",
        }
        .to_owned()
    }
}
