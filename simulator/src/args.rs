//! The command-line face of [`Config`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::config::{
    COMMERCIAL_RESOURCE, Config, EmptyList, MAX_MACHINES, MAX_PAGE_SIZE, OnDuplicate,
    SuccessStatus, UserRole,
};
use crate::fault::{FaultPlan, FaultRule};
use crate::quota::Quota;

/// How a simulator behaves, as command-line flags.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Loopback address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value_t = Config::default().listen)]
    pub listen: SocketAddr,

    /// Also write the token to a file that nobody else can read
    #[arg(long, value_name = "FILE")]
    pub write_token: Option<PathBuf>,

    /// Speak HTTPS, with a certificate of an authority made at start
    #[arg(long)]
    pub tls: bool,

    /// Where to write that authority's certificate, as PEM; without it, to a
    /// temporary file that is removed at the end
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub write_ca: Option<PathBuf>,

    /// Write an assertion of another identity provider that the application
    /// trusts, valid for ten minutes, to a file that nobody else can read
    #[arg(long, value_name = "FILE")]
    pub write_federated_token: Option<PathBuf>,

    /// Set all clocks ahead by this much, or behind, such as 10m or -1h
    #[arg(long, value_name = "[-]TIME", default_value = "0s", allow_hyphen_values = true,
        value_parser = skew)]
    pub clock_skew: i64,

    /// Machines in the fleet
    #[arg(long, value_name = "N", default_value_t = Config::default().machines,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_MACHINES)))]
    pub machines: u32,

    /// What the fleet is drawn from: same number and seed, same fleet
    #[arg(long, value_name = "S", default_value_t = Config::default().seed)]
    pub seed: u64,

    /// Time an action takes on an online device, such as 500ms or 1m; an
    /// offline device's stays Pending
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub action_time: Duration,

    /// Answer to a second offboarding while the first isn't final
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Config::default().on_duplicate)]
    pub on_duplicate: OnDuplicate,

    /// Status of an accepted offboarding
    #[arg(long, value_name = "STATUS", value_enum, default_value_t = Config::default().success_status)]
    pub success_status: SuccessStatus,

    /// Let calls go wrong, by ROUTE:WHEN:WHAT; can be given more than once
    ///
    /// ROUTE is any, api, machines, machine, offboard, tags, machineactions,
    /// machineaction, cancel or token. Those about one machine or action can
    /// name it: offboard/ID, where a machine's name will do, too. Each rule
    /// counts the calls of its route.
    ///
    /// WHEN is always, a call's number (3), several (1-4, 5-), every=5, or a
    /// share that is drawn by --fault-seed (10%).
    ///
    /// WHAT is one of
    ///   delay=TIME                 carried out late, or not if the client leaves
    ///   delay-after-commit=TIME    carried out at once, answered late
    ///   drop-before-commit         not carried out, no answer
    ///   drop-after-commit          carried out, no answer
    ///   status=CODE                not carried out, this status (400 to 599)
    ///   status-after-commit=CODE   carried out, this status
    ///   garbage                    a body that isn't JSON
    ///   slow-body=TIME             a body byte by byte, with this pause
    ///   reset-in-body              the connection is reset in mid-body
    /// and, for the action that offboard creates,
    ///   visible-after=TIME         lists and reads don't show it before
    ///   ends=Failed, ends=TimeOut  it doesn't succeed
    ///
    /// A status can come with a header: status=429,retry-after=5s. Several rules
    /// can meet one call; of two that would answer it, the first does.
    ///
    /// Examples:
    ///   --fault offboard:3:drop-after-commit
    ///   --fault offboard:10%:status=503
    ///   --fault machineactions:every=5:delay=2s
    ///   --fault any:1-4:status=429
    #[arg(long, value_name = "ROUTE:WHEN:WHAT", verbatim_doc_comment)]
    pub fault: Vec<FaultRule>,

    /// What shares of --fault are drawn from: same seed and same calls, same
    /// faults
    #[arg(long, value_name = "S", default_value_t = FaultPlan::default().seed)]
    pub fault_seed: u64,

    /// Calls per sliding window, for each application, tenant and API; "none"
    /// lifts the quota
    #[arg(long, value_name = "CALLS/TIME,…", default_value_t = Quota::default())]
    pub quota: Quota,

    /// Most items on one page of a list
    #[arg(long, value_name = "N", default_value_t = Config::default().page_size,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE_SIZE)))]
    pub page_size: u32,

    /// Answer to a machine list that finds nothing: 200 with an empty list, or
    /// 404
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Config::default().empty_list)]
    pub empty_list: EmptyList,

    /// Application roles that were consented to; an empty text for none
    #[arg(
        long,
        value_name = "A,B",
        default_value = "Machine.Offboard,Machine.Read.All",
        value_delimiter = ','
    )]
    pub roles: Vec<String>,

    /// Delegated permissions that were consented to; an empty text for none
    #[arg(
        long,
        value_name = "A,B",
        default_value = "Machine.Offboard,Machine.Read",
        value_delimiter = ','
    )]
    pub scopes: Vec<String>,

    /// A resource that exists in Entra ID, and an audience that the API
    /// accepts; can be given more than once
    #[arg(long, value_name = "URL", default_value = COMMERCIAL_RESOURCE)]
    pub accept_resource: Vec<String>,

    /// Audience of the ready token [default: the first accepted resource]; one
    /// that isn't accepted is answered 403
    #[arg(long, value_name = "URL")]
    pub audience: Option<String>,

    /// The tenant's id
    #[arg(long, value_name = "GUID", default_value_t = Config::default().tenant)]
    pub tenant: Uuid,

    /// The application's client id
    #[arg(long, value_name = "GUID", default_value_t = Config::default().client_id)]
    pub client_id: Uuid,

    /// The application's secret [default: one that is made at start]
    #[arg(long, value_name = "TEXT")]
    pub client_secret: Option<String>,

    /// The application's secret has expired
    #[arg(long)]
    pub secret_expired: bool,

    /// A certificate that the application may sign in with, as PEM; can be
    /// given more than once
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Vec<PathBuf>,

    /// Take an assertion signed with a certificate only once
    #[arg(long)]
    pub refuse_replayed_assertions: bool,

    /// A conditional access policy blocks every sign-in
    #[arg(long)]
    pub conditional_access: bool,

    /// Device groups that a user sees, such as Servers or Workplaces
    /// [default: all machines]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub user_groups: Option<Vec<String>>,

    /// What a user may do
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = Config::default().user_role)]
    pub user_role: UserRole,

    /// How long tokens are valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub token_lifetime: Duration,
}

