//! What a command returns: the format of its data, and its exit code.

use clap::{Args, ValueEnum};

/// The exit codes, for the help of every command that has them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    all operations succeeded; accepted without --wait counts as success
  1    a machine was rejected or failed, or has reported since it was offboarded, or an output file
       could not be written
  2    usage error, or a setting that cannot be used; nothing was sent
  3    no usable credential, or a missing permission
  4    an outcome is unknown or not recorded, or an action is pending at the deadline of --wait
  5    not sent; safe to repeat
  130  interrupted, or not confirmed
If several apply, the first of 4, 3, 1, 5 is returned. `show` returns the code of the recorded
states. `check` returns the code that `run` would return.

Data is written to standard output, everything else to standard error.";

#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// The format of the data on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people
    Table,
    /// One JSON array, or one object for inspect and config show
    Json,
    /// One JSON object per line
    Jsonl,
    /// CSV with a header, safe to open in a spreadsheet
    Csv,
}
