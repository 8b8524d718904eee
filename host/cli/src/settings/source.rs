//! Where a setting comes from. Flags beat the environment, and that beats the
//! file.

use std::{collections::HashMap, fmt, path::PathBuf};

use clap::{ArgMatches, Command, parser::ValueSource};

use offboard::mask::{self, MisplacedSecret};

/// The command whose arguments may be secrets.
const SIMULATE: &str = "simulate";

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// On the command line.
    Flag(String),
    /// In the environment.
    Environment(String),
    /// In the configuration file's profile.
    Profile { file: PathBuf, profile: String },
    /// Derived from the cloud.
    Cloud,
    /// Nowhere: the default.
    Default,
}

/// A value, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

impl Source {
    /// Whether it is the profile.
    pub(crate) fn is_profile(&self) -> bool {
        matches!(self, Self::Profile { .. })
    }

    /// How far from the command line: the nearer one counts.
    pub(crate) fn distance(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Environment(_) => 1,
            Self::Profile { .. } => 2,
            Self::Cloud | Self::Default => 3,
        }
    }
}

impl<T> Sourced<T> {
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => formatter.write_str(name),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Profile { file, profile } => {
                write!(formatter, "profile {profile} in {}", mask::path(file))
            }
            Self::Cloud => formatter.write_str("cloud"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

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
        // The simulator's secrets give access to nothing.
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

/// Which arguments were given, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given(HashMap<String, Source>);

impl Given {
    /// Of the innermost command, whose arguments count.
    pub(crate) fn of(mut command: &Command, mut matches: &ArgMatches) -> Self {
        while let Some((name, inner)) = matches.subcommand() {
            let Some(subcommand) = command.find_subcommand(name) else {
                break;
            };
            (command, matches) = (subcommand, inner);
        }
        let source = |argument: &clap::Arg| {
            let id = argument.get_id().as_str();
            // Asking for an unknown name would panic, so only its own are.
            match matches.value_source(id)? {
                ValueSource::CommandLine => {
                    Some(Source::Flag(format!("--{}", argument.get_long()?)))
                }
                ValueSource::EnvVariable => {
                    let name = argument.get_env()?.to_string_lossy().into_owned();
                    Some(Source::Environment(name))
                }
                _ => None,
            }
        };
        let given = command
            .get_arguments()
            .filter_map(|argument| Some((argument.get_id().to_string(), source(argument)?)));
        Self(given.collect())
    }

    /// What was given for this argument, by the name of its field.
    pub(crate) fn value<T>(&self, id: &str, value: Option<T>) -> Option<Sourced<T>> {
        let source = self.0.get(id)?.clone();
        Some(Sourced::new(value?, source))
    }
}
