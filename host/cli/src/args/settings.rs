//! The arguments of settings, built from their definitions.

use std::{ffi::OsString, path::PathBuf};

use crate::{
    advice::{MISPLACED_SECRET, error_with_help},
    completion,
};
use anyhow::{Result, ensure};
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches,
    builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser},
    parser::ValueSource,
};
use clap_complete::ArgValueCandidates;
use offboard::{
    config::{
        Config, ConfigBuilder, ConfigError, Environment, InvalidFile, Kind, PluginSettings,
        SETTINGS, Secrets, Section, Setting,
    },
    contract::with_sources,
    identity::cloud::ChoiceError,
};

/// The settings of the connection, the sign-in and the plugin.
#[derive(Debug)]
pub(crate) struct ConnectArgs(Given);

/// The settings of the plugin.
#[derive(Debug)]
pub(crate) struct PluginArgs(Given);

/// The settings that locate the ledger, for commands that only read it.
#[derive(Debug)]
pub(crate) struct LedgerArgs(Given);

/// The settings on the command line: the key, the values, and the argument.
#[derive(Debug)]
struct Given(Vec<(&'static str, Vec<OsString>, String)>);

impl ConnectArgs {
    /// The effective configuration.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(crate) fn config(&self, secrets: Secrets) -> Result<Config> {
        let config = self.0.builder()?.secrets(secrets).build();
        config.map_err(explain)
    }

    /// Checks that the command line does not name a ledger and also exclude one. The
    /// environment may name one: flags take precedence.
    ///
    /// # Errors
    /// `--no-ledger` and `--ledger` are both given.
    pub(crate) fn check_no_ledger(&self, no_ledger: bool) -> Result<()> {
        let is_named = self.0.0.iter().any(|(key, ..)| *key == "ledger");
        ensure!(
            !no_ledger || !is_named,
            "--no-ledger cannot be used with --ledger: nothing was sent"
        );
        Ok(())
    }
}

impl PluginArgs {
    /// The plugin and its limits.
    ///
    /// # Errors
    /// A value cannot be used.
    pub(crate) fn settings(&self) -> Result<PluginSettings> {
        self.0.builder()?.plugin().map_err(explain)
    }
}

impl LedgerArgs {
    /// The layers of the configuration, to locate the ledger.
    ///
    /// # Errors
    /// A setting is unknown.
    pub(crate) fn layers(&self) -> Result<ConfigBuilder> {
        self.0.builder()
    }
}

impl Given {
    fn builder(&self) -> Result<ConfigBuilder> {
        let builder = Config::builder().environment(Environment::of_process());
        self.0
            .iter()
            .try_fold(builder, |builder, (key, texts, name)| {
                builder.set(key, texts, name).map_err(explain)
            })
    }

    /// The values of the command line. The configuration reads variables itself.
    fn of(matches: &ArgMatches, settings: impl Iterator<Item = &'static Setting>) -> Self {
        let given = settings.filter_map(|setting| {
            // The parser panics on a name that no argument has.
            let name = flag(setting)?;
            if matches.value_source(setting.key)? != ValueSource::CommandLine {
                return None;
            }
            let texts = matches.get_raw(setting.key)?.map(ToOwned::to_owned);
            Some((setting.key, texts.collect(), name))
        });
        Self(given.collect())
    }
}

/// The flag of a setting.
pub(crate) fn flag(setting: &Setting) -> Option<String> {
    Some(format!("--{}", setting.argument?))
}

/// An error of the configuration, with the flag that the user can give.
pub(crate) fn explain(error: ConfigError) -> anyhow::Error {
    match &error {
        ConfigError::NoHome { .. } => {
            error_with_help(error, "Give a configuration file with --config.")
        }
        ConfigError::SeveralProfiles { path, profiles } => error_with_help(
            format!("{} has several profiles", offboard::mask::path(path)),
            format!("Choose one with --profile ({}).", profiles.join(", ")),
        ),
        ConfigError::UnknownAuthority { .. } => {
            error_with_help(error, "To use it, add --authority.")
        }
        ConfigError::Service(ChoiceError::UnknownHost(host, _)) => {
            let help = format!("If that is intended, allow it with --allow-api-host {host}.");
            error_with_help(error, help)
        }
        ConfigError::Secret(_)
        | ConfigError::File {
            source: InvalidFile::Secret(_),
            ..
        } => error_with_help(with_sources(&error), MISPLACED_SECRET),
        _ => error.into(),
    }
}

/// The settings of every section.
fn of_connection() -> impl Iterator<Item = &'static Setting> {
    let sections = [Section::Connection, Section::SignIn, Section::Plugin];
    sections.into_iter().flat_map(of)
}

fn of(section: Section) -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.section == section)
}

/// The settings that locate the ledger.
fn of_ledger() -> impl Iterator<Item = &'static Setting> {
    const KEYS: [&str; 3] = ["ledger", "profile", "configuration"];
    let setting = |key| SETTINGS.iter().find(move |setting| setting.key == key);
    KEYS.into_iter().filter_map(setting)
}

