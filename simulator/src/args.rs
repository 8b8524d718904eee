//! The command-line face of [`Config`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::config::{Config, EmptyList, MAX_MACHINES, MAX_PAGE_SIZE, OnDuplicate, SuccessStatus};
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

    /// Application roles in the ready token; an empty text for none
    #[arg(
        long,
        value_name = "A,B",
        default_value = "Machine.Offboard,Machine.Read.All",
        value_delimiter = ','
    )]
    pub roles: Vec<String>,

    /// Audience of the ready token; any other than the default is answered 403
    #[arg(long, value_name = "URL", default_value_t = Config::default().audience)]
    pub audience: String,

    /// Tenant in the ready token
    #[arg(long, value_name = "GUID", default_value_t = Config::default().tenant)]
    pub tenant: Uuid,

    /// Client id in the ready token
    #[arg(long, value_name = "GUID", default_value_t = Config::default().client_id)]
    pub client_id: Uuid,

    /// How long the ready token is valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub token_lifetime: Duration,
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            listen: args.listen,
            machines: args.machines,
            seed: args.seed,
            action_time: args.action_time,
            on_duplicate: args.on_duplicate,
            success_status: args.success_status,
            quota: args.quota,
            page_size: args.page_size,
            empty_list: args.empty_list,
            roles: args
                .roles
                .into_iter()
                .filter(|role| !role.is_empty())
                .collect(),
            audience: args.audience,
            tenant: args.tenant,
            client_id: args.client_id,
            token_lifetime: args.token_lifetime,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
        Command::try_parse_from([&["simulate"], arguments].concat())
            .map(|command| command.args.into())
    }

    #[test]
    fn no_flags_give_the_default_configuration() {
        assert_eq!(parse(&[]).ok(), Some(Config::default()));
    }

    #[test]
    fn flags_reach_the_configuration() {
        let config = parse(&[
            "--listen=[::1]:8080",
            "--machines=900",
            "--seed=7",
            "--action-time=1m",
            "--on-duplicate=refuse",
            "--success-status=201",
            "--quota=2/1s",
            "--page-size=50",
            "--empty-list=not-found",
            "--roles=",
            "--audience=https://example.test",
            "--token-lifetime=5m",
        ]);
        let Ok(config) = config else {
            panic!("{config:?}")
        };
        assert_eq!(config.listen.port(), 8080);
        assert_eq!(
            (config.machines, config.seed, config.page_size),
            (900, 7, 50)
        );
        assert_eq!(config.action_time, Duration::from_secs(60));
        assert_eq!(config.on_duplicate, OnDuplicate::Refuse);
        assert_eq!(config.success_status, SuccessStatus::Created);
        assert_eq!(config.quota.to_string(), "2/1s");
        assert_eq!(config.empty_list, EmptyList::NotFound);
        assert!(config.roles.is_empty());
        assert_eq!(config.audience, "https://example.test");
        assert_eq!(config.token_lifetime, Duration::from_secs(300));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for argument in [
            "--page-size=0",
            "--page-size=10001",
            "--machines=-1",
            "--machines=100001",
            "--quota=5",
            "--success-status=204",
            "--tenant=contoso",
        ] {
            assert!(parse(&[argument]).is_err(), "{argument}");
        }
    }
}
