//! The arguments of every command, and their help texts.

mod list_source;
mod output;
mod records;
mod rule;
mod settings;

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgAction, Args, Parser, Subcommand,
    builder::{PathBufValueParser, TypedValueParser},
};

use clap_complete::ArgValueCandidates;

use self::{
    output::EXIT_CODES,
    rule::{RULE_ARGUMENTS, RuleArgs},
};
use super::{completion, target};
use offboard::{
    config::NOT_STANDARD_OUTPUT,
    contract::{Comment, Tag},
    selection::{MachineQuery, MachineReference},
};

pub(super) use list_source::ListSource;
pub(super) use output::{Format, OutputArgs};
pub(super) use records::{DiscardArgs, ExportArgs, ExportFormat, RunsArgs, ShowArgs};
pub(super) use settings::{ConnectArgs, LedgerArgs, PluginArgs, explain, flag};

const RUN_EXAMPLES: &str = "\
Examples:
  offboard run laptop-7.example.com --comment 'Retired, INC-1234'
  offboard run 0123456789abcdef0123456789abcdef01234567 --comment 'Retired' --yes --wait
  offboard run laptop-7 --comment 'Retired' --dry-run --output json
  offboard run --from retired.csv --comment 'Retired, {ticket}' --wait=2h --report retired.html
  offboard run --inactive-for 90d --group Lab --comment 'Retired' --dry-run --output csv > lab.csv";

/// Offboard devices from Microsoft Defender for Endpoint, in a sandbox that can do
/// nothing else
#[derive(Debug, Parser)]
#[command(name = "offboard", version, after_help = EXIT_CODES, max_term_width = 100, args_override_self = true)]
pub(super) struct Cli {
    /// Print only errors and warnings on standard error
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "verbose",
        display_order = 900
    )]
    pub(super) quiet: bool,
    /// Print each request and its outcome on standard error. -vv also prints calls and waits
    #[arg(long, short, global = true, action = ArgAction::Count, display_order = 901)]
    pub(super) verbose: u8,
    /// Show whole ids in tables, and do not wrap long lines
    #[arg(long, global = true, display_order = 902)]
    pub(super) wide: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Offboard machines
    Run(RunArgs),
    /// Resume unfinished runs
    Resume(ResumeArgs),
    /// Discard the orders of a run that were not sent
    Discard(DiscardArgs),
    /// List the recorded runs
    Runs(RunsArgs),
    /// Show the recorded orders of a run
    Show(ShowArgs),
    /// Export the recorded orders of a run, with all requests and answers
    Export(ExportArgs),
    /// Show the status of machine actions
    Status(StatusArgs),
    /// Cancel pending offboardings
    Cancel(CancelArgs),
    /// Find machines by name, id or address
    Find(FindArgs),
    /// Check whether the connection can offboard. Changes nothing
    Check(CheckArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what a plugin is and what it can access
    Inspect(InspectArgs),
    /// Print the JSON schemas of the output
    Schema(SchemaArgs),
    /// Start a local simulator of Defender for Endpoint
    #[cfg(feature = "simulator")]
    Simulate(offboard_simulator::Args),
    /// Offboard a simulated machine and show each step
    #[cfg(feature = "simulator")]
    Demo,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

const COMPLETION_EXAMPLES: &str = "\
To install it for your user:
  bash        offboard completions bash > ~/.local/share/bash-completion/completions/offboard
  zsh         offboard completions zsh > ~/.zfunc/_offboard (a folder in $fpath)
  fish        offboard completions fish > ~/.config/fish/completions/offboard.fish
  powershell  offboard completions powershell >> $PROFILE
  elvish      offboard completions elvish >> ~/.config/elvish/rc.elv";

const MAN_EXAMPLES: &str = "\
Examples:
  offboard man | man -l -
  offboard man --write ~/.local/share/man/man1";

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write the pages of all commands to this folder. Earlier versions of the pages are replaced
    #[arg(long, value_name = "FOLDER")]
    pub(super) write: Option<PathBuf>,
}

/// The flag to run without a ledger.
#[derive(Debug, Args)]
pub(super) struct NoLedgerArgs {
    /// Do not use a ledger, for example on a read-only system. Limited to one machine or action
    #[arg(long)]
    pub(super) no_ledger: bool,
}

