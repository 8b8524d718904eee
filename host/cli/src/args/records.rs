//! The arguments of the commands that read the ledger.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use offboard::contract::Comment;

use super::{
    output::{EXIT_CODES, OutputArgs},
    settings::LedgerArgs,
};
use crate::completion;

/// Parses a time, or a duration until now.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(duration) = humantime::parse_duration(text) {
        let since = Timestamp::now().checked_sub(duration);
        return Ok(since.unwrap_or(Timestamp::MIN));
    }
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok();
    let midnight = || text.parse().ok().and_then(midnight);
    let time = text.parse().ok();
    time.or_else(|| Some(midnight()?.timestamp()))
        .ok_or_else(|| "use a duration such as 7d, or a date such as 2026-11-25".to_owned())
}

/// Parses a number of rows.
fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("use a number from 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// List only runs with orders that `offboard resume` would send, query or track
    #[arg(long)]
    pub(crate) unfinished: bool,
    /// List only runs since then: a duration such as 7d, or a date or time in UTC, such as
    /// 2026-11-25
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Timestamp>,
    /// List only the newest COUNT runs
    #[arg(long, value_name = "COUNT", value_parser = count)]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct ShowArgs {
    /// A run id or its beginning, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(completion::runs))]
    pub(crate) run: String,
    /// Show only orders that were rejected, not sent, failed, timed out, cancelled or unknown
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
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(completion::unfinished_runs))]
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
        add = ArgValueCandidates::new(completion::runs),
        required_unless_present = "cancellations",
        conflicts_with = "cancellations"
    )]
    pub(crate) run: Option<String>,
    /// Export all cancellations instead, including those of actions without a recorded order
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
