//! The `offboard` command: arguments, prompts, tables and exit codes. The only crate that
//! interacts with users, and the only one that uses the simulator.

mod aadsts;
mod actions;
mod advice;
mod args;
mod cancel;
mod check;
mod completion;
mod config;
mod confirm;
mod connect;
mod csv_output;
#[cfg(feature = "simulator")]
mod demo;
mod discard;
mod environment;
mod error_output;
mod exit;
mod find;
mod guards;
mod inspect;
mod log;
mod manual;
mod misplaced;
mod new_file;
mod observer;
mod plan_summary;
mod progress;
mod question;
mod records;
mod remedy_text;
mod report_file;
mod request_status;
mod resume;
mod rows;
mod run;
mod run_summary;
mod schema;
mod secret;
mod selection;
mod sent_orders;
mod signal;
mod status;
mod streamed_rows;
mod table;
mod target;
mod terminal;
mod unsent;
mod waiting;
mod workflow;

use std::{error::Error, path::Path, process::ExitCode, time::Duration};

use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use args::{Cli, Command, ConfigCommand};
use exit::Exit;
use misplaced::check_arguments;
use target::InvalidTarget;
use terminal::Terminal;

#[cfg(feature = "simulator")]
use offboard::outputs::Files;
use offboard::{client::ConnectError, config::Secrets, mask, outputs::SharedFile};
#[cfg(feature = "simulator")]
use offboard_simulator::{OutputFileError, ServeError};

/// The longest time that tasks may take to finish at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs the command. Returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    completion::answer_shell();
    let secrets = secret::take();
    environment::remove_blank_variables();
    let is_json = error_output::is_json(std::env::args_os().skip(1));
    let mut command = plain_usage(Cli::command());
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| {
            let misplaced = check_arguments(&command, &matches).err();
            Ok((Cli::from_arg_matches(&matches)?, misplaced))
        });
    let (cli, misplaced) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) => return print_usage(&without_value_tip(answer), is_json),
    };
    let terminal = Terminal::new(cli.quiet, cli.verbose).with_wide(cli.wide);
    log::start(cli.verbose, &terminal);
    if let Some(misplaced) = misplaced {
        terminal.error(&misplaced.to_string());
        terminal.help(advice::MISPLACED_SECRET);
        let help = Some(advice::MISPLACED_SECRET);
        error_output::print(is_json, &misplaced.to_string(), help, Exit::Usage);
        return Exit::Usage.into();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(cli.command, secrets, &terminal));
            // Dropped tasks may still write to the ledger. A task that waits for DNS must not
            // delay the end.
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            exit
        }
        Err(error) => Err(error.into()),
    };
    let exit = exit.unwrap_or_else(|error| {
        advice::show_error(&error, &terminal);
        let exit = Exit::of_error(&error);
        // Standard output may be one of the files that the command must not write to.
        let is_json = is_json && !is_shared_file(&error);
        error_output::print(
            is_json,
            &format!("{error:#}"),
            advice::help_for(&error),
            exit,
        );
        exit
    });
    if exit == Exit::Done && Terminal::has_failed() {
        return Exit::Refused.into();
    }
    exit.into()
}

/// Whether the error is that two files of the command are the same.
fn is_shared_file(error: &anyhow::Error) -> bool {
    let connect = error.downcast_ref::<ConnectError>();
    connect.is_some_and(|error| matches!(error, ConnectError::SharedFile(_)))
        || error.downcast_ref::<SharedFile>().is_some()
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

/// The error without the tip to pass an unknown option as a value: no machine, action or run
/// begins with a hyphen.
fn without_value_tip(mut answer: clap::Error) -> clap::Error {
    if answer.kind() != ErrorKind::UnknownArgument {
        return answer;
    }
    if let Some(ContextValue::StyledStrs(mut tips)) = answer.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains(" as a value, "));
        if !tips.is_empty() {
            answer.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    answer
}

/// Prints help, the version, or a usage error. An error may quote control characters.
fn print_usage(answer: &clap::Error, is_json: bool) -> ExitCode {
    let terminal = Terminal::new(false, 0);
    if answer.use_stderr() {
        let text = usage_error(answer);
        terminal.print(text.trim_end());
        error_output::print_usage(is_json, &text);
        Exit::Usage.into()
    } else {
        let _ = answer.print();
        Exit::Done.into()
    }
}

/// A usage error, without the secrets that it quotes.
fn usage_error(answer: &clap::Error) -> String {
    let mut text = answer.render().to_string();
    for (kind, quoted) in answer.context() {
        let is_reference = kind == ContextKind::InvalidValue && is_reference(answer);
        let quoted = match quoted {
            ContextValue::String(quoted) => std::slice::from_ref(quoted),
            ContextValue::Strings(quoted) => quoted,
            _ => continue,
        };
        for quoted in quoted {
            // A machine or a name may be a password that belongs elsewhere.
            let shown = if is_reference && !Path::new(quoted).exists() {
                mask::cell(quoted)
            } else {
                mask::value(quoted)
            };
            text = text.replace(quoted, &shown);
        }
    }
    if let Some(help) = usage_help(answer, &text) {
        // Before the reference to the help text, which is last.
        let end = text.rfind(SEE_HELP).unwrap_or(text.len());
        text.insert_str(end, &format!("\nhelp: {help}\n"));
    }
    mask::words(&text)
}

/// The reference to the help text at the end of a usage error.
const SEE_HELP: &str = "\nFor more information, try";

/// What to do about a usage error, if this command has a remedy for it.
fn usage_help<'a>(answer: &'a clap::Error, text: &str) -> Option<&'a str> {
    let invalid = answer.source().and_then(|source| source.downcast_ref());
    if let Some(invalid) = invalid {
        return InvalidTarget::help(invalid);
    }
    if lacks_machines(answer) {
        Some("To offboard the machines of a list, use --from FILE instead.")
    } else if confirms_cancel(answer, text) {
        Some("cancel does not ask for confirmation. Leave the option out.")
    } else {
        None
    }
}