/// How a run sends and tracks.
#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(super) yes: bool,
    /// If more machines than COUNT are selected, require their exact number: typed, or --expect.
    /// For more than 25 machines, `yes` is not an answer even if COUNT is higher
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 25,
        env = "OFFBOARD_MAX_DEVICES"
    )]
    pub(super) max_devices: u64,
    /// Abort unless exactly COUNT machines are selected
    #[arg(long, value_name = "COUNT")]
    pub(super) expect: Option<u64>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    /// Query the outcome of an unanswered request for at most this long
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(super) grace: Duration,
    #[command(flatten)]
    pub(super) timeout: TimeoutArgs,
    /// The maximum number of concurrent requests
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: u8,
    /// Write an HTML report of the recorded run to this file
    #[arg(long, value_name = "FILE", value_parser = file())]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, after_long_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct RunArgs {
    /// Machine ids, device URLs of the portal, or DNS names
    #[arg(
        required_unless_present_any = RULE_ARGUMENTS.into_iter().chain(["from"]),
        conflicts_with_all = RULE_ARGUMENTS.into_iter().chain(["from"]),
        value_name = "MACHINE",
        value_parser = target::machine
    )]
    pub(super) machines: Vec<MachineReference>,
    /// Read the machines from a file, or from standard input (-). Formats: CSV with a column
    /// machineId or name and optionally comment, JSON with these members (one object per line, an
    /// array, or a saved answer of the API), or one machine per line
    #[arg(
        long,
        value_name = "FILE",
        value_parser = list_source::list_source,
        conflicts_with_all = RULE_ARGUMENTS
    )]
    pub(super) from: Option<ListSource>,
    /// The column or JSON member with the machine ids. Required if its name is not recognized, or
    /// if another column also contains machine ids
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "from",
        conflicts_with = "machines"
    )]
    pub(super) id_column: Option<String>,
    /// The column or JSON member with the Entra device ids. Each must be the id of exactly one
    /// machine, which is looked up in the fleet
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "from",
        conflicts_with_all = ["machines", "id_column"]
    )]
    pub(super) entra_id_column: Option<String>,
    /// The column or JSON member with the DNS names. Without --id-column, machines are selected
    /// only by name
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "from",
        conflicts_with = "machines"
    )]
    pub(super) name_column: Option<String>,
    /// The reason, recorded by the service and in the ledger. With --from, it applies to rows
    /// without a comment, and {column} is replaced by the row's value in that column. Otherwise,
    /// braces are not special
    #[arg(long, short, value_name = "TEXT", required_unless_present = "from")]
    pub(super) comment: Option<Comment>,
    /// Append the ids of the run and the order to the comment, to match the service's record with
    /// the ledger
    #[arg(long)]
    pub(super) correlate: bool,
    /// Tag each machine before it is offboarded, if the token permits it. The portal does not label
    /// offboarded machines itself
    #[arg(long, value_name = "NAME")]
    pub(super) tag: Option<Tag>,
    /// Show what would happen, and send nothing
    #[arg(long, short = 'n')]
    pub(super) dry_run: bool,
    /// Include machines that were already offboarded, by this ledger or with the same comment
    #[arg(long)]
    pub(super) again: bool,
    /// Your idempotency key for this run. If it was used before, that run is continued and its
    /// result is returned. Nothing is sent twice
    #[arg(long, value_name = "KEY", value_parser = key, conflicts_with_all = ["dry_run", "no_ledger"])]
    pub(super) request_id: Option<String>,
    #[command(flatten)]
    pub(super) send: SendArgs,
    #[command(flatten)]
    pub(super) no_ledger: NoLedgerArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) rule: RuleArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

/// Parses an output file. `-` is rejected: it does not mean standard output here.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if path.as_os_str() == "-" {
            Err(NOT_STANDARD_OUTPUT)
        } else {
            Ok(path)
        }
    })
}

/// Parses a duration.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a duration is expected, such as 90s, 10m or 1h30m".to_owned())
}

/// Parses a request id.
fn key(text: &str) -> Result<String, String> {
    let fits = (1..=200).contains(&text.trim().len()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text.trim().to_owned())
    } else {
        Err("a key has 1 to 200 characters, and no control characters".to_owned())
    }
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct ResumeArgs {
    /// A run id or its beginning, or `last` [default: all unfinished runs of this account]
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(completion::unfinished_runs))]
    pub(super) run: Option<String>,
    /// Resend each unknown order once if the service does not list its action after the grace time.
    /// The first request may already have been carried out
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
    /// Action ids, or machines, whose newest offboarding is shown
    #[arg(
        required_unless_present = "request_id",
        value_name = "ACTION",
        value_parser = target::action
    )]
    pub(super) actions: Vec<target::ActionReference>,
    /// Query the actions of the run with this request id, and show its orders
    #[arg(long, value_name = "KEY", value_parser = key, conflicts_with = "actions")]
    pub(super) request_id: Option<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) timeout: TimeoutArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct CancelArgs {
    /// Action ids, or machines, whose pending offboarding is cancelled
    #[arg(required = true, value_name = "ACTION", value_parser = target::action)]
    pub(super) actions: Vec<target::ActionReference>,
    /// The reason, recorded by the service
    #[arg(long, short, value_name = "TEXT")]
    pub(super) comment: Comment,
    #[command(flatten)]
    pub(super) no_ledger: NoLedgerArgs,
    #[command(flatten)]
    pub(super) timeout: TimeoutArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct FindArgs {
    /// A DNS name, the beginning of a name followed by `*`, a machine id, a device URL of the
    /// portal, an Entra device id, or an IP address. A single label also finds names that begin
    /// with that label and a dot
    #[arg(value_name = "NAME", value_parser = target::query)]
    pub(super) query: MachineQuery,
    #[command(flatten)]
    pub(super) timeout: TimeoutArgs,
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
    /// Show each effective value and its source. Does not sign in
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
    /// Write the component to this file
    #[arg(long, value_name = "FILE")]
    pub(super) extract: Option<PathBuf>,
    /// Write the contract to this folder
    #[arg(long, value_name = "DIR")]
    pub(super) wit: Option<PathBuf>,
    /// Replace an existing file of --extract or --wit
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// How long a command waits for the service.
#[derive(Debug, Args)]
pub(super) struct TimeoutArgs {
    /// The longest single wait: for the quota, for a pause that the service requests, or for a
    /// service that cannot be reached. Orders that are not sent then can be resumed
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The name of a schema, such as order [default: list all names]
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Track the actions to their final state, for at most this long [without a duration: 10m]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10m",
        value_parser = duration,
    )]
    pub(super) wait: Option<Duration>,
}
