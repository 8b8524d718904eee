//! The arguments of every command, and the help that people read.

mod list_source;
mod records;
mod settings;

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum,
    builder::{PathBufValueParser, TypedValueParser},
};

use super::target;
use offboard::{
    config::NOT_STANDARD_OUTPUT,
    contract::{Comment, Tag},
    selection::MachineReference,
};

pub(super) use list_source::ListSource;
pub(super) use records::{ExportArgs, ExportFormat, RunsArgs, ShowArgs};
pub(super) use settings::{ConnectArgs, LedgerArgs, PluginArgs, explain, flag};

const EXIT_CODES: &str = "\
Exit codes:
  0    all as asked
  1    something was refused or failed, or a machine has reported since it was offboarded
  2    usage; nothing was sent
  3    no usable credential or permission
  4    unknown, or still pending at the deadline
  5    not sent, and safe to repeat
  130  interrupted, or not confirmed
Where several apply: 4, 3, 1, 5.

Data goes to standard output, everything else to standard error.";

const RUN_EXAMPLES: &str = "\
Examples:
  offboard run laptop-7.example.com --comment 'Stolen, INC-1234'
  offboard run 0123456789abcdef0123456789abcdef01234567 --comment 'Retired' --yes --wait
  offboard run laptop-7 --comment 'Retired' --dry-run --output json
  offboard run --from retired.csv --comment 'Retired, {ticket}' --wait=2h --report retired.html";

/// Takes devices out of Microsoft Defender for Endpoint, from a sandbox that
/// can do nothing else.
#[derive(Debug, Parser)]
#[command(name = "offboard", version, after_help = EXIT_CODES, max_term_width = 100, args_override_self = true)]
pub(super) struct Cli {
    /// Say nothing but errors and warnings on standard error
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print each request and its outcome on standard error; -vv also prints each call and wait
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Offboard machines
    Run(RunArgs),
    /// Take up what was not finished: find out, send what was not sent, follow
    Resume(ResumeArgs),
    /// List the runs that are on record
    Runs(RunsArgs),
    /// Show a run's orders, as they are on record
    Show(ShowArgs),
    /// Write a run's orders with all the evidence, for other programs or for people
    Export(ExportArgs),
    /// Show what became of machine actions
    Status(StatusArgs),
    /// Cancel machine actions that have not ended
    Cancel(CancelArgs),
    /// Find machines by name
    Find(FindArgs),
    /// Find out whether the connection can offboard, and why not; changes nothing
    Check(CheckArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what a plugin is and what it may reach
    Inspect(InspectArgs),
    /// Start a simulator of Defender for Endpoint on this machine
    #[cfg(feature = "simulator")]
    Simulate(offboard_simulator::Args),
    /// Offboard a simulated machine, and see each step
    #[cfg(feature = "simulator")]
    Demo,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Who may do without a ledger.
#[derive(Debug, Args)]
pub(super) struct NoLedgerArgs {
    /// Put nothing on record here, where nothing can be written; for one machine alone
    #[arg(long)]
    pub(super) no_ledger: bool,
}

/// How a run is sent and followed.
#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    /// More machines than these need their count: typed, or given with --expect
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 25,
        env = "OFFBOARD_MAX_DEVICES"
    )]
    pub(super) max_devices: u64,
    /// So many machines are meant, and no other number
    #[arg(long, value_name = "COUNT")]
    pub(super) expect: Option<u64>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    /// How long to ask what became of a request that got no answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(super) grace: Duration,
    /// How many requests may be in flight at once
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: u8,
    /// Write a page about the run here, for a change ticket or an auditor
    #[arg(long, value_name = "FILE", value_parser = file())]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, after_long_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct RunArgs {
    /// Machine ids, device URLs of the portal, or DNS names
    #[arg(
        required_unless_present = "from",
        conflicts_with = "from",
        value_name = "MACHINE",
        value_parser = target::machine
    )]
    pub(super) machines: Vec<MachineReference>,
    /// Take the machines from a file, or from standard input (-): CSV with a column machineId or name
    /// and perhaps comment, JSON Lines with the same members, or a machine a line
    #[arg(long, value_name = "FILE", value_parser = list_source::list_source)]
    pub(super) from: Option<ListSource>,
    /// The column (or JSON member) of the list that holds the machine ids; needed if its
    /// name is not recognised or another column holds machine ids, too
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "from",
        conflicts_with = "machines"
    )]
    pub(super) id_column: Option<String>,
    /// The column (or JSON member) of the list that holds the DNS names; without --id-column,
    /// machines are selected by name alone
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "from",
        conflicts_with = "machines"
    )]
    pub(super) name_column: Option<String>,
    /// Why, for the record of the service and of this machine; with --from, of those that have no
    /// comment of their own, and {column} stands for what a row has there
    #[arg(long, short, value_name = "TEXT", required_unless_present = "from")]
    pub(super) comment: Option<Comment>,
    /// Add the ids of this run and of the order to the comment, so that the service's record leads
    /// to this machine's
    #[arg(long)]
    pub(super) correlate: bool,
    /// Tag each machine with this right before it is offboarded, where the token may: the portal has
    /// no label of its own for what is offboarded
    #[arg(long, value_name = "NAME")]
    pub(super) tag: Option<Tag>,
    /// Do everything but send
    #[arg(long, short = 'n')]
    pub(super) dry_run: bool,
    /// Also machines that were offboarded before, by this ledger
    #[arg(long)]
    pub(super) again: bool,
    /// A key of your own for this order: with the same, the first result is given again and nothing
    /// is sent twice
    #[arg(long, value_name = "KEY", value_parser = key, conflicts_with_all = ["dry_run", "no_ledger"])]
    pub(super) request_id: Option<String>,
    #[command(flatten)]
    pub(super) send: SendArgs,
    #[command(flatten)]
    pub(super) no_ledger: NoLedgerArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

