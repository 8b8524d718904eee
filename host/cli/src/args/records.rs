//! The arguments of those who look at what is on record.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{EXIT_CODES, OutputArgs};

/// Where the ledger is, for those who only look at it.
#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    /// The record of all orders [default: that of the profile, or offboard/ledger.db in your state
    /// folder]
    #[arg(long, value_name = "FILE", env = "OFFBOARD_LEDGER", value_parser = super::file())]
    pub(crate) ledger: Option<PathBuf>,
    /// The profile of the configuration file
    #[arg(long, value_name = "NAME", env = "OFFBOARD_PROFILE")]
    pub(crate) profile: Option<String>,
    /// The configuration file [default: offboard/offboard.toml in your configuration folder]
    #[arg(long, value_name = "FILE", env = "OFFBOARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct ShowArgs {
    /// A run's id or its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Only what was refused, failed, or is unknown
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A run's id or its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The form of the data on standard output
    #[arg(long, short, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) output: ExportFormat,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object an order, with its requests, answers and states
    Jsonl,
    /// CSV with a head, an order a line, safe to open in a spreadsheet
    Csv,
    /// One page that needs nothing else, for a change ticket or an auditor
    Html,
}
