//! What a simulator is started with, as plain data.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use uuid::Uuid;

use crate::fault::FaultPlan;
use crate::quota::Quota;

/// The largest fleet a simulator is started with.
pub const MAX_MACHINES: u32 = 100_000;

/// The largest page and the largest `$top`, as in Microsoft's API
/// documentation.
pub const MAX_PAGE_SIZE: u32 = 10_000;

/// The resource of the commercial cloud, which is also the audience of its
/// tokens.
pub const COMMERCIAL_RESOURCE: &str = "https://api.securitycenter.microsoft.com";

/// How a simulator behaves. [`Config::default`] is a service as documented,
/// with a fleet of 30 machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 picks a free one. Must be a loopback address.
    pub listen: SocketAddr,
    /// How many machines the fleet has, 0 to [`MAX_MACHINES`].
    pub machines: u32,
    /// What the fleet is drawn from: the same seed and number of machines give
    /// the same fleet.
    pub seed: u64,
    /// How long an action takes on an online device, from `Pending` to
    /// `Succeeded`. It is `InProgress` in the second half of that time.
    pub action_time: Duration,
    /// What a second offboarding answers while the first isn't final.
    pub on_duplicate: OnDuplicate,
    /// What an accepted offboarding answers.
    pub success_status: SuccessStatus,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// How many calls one application of one tenant may make to one API.
    pub quota: Quota,
    /// How many items a page of a list has at most, 1 to [`MAX_PAGE_SIZE`].
    pub page_size: u32,
    /// What a machine list without machines answers.
    pub empty_list: EmptyList,
    /// Whether it speaks HTTPS, with a certificate for `127.0.0.1`, `::1` and
    /// `localhost` of an authority that is made at start.
    pub tls: bool,
    /// How far all of its clocks are ahead of the system's, in seconds; below
    /// zero they are behind.
    pub clock_skew: i64,
    /// The application roles that were consented to: those in the ready token,
    /// and in those that applications and managed identities get.
    pub roles: Vec<String>,
    /// The delegated permissions that were consented to: those that a user's
    /// token can have.
    pub scopes: Vec<String>,
    /// The resources that Entra ID knows, and that the API takes for its own
    /// as the audience of a token. With or without a slash at their end.
    pub accept_resources: Vec<String>,
    /// The audience of the ready token. One that isn't among
    /// [`accept_resources`](Self::accept_resources) gives a token that is
    /// answered with 403.
    pub audience: String,
    /// The tenant.
    pub tenant: Uuid,
    /// The application's client id.
    pub client_id: Uuid,
    /// The application's display name, which actions show as their
    /// `requestor`.
    pub app_name: String,
    /// The application's secret; one is made at start where there is none.
    pub client_secret: Option<String>,
    /// Whether that secret has expired.
    pub secret_expired: bool,
    /// Whether a policy blocks every sign-in, but those of managed identities,
    /// which policies don't reach.
    pub conditional_access: bool,
    /// Whether an assertion signed with a certificate is good only once. Entra
    /// ID lets it pass, and MSAL for Python sends one for ten minutes.
    pub refuse_replayed_assertions: bool,
    /// The user of delegated tokens, by the user principal name.
    pub user: String,
    /// The device groups that a user sees, by name; `None` for all machines.
    pub user_groups: Option<Vec<String>>,
    /// What a user may do besides reading.
    pub user_role: UserRole,
    /// How long a token is valid, in whole seconds. Microsoft's API
    /// documentation says one hour.
    pub token_lifetime: Duration,
    /// How long a device code is valid, in whole seconds. Entra ID's is good
    /// for 15 minutes.
    pub device_code_lifetime: Duration,
    /// The shortest time between two polls for a device code. Entra ID says
    /// five seconds.
    pub device_code_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            machines: 30,
            seed: 1,
            action_time: Duration::from_secs(2),
            on_duplicate: OnDuplicate::Return,
            success_status: SuccessStatus::Ok,
            faults: FaultPlan::default(),
            quota: Quota::default(),
            page_size: MAX_PAGE_SIZE,
            empty_list: EmptyList::Ok,
            tls: false,
            clock_skew: 0,
            roles: ["Machine.Offboard", "Machine.Read.All"]
                .map(String::from)
                .to_vec(),
            scopes: ["Machine.Offboard", "Machine.Read"]
                .map(String::from)
                .to_vec(),
            accept_resources: vec![COMMERCIAL_RESOURCE.to_owned()],
            audience: COMMERCIAL_RESOURCE.to_owned(),
            tenant: Uuid::from_u128(0x7e4a_4700_0000_4000_8000_0000_0000_0001),
            client_id: Uuid::from_u128(0xc11e_4700_0000_4000_8000_0000_0000_0001),
            app_name: "offboard-simulator-app".to_owned(),
            client_secret: None,
            secret_expired: false,
            conditional_access: false,
            refuse_replayed_assertions: false,
            user: "analyst@contoso.test".to_owned(),
            user_groups: None,
            user_role: UserRole::SecuritySettings,
            token_lifetime: Duration::from_secs(3600),
            device_code_lifetime: Duration::from_secs(15 * 60),
            device_code_interval: Duration::from_secs(5),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback(self.listen));
        }
        if self.machines > MAX_MACHINES {
            return Err(ConfigError::Machines(self.machines));
        }
        if !(1..=MAX_PAGE_SIZE).contains(&self.page_size) {
            return Err(ConfigError::PageSize(self.page_size));
        }
        Ok(())
    }
}