/// The argument of a setting, if it has one.
fn argument(setting: &'static Setting) -> Option<Arg> {
    let argument = Arg::new(setting.key)
        .long(setting.argument?)
        .value_name(setting.value_name)
        .env(setting.variable?)
        .help(setting.help());
    let argument = match setting.kind {
        Kind::Path => argument.value_parser(
            PathBufValueParser::new()
                .try_map(|path: PathBuf| setting.check(&path.to_string_lossy()).map(|()| path)),
        ),
        Kind::Keyword(words) => {
            let value = |(name, description): (&'static str, &'static str)| {
                PossibleValue::new(name).help(description)
            };
            argument.value_parser(PossibleValuesParser::new(words().into_iter().map(value)))
        }
        Kind::Parsed => argument.value_parser(|text: &str| setting.check(text)),
        Kind::Text | Kind::Table => argument,
    };
    let argument = if setting.key == "profile" {
        argument.add(ArgValueCandidates::new(completion::profiles))
    } else {
        argument
    };
    Some(if setting.is_list {
        argument.action(ArgAction::Append).value_delimiter(',')
    } else {
        argument
    })
}

fn with(command: Command, settings: impl Iterator<Item = &'static Setting>) -> Command {
    command.args(settings.filter_map(|setting| {
        let argument = argument(setting)?;
        Some(argument.help_heading(setting.section.heading()))
    }))
}

/// Implements arguments for these settings.
macro_rules! settings_args {
    ($args:ident, $settings:expr, $augment:expr) => {
        impl FromArgMatches for $args {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(Given::of(matches, $settings)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0 = Given::of(matches, $settings);
                Ok(())
            }
        }

        impl Args for $args {
            fn augment_args(command: Command) -> Command {
                let augment: fn(Command) -> Command = $augment;
                augment(command)
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    };
}

settings_args!(ConnectArgs, of_connection(), |command| with(
    command,
    of_connection()
));
settings_args!(PluginArgs, of(Section::Plugin), |command| with(
    command,
    of(Section::Plugin)
));
settings_args!(LedgerArgs, of_ledger(), |command| {
    const LEDGER: &str = "The ledger [default: the profile's, or offboard/ledger.db in your \
        state folder]";
    command.args(of_ledger().filter_map(|setting| {
        let argument = argument(setting)?;
        Some(match setting.key {
            "ledger" => argument.help(LEDGER),
            _ => argument,
        })
    }))
});

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{env, fs, path::Path};

    use super::*;

    /// Between these lines, the document has the table.
    const TABLE_BEGIN: &str = "<!-- settings: begin -->\n";
    const TABLE_END: &str = "<!-- settings: end -->\n";

    /// The settings as a table of a document.
    fn table() -> String {
        let code = |name: &str| format!("`{name}`");
        let mut table = String::new();
        for section in [Section::Connection, Section::SignIn, Section::Plugin] {
            let heading = section.heading();
            table.push_str(&format!(
                "\n| {heading} | key | variables | description |\n|---|---|---|---|\n"
            ));
            for setting in of(section) {
                let flag = flag(setting).map(|flag| format!("`{flag} {}`", setting.value_name));
                let key = Some(code(setting.key)).filter(|_| setting.in_profile);
                let variables: Vec<String> = setting
                    .variable
                    .into_iter()
                    .chain(setting.others.iter().copied())
                    .map(code)
                    .collect();
                let mut variables = variables.join(", ");
                if let Some(secret) = &setting.secret {
                    variables.push_str(&format!("; the secret itself: `{}`", secret.variable));
                }
                table.push_str(&format!(
                    "| {} | {} | {variables} | {} |\n",
                    flag.unwrap_or_default(),
                    key.unwrap_or_default(),
                    setting.about,
                ));
            }
        }
        table.push('\n');
        table
    }

    #[test]
    fn the_document_has_every_setting_as_it_is() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connect.md");
        let document = fs::read_to_string(&file).unwrap();
        let (before, rest) = document.split_once(TABLE_BEGIN).unwrap();
        let (current, after) = rest.split_once(TABLE_END).unwrap();
        let table = table();
        if env::var_os("UPDATE_DOCUMENTS").is_some() {
            fs::write(
                &file,
                format!("{before}{TABLE_BEGIN}{table}{TABLE_END}{after}"),
            )
            .unwrap();
            return;
        }
        assert_eq!(
            current, table,
            "docs/connect.md is not current; update it with\n  UPDATE_DOCUMENTS=1 cargo test -p \
             offboard-cli --bin offboard the_document_has_every_setting"
        );
    }

    /// The parser panics on an argument that is not consistent.
    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        crate::args::Cli::command().debug_assert();
    }

    #[test]
    fn only_the_command_line_is_an_override() {
        let command = ConnectArgs::augment_args(Command::new("test"));
        let arguments = ["test", "--limit", "memory=1MiB,handles=5", "--cloud=gcc"];
        let matches = command.try_get_matches_from(arguments).unwrap();
        let Given(given) = Given::of(&matches, of_connection());
        let texts = |texts: &[&str]| texts.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            given,
            [
                ("cloud", texts(&["gcc"]), "--cloud".to_owned()),
                (
                    "limits",
                    texts(&["memory=1MiB", "handles=5"]),
                    "--limit".to_owned()
                ),
            ]
        );
    }
}
