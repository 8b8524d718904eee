//! The command-line arguments for [`Config`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::config::{
    COMMERCIAL_RESOURCE, Config, EmptyList, ExternalIds, MAX_FLEET, MAX_PAGE_SIZE, OnDuplicate,
    SuccessStatus, UserRole,
};
use crate::fault::{FaultPlan, FaultRule};
use crate::quota::Quota;

/// The behaviour of a simulator, as command-line flags.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The loopback address to listen on. Port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value_t = Config::default().listen)]
    pub listen: SocketAddr,

    /// Also write the token to a file that only its owner can read
    #[arg(long, value_name = "FILE")]
    pub write_token: Option<PathBuf>,

    /// Serve HTTPS, with a certificate of a certification authority that is created at start
    #[arg(long)]
    pub tls: bool,

    /// A further name for that certificate, such as login.microsoftonline.com, for a client
    /// whose hosts cannot be configured. Can be given more than once
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub tls_name: Vec<String>,

    /// Write the certification authority's certificate to this file, as PEM
    /// [default: a temporary file that is removed at the end]
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub write_ca: Option<PathBuf>,

    /// Write an assertion of a trusted identity provider, valid for ten minutes,
    /// to a file that only its owner can read
    #[arg(long, value_name = "FILE")]
    pub write_federated_token: Option<PathBuf>,

    /// Replace existing files, whatever they contain. Without it, --write-token, --write-ca and
    /// --write-federated-token replace only files that a simulator wrote
    #[arg(long)]
    pub force: bool,

    /// Set all clocks ahead or back by this time, such as 10m or -1h
    #[arg(long, value_name = "[-]TIME", default_value = "0s", allow_hyphen_values = true,
        value_parser = skew)]
    pub clock_skew: i64,

    /// The number of machines in the fleet
    #[arg(long, value_name = "N", default_value_t = Config::default().machines,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_FLEET)))]
    pub machines: u32,

    /// The random seed of the fleet. The same number and seed give the same fleet
    #[arg(long, value_name = "S", default_value_t = Config::default().seed)]
    pub seed: u64,

    /// The duration of an action on an online device, such as 500ms or 1m. On an
    /// offline device, it stays Pending until the deadline
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub action_time: Duration,

    /// The time after which an action on an offline device ends as TimeOut
    #[arg(long, value_name = "TIME", default_value = "3days", value_parser = humantime::parse_duration)]
    pub action_deadline: Duration,

    /// The answer to a second offboarding while the first one is pending, and to a second
    /// isolation or release
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Config::default().on_duplicate)]
    pub on_duplicate: OnDuplicate,

    /// The HTTP status for an accepted offboarding
    #[arg(long, value_name = "STATUS", value_enum, default_value_t = Config::default().success_status)]
    pub success_status: SuccessStatus,

    /// What happens to the ExternalId of an offboarding
    #[arg(long, value_enum, default_value_t = Config::default().external_ids)]
    pub external_ids: ExternalIds,

    /// Inject a fault, as ROUTE:WHEN:WHAT. Can be given more than once
    ///
    /// ROUTE is any, api, machines, machine, findbyip, findbytag, logonusers,
    /// machinealerts, offboard, isolate, unisolate, tags, machineactions,
    /// machineaction, cancel, alerts, alert or token. A route for one machine,
    /// action or alert can include its id, or the machine's name: offboard/ID.
    /// Each rule counts the calls of its route.
    ///
    /// WHEN is always, the number of a call (3), a range (1-4, 5-), every=5, or a
    /// random share of the calls (10%), see --fault-seed.
    ///
    /// WHAT is one of
    ///   delay=TIME                 delayed; dropped if the client disconnects
    ///   delay-after-commit=TIME    carried out, with a delayed response
    ///   drop-before-commit         not carried out, no response
    ///   drop-after-commit          carried out, no response
    ///   status=CODE                not carried out, this status (400 to 599)
    ///   status-after-commit=CODE   carried out, this status
    ///   garbage                    a body that is not JSON
    ///   slow-body=TIME             a body sent byte by byte, with this delay
    ///   reset-in-body              the connection is reset within the body
    /// and, for the action that offboard, isolate or unisolate creates,
    ///   visible-after=TIME         cannot be listed or read before
    ///   ends=Failed, ends=TimeOut  ends with this status
    ///
    /// A status can have a header: status=429,retry-after=5s. Several rules can
    /// apply to one call. If several of them answer it, the first one does.
    ///
    /// Examples:
    ///   --fault offboard:3:drop-after-commit
    ///   --fault offboard:10%:status=503
    ///   --fault machineactions:every=5:delay=2s
    ///   --fault any:1-4:status=429
    #[arg(long, value_name = "ROUTE:WHEN:WHAT", verbatim_doc_comment)]
    pub fault: Vec<FaultRule>,

    /// The random seed for the shares of --fault. The same seed and calls give
    /// the same faults
    #[arg(long, value_name = "S", default_value_t = FaultPlan::default().seed)]
    pub fault_seed: u64,

    /// The calls per sliding window, for each application, tenant and API.
    /// "none" disables the quota
    #[arg(long, value_name = "CALLS/TIME,…", default_value_t = Quota::default())]
    pub quota: Quota,

    /// The maximum number of items on one page of a list
    #[arg(long, value_name = "N", default_value_t = Config::default().page_size,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE_SIZE)))]
    pub page_size: u32,

    /// The answer to a machine list without results: 200 with an empty list, or
    /// 404
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Config::default().empty_list)]
    pub empty_list: EmptyList,

    /// The application roles with consent. An empty text means none
    #[arg(
        long,
        value_name = "A,B",
        default_value = "Machine.Offboard,Machine.Read.All",
        value_delimiter = ','
    )]
    pub roles: Vec<String>,

    /// The delegated permissions with consent. An empty text means none
    #[arg(
        long,
        value_name = "A,B",
        default_value = "Machine.Offboard,Machine.Read",
        value_delimiter = ','
    )]
    pub scopes: Vec<String>,

    /// A resource that exists in Entra ID, and an audience that the API
    /// accepts. Can be given more than once
    #[arg(long, value_name = "URL", default_value = COMMERCIAL_RESOURCE)]
    pub accept_resource: Vec<String>,

    /// The audience of the token that is printed at start [default: the first
    /// accepted resource]. The API answers 403 to an audience that it does not
    /// accept
    #[arg(long, value_name = "URL")]
    pub audience: Option<String>,

    /// The tenant id
    #[arg(long, value_name = "GUID", default_value_t = Config::default().tenant)]
    pub tenant: Uuid,

    /// The application's client id
    #[arg(long, value_name = "GUID", default_value_t = Config::default().client_id)]
    pub client_id: Uuid,

    /// The application's secret [default: created at start]
    #[arg(long, value_name = "TEXT")]
    pub client_secret: Option<String>,

    /// Treat the application's secret as expired
    #[arg(long)]
    pub secret_expired: bool,

    /// A PEM certificate with which the application may sign in. Can be given
    /// more than once
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Vec<PathBuf>,

    /// Accept an assertion that is signed with a certificate only once
    #[arg(long)]
    pub refuse_replayed_assertions: bool,

    /// Block every sign-in by a conditional access policy
    #[arg(long)]
    pub conditional_access: bool,

    /// The device groups that a user can see, such as Servers or Workplaces
    /// [default: all machines]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub user_groups: Option<Vec<String>>,

    /// The role of a user
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = Config::default().user_role)]
    pub user_role: UserRole,

    /// The lifetime of tokens
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub token_lifetime: Duration,
}

/// Whole seconds with a sign.
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
            action_deadline: args.action_deadline,
            on_duplicate: args.on_duplicate,
            success_status: args.success_status,
            external_ids: args.external_ids,
            faults: FaultPlan {
                seed: args.fault_seed,
                rules: args.fault,
            },
            quota: args.quota,
            page_size: args.page_size,
            empty_list: args.empty_list,
            tls: args.tls,
            tls_names: args.tls_name,
            clock_skew: args.clock_skew,
            roles: named(args.roles),
            scopes: named(args.scopes),
            audience: args.audience.or(first).unwrap_or_default(),
            accept_resources: args.accept_resource,
            tenant: args.tenant,
            client_id: args.client_id,
            client_secret: args.client_secret,
            signing_key: None,
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