/// Why a configuration can't be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address could be reached from other machines.
    #[error(
        "refusing to listen on {0}: the simulator hands out tokens and shows every request it \
         received, so it listens on loopback addresses only (127.0.0.1 or [::1])"
    )]
    NotLoopback(SocketAddr),
    /// More machines than [`MAX_MACHINES`].
    #[error("{0} machines are too many, {MAX_MACHINES} is the most")]
    Machines(u32),
    /// A page size of 0, or above [`MAX_PAGE_SIZE`].
    #[error("a page size of {0} is out of range, it is 1 to {MAX_PAGE_SIZE}")]
    PageSize(u32),
}

/// What a second offboarding of a machine answers while the first isn't final.
///
/// Microsoft's API documentation is silent for offboarding; for isolation it
/// knows both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnDuplicate {
    /// 200 with the pending action
    Return,
    /// 400 `ActiveRequestAlreadyExists`
    Refuse,
}

/// What an accepted offboarding answers. Microsoft's API documentation has
/// said both over the years, and its text of today says "200 - Created".
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SuccessStatus {
    /// 200 OK
    #[value(name = "200")]
    Ok,
    /// 201 Created
    #[value(name = "201")]
    Created,
}

/// What the user of a delegated token may do, by a role in the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// Reading, and offboarding and tagging, which Microsoft's documentation
    /// puts under "Manage security settings in Security Center"
    SecuritySettings,
    /// Reading only
    None,
}

/// What a machine list without machines answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyList {
    /// 200 with an empty `value`
    Ok,
    /// 404, which Microsoft's API documentation describes
    NotFound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for (listen, accepted) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:80", true),
            ("[::1]:0", true),
            ("0.0.0.0:0", false),
            ("192.0.2.1:80", false),
            ("[::]:0", false),
        ] {
            let Ok(listen) = listen.parse() else {
                panic!("{listen}")
            };
            let config = Config {
                listen,
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), accepted, "{listen}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for (machines, page_size, accepted) in [
            (0, 1, true),
            (MAX_MACHINES, MAX_PAGE_SIZE, true),
            (MAX_MACHINES + 1, 1, false),
            (1, 0, false),
            (1, MAX_PAGE_SIZE + 1, false),
        ] {
            let config = Config {
                machines,
                page_size,
                ..Config::default()
            };
            assert_eq!(
                config.validate().is_ok(),
                accepted,
                "{machines} {page_size}"
            );
        }
    }
}
