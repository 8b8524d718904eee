//! The `offboard` command: arguments, prompts, tables and exit codes. The one
//! room that talks to people, and the one that knows the simulator.

mod aadsts;
mod actions;
mod announce;
mod args;
mod cancel;
mod check;
mod config;
mod confirm;
mod connect;
#[cfg(feature = "simulator")]
mod demo;
mod drive;
mod environment;
mod exit;
mod find;
mod hint;
mod inspect;
mod log;
mod misplaced;
mod observer;
mod outcome;
mod records;
mod report;
mod report_file;
mod resume;
mod run;
mod screen;
mod secret;
mod selection;
mod sheet;
mod signal;
mod status;
mod target;
mod tell;

use std::{process::ExitCode, time::Duration};

use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use args::{Cli, Command, ConfigCommand};
use exit::Exit;
use misplaced::check_arguments;
use screen::Screen;

#[cfg(feature = "simulator")]
use offboard::outputs::Files;
use offboard::{config::Secrets, mask};

/// How long the end may take.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Runs the command; what it returns is the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let secrets = secret::take();
    environment::forget_blanks();
    let mut command = plain_usage(Cli::command());
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| {
            let misplaced = check_arguments(&command, &matches).err();
            Ok((Cli::from_arg_matches(&matches)?, misplaced))
        });
    let (cli, misplaced) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) => return usage(&answer),
    };
    let screen = Screen::new(cli.quiet, cli.verbose);
    log::start(cli.verbose, &screen);
    if let Some(misplaced) = misplaced {
        screen.error(&misplaced.to_string());
        return Exit::Usage.into();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(cli.command, secrets, &screen));
            // A moment for what was dropped to be put on record; a task that
            // still waits for a name must not hold up the end.
            runtime.shutdown_timeout(LAST_MOMENT);
            exit
        }
        Err(error) => Err(error.into()),
    };
    let exit = exit.unwrap_or_else(|error| {
        hint::show_error(&error, &screen);
        Exit::Usage
    });
    match exit {
        Exit::Done if Screen::failed() => Exit::Refused,
        exit => exit,
    }
    .into()
}

/// The command with one usage line for each of its commands. Without it, the usage line of
/// an error lists every option that the environment sets, as if it were required.
fn plain_usage(mut command: clap::Command) -> clap::Command {
    fn fix(mut command: clap::Command) -> clap::Command {
        let usage = command.render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
        command.override_usage(usage).mut_subcommands(fix)
    }
    // Gives each command its full name.
    command.build();
    fix(command)
}

/// Help and versions are data; an error may quote what a terminal would obey.
fn usage(answer: &clap::Error) -> ExitCode {
    let screen = Screen::new(false, 0);
    let exit = if answer.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    };
    match exit {
        Exit::Done => {
            let _ = answer.print();
        }
        _ => screen.say(shown(answer).trim_end()),
    }
    exit.into()
}

/// An error of the arguments. Secrets that it quotes are hidden.
fn shown(answer: &clap::Error) -> String {
    let mut text = answer.render().to_string();
    for (_, quoted) in answer.context() {
        let quoted = match quoted {
            ContextValue::String(quoted) => std::slice::from_ref(quoted),
            ContextValue::Strings(quoted) => quoted,
            _ => continue,
        };
        for quoted in quoted {
            text = text.replace(quoted, &mask::value(quoted));
        }
    }
    if lacks_machines(answer) {
        text.push_str("\nhelp: To offboard the machines of a list, use --from FILE instead.\n");
    }
    mask::words(&text)
}

/// Whether `offboard run` has no machine.
fn lacks_machines(answer: &clap::Error) -> bool {
    let missing = answer.get(ContextKind::InvalidArg);
    answer.kind() == ErrorKind::MissingRequiredArgument
        && matches!(missing, Some(ContextValue::Strings(missing))
            if missing.iter().any(|argument| argument == "<MACHINE>..."))
}

/// An error is something that the user can mend before anything is sent.
async fn dispatch(command: Command, secrets: Secrets, screen: &Screen) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => run::run(args, secrets, screen).await,
        Command::Resume(args) => resume::resume(args, secrets, screen).await,
        Command::Runs(args) => records::runs(args, screen).await,
        Command::Show(args) => records::show(args, screen).await,
        Command::Export(args) => records::export(args, screen).await,
        Command::Status(args) => status::status(args, secrets, screen).await,
        Command::Cancel(args) => cancel::cancel(args, secrets, screen).await,
        Command::Find(args) => find::find(args, secrets, screen).await,
        Command::Check(args) => check::check(args, secrets, screen).await,
        Command::Config(ConfigCommand::Show(args)) => config::show(args, secrets, screen),
        Command::Inspect(args) => inspect::inspect(&args, screen),
        #[cfg(feature = "simulator")]
        Command::Simulate(args) => simulate(args, screen).await,
        #[cfg(feature = "simulator")]
        Command::Demo => demo::demo(screen).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "offboard", &mut script);
            screen.data(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
    }
}

#[cfg(feature = "simulator")]
async fn simulate(args: offboard_simulator::Args, screen: &Screen) -> anyhow::Result<Exit> {
    let mut files = Files::default();
    for (role, path) in [
        ("the token", &args.write_token),
        ("the assertion", &args.write_federated_token),
        ("the authority's certificate", &args.write_ca),
    ] {
        if let Some(path) = path {
            files.writes(role, path);
        }
    }
    for path in &args.client_certificate {
        files.reads("the client certificate", path);
    }
    files.streams();
    files.check()?;
    offboard_simulator::serve(args, screen.quiet()).await?;
    Ok(Exit::Done)
}