/// A file that is written. `-` is not standard output here.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => Err(NOT_STANDARD_OUTPUT),
        false => Ok(path),
    })
}

/// A key of a user's own.
fn key(text: &str) -> Result<String, String> {
    let fits = (1..=200).contains(&text.trim().len()) && !text.chars().any(char::is_control);
    match fits {
        true => Ok(text.trim().to_owned()),
        false => Err("a key has from 1 to 200 letters".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct ResumeArgs {
    /// A run's id or its beginning, or `last` [default: all that are not finished]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    /// Resend each unknown order once if the service lists no action of it after the
    /// grace time; its first request may have been carried out
    #[arg(long)]
    pub(super) resend_unknown: bool,
    #[command(flatten)]
    pub(super) send: SendArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct StatusArgs {
    /// Action ids, or machines, of which the newest offboarding is shown
    #[arg(required = true, value_name = "ACTION", value_parser = target::action)]
    pub(super) actions: Vec<target::Subject>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct CancelArgs {
    /// Action ids, or machines, of which the pending offboarding is cancelled
    #[arg(required = true, value_name = "ACTION", value_parser = target::action)]
    pub(super) actions: Vec<target::Subject>,
    /// Why, for the record
    #[arg(long, short, value_name = "TEXT")]
    pub(super) comment: Comment,
    #[command(flatten)]
    pub(super) no_ledger: NoLedgerArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct FindArgs {
    /// A DNS name; a plain label also finds the full names whose first label it is
    #[arg(value_parser = target::any_name)]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show what is in force, and where each value comes from; needs no sign-in
    Show(ConfigArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct InspectArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// Write the component to a file
    #[arg(long, value_name = "FILE")]
    pub(super) extract: Option<PathBuf>,
    /// Write the contract to a folder
    #[arg(long, value_name = "DIR")]
    pub(super) wit: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Follow to a true end state, for at most this long [10m where no duration is given]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10m",
        value_parser = humantime::parse_duration,
    )]
    pub(super) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// The form of the data on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people
    Table,
    /// One JSON array; for inspect, one object
    Json,
    /// One JSON object a line
    Jsonl,
    /// CSV with a head, safe to open in a spreadsheet
    Csv,
}