/// Whether the error is about a machine, an action or a name.
fn is_reference(answer: &clap::Error) -> bool {
    let Some(ContextValue::String(argument)) = answer.get(ContextKind::InvalidArg) else {
        return false;
    };
    let is_value = answer.kind() == ErrorKind::ValueValidation;
    let names = ["MACHINE", "ACTION", "NAME"];
    is_value && !argument.starts_with('-') && names.iter().any(|name| argument.contains(name))
}

/// Whether the error is that `offboard run` has no machine.
fn lacks_machines(answer: &clap::Error) -> bool {
    let missing = answer.get(ContextKind::InvalidArg);
    answer.kind() == ErrorKind::MissingRequiredArgument
        && matches!(missing, Some(ContextValue::Strings(missing))
            if missing.iter().any(|argument| argument == "<MACHINE>..."))
}

/// Whether the error is that `offboard cancel` has no option to confirm.
fn confirms_cancel(answer: &clap::Error, text: &str) -> bool {
    let unknown = answer.get(ContextKind::InvalidArg);
    answer.kind() == ErrorKind::UnknownArgument
        && matches!(unknown, Some(ContextValue::String(unknown))
            if ["--yes", "-y"].contains(&unknown.as_str()))
        && text.contains("Usage: offboard cancel")
}

/// Runs a command.
///
/// # Errors
/// Nothing was sent, and the user can correct the cause.
async fn dispatch(command: Command, secrets: Secrets, terminal: &Terminal) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => run::run(args, secrets, terminal).await,
        Command::Resume(args) => resume::resume(args, secrets, terminal).await,
        Command::Discard(args) => discard::discard(args, terminal).await,
        Command::Runs(args) => records::runs(args, terminal).await,
        Command::Show(args) => records::show(args, terminal).await,
        Command::Export(args) => records::export(args, terminal).await,
        Command::Status(args) => status::status(args, secrets, terminal).await,
        Command::Cancel(args) => cancel::cancel(args, secrets, terminal).await,
        Command::Find(args) => find::find(args, secrets, terminal).await,
        Command::Check(args) => check::check(args, secrets, terminal).await,
        Command::Config(ConfigCommand::Show(args)) => config::show(args, secrets, terminal),
        Command::Inspect(args) => inspect::inspect(&args, terminal),
        Command::Schema(args) => schema::schema(&args, terminal),
        #[cfg(feature = "simulator")]
        Command::Simulate(args) => simulate(args, terminal).await,
        #[cfg(feature = "simulator")]
        Command::Demo => demo::demo(terminal).await,
        Command::Completions { shell } => {
            terminal.write_bytes(&completion::script(shell));
            Ok(Exit::Done)
        }
        Command::Man(args) => manual::man(&args, terminal),
    }
}

#[cfg(feature = "simulator")]
async fn simulate(args: offboard_simulator::Args, terminal: &Terminal) -> anyhow::Result<Exit> {
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
    let served = offboard_simulator::serve(args, terminal.quiet()).await;
    served.map_err(explain_simulator)?;
    Ok(Exit::Done)
}

/// An error of the simulator, with what to do about its files.
#[cfg(feature = "simulator")]
fn explain_simulator(error: ServeError) -> anyhow::Error {
    let (ServeError::TokenFile(_, file) | ServeError::AuthorityFile(_, file)) = &error else {
        return error.into();
    };
    let help = match file {
        OutputFileError::Exists => new_file::USE_FORCE,
        OutputFileError::NoFolder => new_file::CREATE_FOLDER,
        _ => return error.into(),
    };
    let text = format!("{error}: {file}");
    advice::error_with_help(text, help)
}
