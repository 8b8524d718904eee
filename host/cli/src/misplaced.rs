//! Rejects secrets in arguments that would be shown, recorded or sent.

use clap::{ArgMatches, Command, parser::ValueSource};

use offboard::mask::{self, MisplacedSecret};

/// The command whose arguments may be secrets.
const SIMULATE: &str = "simulate";

/// Rejects a secret in an argument that would be shown, recorded or sent. Call this
/// before anything else is done with the arguments.
///
/// # Errors
/// The value of an argument, or of its environment variable, contains a secret.
pub(crate) fn check_arguments(
    mut command: &Command,
    mut matches: &ArgMatches,
) -> Result<(), MisplacedSecret> {
    while let Some((name, inner)) = matches.subcommand() {
        // The simulator's secrets do not give access to anything.
        let Some(subcommand) = command.find_subcommand(name).filter(|_| name != SIMULATE) else {
            break;
        };
        (command, matches) = (subcommand, inner);
    }
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let name = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => argument.get_long().map_or_else(
                || argument.get_id().as_str().to_uppercase(),
                |name| format!("--{name}"),
            ),
            Some(ValueSource::EnvVariable) => argument
                .get_env()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            _ => continue,
        };
        for value in matches.get_raw(id).into_iter().flatten() {
            mask::check(&name, &value.to_string_lossy())?;
        }
    }
    Ok(())
}
