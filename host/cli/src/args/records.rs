//! The arguments of the commands that read the ledger.

use clap::{Args, ValueEnum};

use offboard::contract::Comment;

use super::{
    output::{EXIT_CODES, OutputArgs},
    settings::LedgerArgs,
};

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
    /// A run id or its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Show only orders that were rejected, failed or are unknown
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct DiscardArgs {
    /// A run id or its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The reason, recorded in the ledger
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) comment: Option<Comment>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A run id or its beginning, or `last`
    #[arg(
        value_name = "RUN",
        required_unless_present = "cancellations",
        conflicts_with = "cancellations"
    )]
    pub(crate) run: Option<String>,
    /// Export all cancellations instead, also those of actions without a recorded order
    #[arg(long)]
    pub(crate) cancellations: bool,
    /// The format of the data on standard output
    #[arg(long, short, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) output: ExportFormat,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object per order, with its requests, answers and states
    Jsonl,
    /// CSV with a header and one order per line, safe to open in a spreadsheet
    Csv,
    /// One self-contained HTML page, for a change ticket or an auditor
    Html,
}