/// Whole seconds, with a sign before them.
fn skew(text: &str) -> Result<i64, String> {
    let (behind, amount) = match text.strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let amount = humantime::parse_duration(amount).map_err(|error| error.to_string())?;
    let seconds = i64::try_from(amount.as_secs()).map_err(|error| error.to_string())?;
    Ok(if behind { -seconds } else { seconds })
}

fn named(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        let first = args.accept_resource.first().cloned();
        Self {
            listen: args.listen,
            machines: args.machines,
            seed: args.seed,
            action_time: args.action_time,
            on_duplicate: args.on_duplicate,
            success_status: args.success_status,
            faults: FaultPlan {
                seed: args.fault_seed,
                rules: args.fault,
            },
            quota: args.quota,
            page_size: args.page_size,
            empty_list: args.empty_list,
            tls: args.tls,
            clock_skew: args.clock_skew,
            roles: named(args.roles),
            scopes: named(args.scopes),
            audience: args.audience.or(first).unwrap_or_default(),
            accept_resources: args.accept_resource,
            tenant: args.tenant,
            client_id: args.client_id,
            client_secret: args.client_secret,
            secret_expired: args.secret_expired,
            refuse_replayed_assertions: args.refuse_replayed_assertions,
            conditional_access: args.conditional_access,
            user_groups: args.user_groups.map(named),
            user_role: args.user_role,
            token_lifetime: args.token_lifetime,
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
